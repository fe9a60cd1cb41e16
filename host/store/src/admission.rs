//! Names at the door: whether an event may come in, asked before it is in a buffer with others.

use std::sync::PoisonError;

use muster_model::Operator;

use crate::{Store, StoreError};

impl Store {
    /// Takes an event name. One that is new gets its number, so that an event with it can be
    /// appended whatever comes in meanwhile.
    ///
    /// # Errors
    /// [`StoreError::TooManyNames`] when it is new and there are [`crate::StoreOptions::event_names`] already, and when it is too long.
    pub fn admit_event_name(&self, name: &str) -> Result<(), StoreError> {
        let terms = self.inner.terms.read();
        let terms = terms.unwrap_or_else(PoisonError::into_inner);
        if terms.get_name(name).is_some() {
            return Ok(());
        }
        drop(terms);
        let terms = self.inner.terms.write();
        terms.unwrap_or_else(PoisonError::into_inner).name(name)?;
        Ok(())
    }

    /// Whether event properties, and operations on user properties, are taken only if the store
    /// knows them already. As long as they are not, nobody has to ask for each.
    #[must_use]
    pub fn properties_full(&self) -> (bool, bool) {
        let terms = self.inner.terms.read();
        terms.unwrap_or_else(PoisonError::into_inner).full()
    }

    /// Asks for an event property once [`Self::properties_full`].
    ///
    /// # Errors
    /// [`StoreError::TooManyNames`] when it is new.
    pub fn admit_property(&self, name: &str) -> Result<(), StoreError> {
        let terms = self.inner.terms.read();
        let terms = terms.unwrap_or_else(PoisonError::into_inner);
        match terms.properties.get(name) {
            Some(_) => Ok(()),
            None => Err(terms.too_many_properties(name)),
        }
    }

    /// Asks for an operation on a user property (empty for [`Operator::ClearAll`]) once
    /// [`Self::properties_full`].
    ///
    /// # Errors
    /// [`StoreError::TooManyNames`] when the store has not seen that operator on that property.
    pub fn admit_user_property(&self, operator: Operator, name: &str) -> Result<(), StoreError> {
        let terms = self.inner.terms.read();
        let terms = terms.unwrap_or_else(PoisonError::into_inner);
        match terms.get_operation(operator, name) {
            Some(_) => Ok(()),
            None => Err(terms.too_many_operations(name)),
        }
    }
}
