//! The dictionary of a batch: every text once, however it is stored.

use std::collections::HashMap;
use std::sync::Arc;

use muster_columns::ReadBudget;
use muster_model::{Scalar, ValueForm};
use parking_lot::RwLock;

use crate::cell::CellRef;
use crate::terms::Terms;
use crate::{Dictionary, StoreError};

/// Memory that is used again for the next batch: as many numbers as the store's dictionary has
/// texts.
#[derive(Default)]
pub(crate) struct Remap {
    /// For each code of the store, the code in the batch; 0 means none yet.
    codes: Vec<u32>,
    /// The codes of the store that have a code in the batch.
    used: Vec<u32>,
    /// For each code of the store, the instant of its text in milliseconds since the epoch. NaN
    /// means that the text is no instant, [`UNREAD`] that it was not read yet. The instant is the
    /// same in every batch, so it is kept.
    instants: Vec<f64>,
    /// For each form, the numbers of texts in it, as in `instants`.
    derived: Vec<(Arc<ValueForm>, Vec<f64>)>,
}

/// The number of forms whose numbers are kept. One more discards them all. Each takes up to eight
/// bytes per text of the store's dictionary.
const MAX_FORMS: usize = 64;

/// The mark of a text that was not read yet; no instant has this value.
const UNREAD: f64 = f64::NEG_INFINITY;

/// The codes of texts in the batch.
pub(crate) struct BatchTexts<'a> {
    terms: &'a RwLock<Terms>,
    /// The number of texts of the store's dictionary that the snapshot knows.
    count: u32,
    remap: &'a mut Remap,
    /// The texts that the store's dictionary does not have.
    others: HashMap<Box<str>, u32>,
    /// The numbers whose canonical text has a code.
    numbers: HashMap<u64, u32>,
    /// For each event name, the code of its text; 0 means none yet.
    names: Vec<u32>,
    dictionary: Dictionary,
    /// The byte budget that is left for the columns and the dictionary of the batch.
    budget: ReadBudget,
}

const CORRUPT: StoreError = StoreError::Corrupt {
    what: "the code of a text",
};

impl<'a> BatchTexts<'a> {
    pub(crate) fn new(
        terms: &'a RwLock<Terms>,
        count: u32,
        remap: &'a mut Remap,
        budget: ReadBudget,
    ) -> Self {
        for code in remap.used.drain(..) {
            if let Some(slot) = remap.codes.get_mut(code as usize) {
                *slot = 0;
            }
        }
        Self {
            terms,
            count,
            remap,
            others: HashMap::new(),
            numbers: HashMap::new(),
            names: Vec::new(),
            dictionary: Dictionary::default(),
            budget,
        }
    }

    /// Takes the bytes by which a column grows from the budget.
    pub(crate) fn take(&mut self, bytes: usize) -> Result<(), StoreError> {
        Ok(self.budget.take(bytes)?)
    }

    pub(crate) fn finish(self) -> Dictionary {
        self.dictionary
    }

    /// Returns the batch's code for a code of the store.
    #[inline]
    pub(crate) fn code(&mut self, code: u32) -> Result<u32, StoreError> {
        match self.remap.codes.get(code as usize) {
            Some(&known) if known != 0 => Ok(known),
            _ => self.new_code(code),
        }
    }

    #[cold]
    fn new_code(&mut self, code: u32) -> Result<u32, StoreError> {
        if code == 0 || code > self.count {
            return Err(CORRUPT);
        }
        let terms = self.terms.read();
        let text = terms.text_of(code).ok_or(CORRUPT)?;
        let new = push(&mut self.dictionary, text, &mut self.budget)?;
        drop(terms);
        if self.remap.codes.len() <= code as usize {
            self.remap.codes.resize(code as usize + 1, 0);
        }
        if let Some(slot) = self.remap.codes.get_mut(code as usize) {
            *slot = new;
        }
        self.remap.used.push(code);
        Ok(new)
    }

    /// Returns the batch's code for a text.
    pub(crate) fn text(&mut self, text: &str) -> Result<u32, StoreError> {
        if let Some(code) = self.others.get(text) {
            return Ok(*code);
        }
        let known = self.terms.read().get_text(text, self.count);
        if let Some(code) = known {
            return self.code(code);
        }
        let code = push(&mut self.dictionary, text, &mut self.budget)?;
        self.others.insert(text.into(), code);
        Ok(code)
    }

    /// Returns the batch's code for the canonical text of a number.
    pub(crate) fn number(&mut self, number: f64) -> Result<u32, StoreError> {
        if let Some(code) = self.numbers.get(&number.to_bits()) {
            return Ok(*code);
        }
        let code = self.text(&Scalar::Number(number).canonical_text())?;
        self.numbers.insert(number.to_bits(), code);
        Ok(code)
    }

    /// Returns the batch's code for the text of an event name.
    pub(crate) fn name(&mut self, name: u32) -> Result<u32, StoreError> {
        match self.names.get(name as usize) {
            Some(&known) if known != 0 => Ok(known),
            _ => self.new_name(name),
        }
    }

    #[cold]
    fn new_name(&mut self, name: u32) -> Result<u32, StoreError> {
        let terms = self.terms.read();
        let text: Box<str> = terms.name_text(name).ok_or(CORRUPT)?.into();
        drop(terms);
        let code = self.text(&text)?;
        if self.names.len() <= name as usize {
            self.names.resize(name as usize + 1, 0);
        }
        if let Some(slot) = self.names.get_mut(name as usize) {
            *slot = code;
        }
        Ok(code)
    }

    /// Returns a value as an instant, in milliseconds since the epoch; NaN if it is none.
    pub(crate) fn instant(&mut self, cell: CellRef<'_>) -> Result<f64, StoreError> {
        match cell {
            CellRef::Code(code) => self.instant_of_code(code),
            other => Ok(self.scalar(other)?.map_or(f64::NAN, |scalar| ms(&scalar))),
        }
    }

    /// Returns the text of a code of the store as an instant. Each text is parsed once, however
    /// many rows hold it.
    #[inline]
    pub(crate) fn instant_of_code(&mut self, code: u32) -> Result<f64, StoreError> {
        match self.remap.instants.get(code as usize) {
            Some(&known) if known != UNREAD => Ok(known),
            _ => self.new_instant(code),
        }
    }

    #[cold]
    fn new_instant(&mut self, code: u32) -> Result<f64, StoreError> {
        if code == 0 || code > self.count {
            return Err(CORRUPT);
        }
        let scalar = self.scalar(CellRef::Code(code))?;
        let instant = scalar.map_or(f64::NAN, |scalar| ms(&scalar));
        let instants = &mut self.remap.instants;
        if instants.len() <= code as usize {
            instants.resize(code as usize + 1, UNREAD);
        }
        if let Some(slot) = instants.get_mut(code as usize) {
            *slot = instant;
        }
        Ok(instant)
    }

    /// Returns a value in a form; NaN if it has no number there.
    pub(crate) fn derived(
        &mut self,
        form: &Arc<ValueForm>,
        cell: CellRef<'_>,
    ) -> Result<f64, StoreError> {
        let number = match cell {
            CellRef::Code(code) => {
                let slot = self.slot(form);
                return self.derived_of_code(slot, form, code);
            }
            CellRef::List(list) => {
                let mut scalars = Vec::new();
                list.each(|element| {
                    scalars.extend(self.scalar(element)?);
                    Ok(())
                })?;
                form.of_list(&scalars)
            }
            other => self
                .scalar(other)?
                .and_then(|scalar| form.of_scalar(&scalar)),
        };
        Ok(number.unwrap_or(f64::NAN))
    }

    /// Returns the place of a form's numbers.
    pub(crate) fn slot(&mut self, form: &Arc<ValueForm>) -> usize {
        let derived = &mut self.remap.derived;
        let is_form = |known: &Arc<ValueForm>| Arc::ptr_eq(known, form) || **known == **form;
        if let Some(slot) = derived.iter().position(|(known, _)| is_form(known)) {
            return slot;
        }
        if derived.len() >= MAX_FORMS {
            derived.clear();
        }
        derived.push((Arc::clone(form), Vec::new()));
        derived.len() - 1
    }

    /// Returns the text of a code of the store in a form. Each text is read once.
    #[inline]
    pub(crate) fn derived_of_code(
        &mut self,
        slot: usize,
        form: &ValueForm,
        code: u32,
    ) -> Result<f64, StoreError> {
        let known = self.remap.derived.get(slot);
        match known.and_then(|(_, numbers)| numbers.get(code as usize)) {
            Some(&known) if known != UNREAD => Ok(known),
            _ => self.new_derived(slot, form, code),
        }
    }

    #[cold]
    fn new_derived(&mut self, slot: usize, form: &ValueForm, code: u32) -> Result<f64, StoreError> {
        if code == 0 || code > self.count {
            return Err(CORRUPT);
        }
        let scalar = self.scalar(CellRef::Code(code))?;
        let number = scalar.and_then(|scalar| form.of_scalar(&scalar));
        let number = number.unwrap_or(f64::NAN);
        if let Some((_, numbers)) = self.remap.derived.get_mut(slot) {
            if numbers.len() <= code as usize {
                numbers.resize(code as usize + 1, UNREAD);
            }
            if let Some(place) = numbers.get_mut(code as usize) {
                *place = number;
            }
        }
        Ok(number)
    }

    /// Returns a value as a scalar, whose methods convert numbers and flags. Returns `None` for
    /// lists.
    pub(crate) fn scalar(&self, cell: CellRef<'_>) -> Result<Option<Scalar>, StoreError> {
        Ok(Some(match cell {
            CellRef::Code(code) => {
                let terms = self.terms.read();
                Scalar::Text(terms.text_of(code).ok_or(CORRUPT)?.into())
            }
            CellRef::Text(text) => Scalar::Text(text.into()),
            CellRef::Number(number) => Scalar::Number(number),
            CellRef::Flag(flag) => Scalar::Flag(flag),
            CellRef::List(_) => return Ok(None),
        }))
    }
}

/// Returns a scalar as an instant, dates in UTC. The result is exact:
/// [`muster_model::Millis::MAX`] is below 2^53.
fn ms(scalar: &Scalar) -> f64 {
    scalar.as_instant("UTC").map_or(f64::NAN, |ms| ms.0 as f64)
}

fn push(
    dictionary: &mut Dictionary,
    text: &str,
    budget: &mut ReadBudget,
) -> Result<u32, StoreError> {
    budget.take(text.len() + size_of::<u32>())?;
    dictionary.bytes.extend_from_slice(text.as_bytes());
    let end = u32::try_from(dictionary.bytes.len()).map_err(|_| StoreError::TooMany {
        what: "texts in one batch",
        limit: u64::from(u32::MAX),
    })?;
    dictionary.offsets.push(end);
    u32::try_from(dictionary.len()).map_err(|_| CORRUPT)
}
