//! Collects the faulty events of a request for its refusal.

use std::fmt::Write;

use super::answer::{Indices, Refusal};
use super::limits::MAX_ERROR;
use crate::decode::EventError;

/// The faulty events of a request.
#[derive(Default)]
pub(super) struct EventFaults {
    invalid: Indices,
    missing: Indices,
    /// The different faults, each with the indices of its events. The SDK for Node.js shows nothing
    /// else of a refusal.
    reasons: Vec<(String, Vec<usize>)>,
}

/// The most different faults that are kept: more would not fit into an answer.
const MAX_REASONS: usize = MAX_ERROR / 20;

impl EventFaults {
    /// Adds the fault of an event.
    pub(super) fn add(&mut self, index: usize, error: EventError) {
        let fields = match error.missing {
            true => &mut self.missing,
            false => &mut self.invalid,
        };
        fields.entry(error.field).or_default().push(index);
        let reason = error.reason.to_string();
        if let Some((_, indices)) = self.reasons.iter_mut().find(|held| held.0 == reason) {
            indices.push(index);
        } else if self.reasons.len() < MAX_REASONS {
            self.reasons.push((reason, vec![index]));
        }
    }

    /// Returns the refusal of the request; `None` if no event is faulty.
    pub(super) fn refusal(self) -> Option<Refusal> {
        if self.reasons.is_empty() {
            return None;
        }
        let mut text = String::new();
        for (reason, indices) in &self.reasons {
            let separator = if text.is_empty() { "" } else { "; " };
            let events = if indices.len() > 1 { "events" } else { "event" };
            let mut list = String::new();
            for index in indices {
                let separator = if list.is_empty() { "" } else { ", " };
                let _ = write!(list, "{separator}{index}");
            }
            let _ = write!(text, "{separator}{events} {list}: {reason}");
        }
        Some(Refusal::events(self.invalid, self.missing, &text))
    }
}
