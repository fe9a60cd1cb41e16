//! Messages that the destination refuses as they are, and the proof that they are at fault.
//!
//! A destination that refuses everything is at fault itself: a wrong setting must not turn a whole
//! backlog into dead letters. So a message that was refused alone becomes a dead letter only if the
//! destination takes other messages.

use muster_store::RejectedMessage;

use crate::error::PoisonMessage;

/// The most messages that are refused in a row, with none taken between, before the destination
/// counts as the one at fault.
pub const MOST_REFUSED_IN_A_ROW: usize = 10;

/// The messages that were refused alone.
#[derive(Debug, Default)]
pub(crate) struct Rejections {
    /// Those that become dead letters with the next commit.
    proven: Vec<RejectedMessage>,
    /// Those that wait for a proof.
    suspected: Vec<(RejectedMessage, String)>,
    in_a_row: usize,
}

impl Rejections {
    /// Adds a message that the destination cannot take, whatever it answers.
    pub(crate) fn impossible(&mut self, message: RejectedMessage) {
        self.proven.push(message);
    }

    /// Adds a message that the destination refused alone.
    pub(crate) fn refused(&mut self, message: RejectedMessage, id: String) {
        self.in_a_row += 1;
        self.suspected.push((message, id));
    }

    /// Notes that the destination takes messages. `now` is false if it took some earlier only.
    pub(crate) fn taken(&mut self, now: bool) {
        if now {
            self.in_a_row = 0;
        }
        if now || self.in_a_row <= MOST_REFUSED_IN_A_ROW {
            let suspected = self.suspected.drain(..).map(|(message, _)| message);
            self.proven.extend(suspected);
        }
    }

    /// Returns true if so many messages were refused that the destination is at fault.
    pub(crate) fn are_too_many(&self) -> bool {
        self.in_a_row > MOST_REFUSED_IN_A_ROW
    }

    /// Takes the messages that become dead letters.
    pub(crate) fn take_proven(&mut self) -> Vec<RejectedMessage> {
        std::mem::take(&mut self.proven)
    }

    /// Takes the messages that stay in the outbox, because nothing proves that they are at fault.
    pub(crate) fn take_suspected(&mut self) -> Vec<PoisonMessage> {
        let suspected = std::mem::take(&mut self.suspected).into_iter();
        suspected
            .map(|(message, id)| PoisonMessage {
                sequence: message.sequence,
                id,
                reason: message.reason,
            })
            .collect()
    }
}
