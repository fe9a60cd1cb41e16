//! Admission of names: a check of each event's names before the event joins others in a buffer.

use muster_model::Operator;

use crate::{Store, StoreError};

impl Store {
    /// Admits an event name. A new name gets its number here, so that an event with it can be
    /// appended whatever arrives meanwhile.
    ///
    /// # Errors
    /// [`StoreError::TooManyNames`] when the name is new and the store has
    /// [`crate::StoreOptions::event_names`] already, and an error when the name is too long.
    pub fn admit_event_name(&self, name: &str) -> Result<(), StoreError> {
        if self.inner.terms.read().get_name(name).is_some() {
            return Ok(());
        }
        self.inner.terms.write().name(name)?;
        Ok(())
    }

    /// Reports whether only known event properties, and only known operations on user properties,
    /// are accepted. While both are false, no name of a property needs to be checked.
    #[must_use]
    pub fn properties_full(&self) -> (bool, bool) {
        self.inner.terms.read().full()
    }

    /// Admits an event property. Needed only after [`Self::properties_full`] has reported true for
    /// event properties.
    ///
    /// # Errors
    /// [`StoreError::TooManyNames`] when the property is new.
    pub fn admit_property(&self, name: &str) -> Result<(), StoreError> {
        let terms = self.inner.terms.read();
        match terms.properties.get(name) {
            Some(_) => Ok(()),
            None => Err(terms.too_many_properties(name)),
        }
    }

    /// Admits an operation on a user property (empty for [`Operator::ClearAll`]). Needed only after
    /// [`Self::properties_full`] has reported true for operations.
    ///
    /// # Errors
    /// [`StoreError::TooManyNames`] when the store does not know that operator on that property.
    pub fn admit_user_property(&self, operator: Operator, name: &str) -> Result<(), StoreError> {
        let terms = self.inner.terms.read();
        match terms.get_operation(operator, name) {
            Some(_) => Ok(()),
            None => Err(terms.too_many_operations(name)),
        }
    }
}
