//! Faults on demand.

use std::time::{Duration, Instant};

/// A fault of the calls of one action.
#[derive(Clone, Debug)]
pub struct FakeFault {
    action: String,
    kind: FaultKind,
    moment: FaultMoment,
    skip: u64,
    times: u64,
    until: Option<Instant>,
}

/// The moment of a fault, seen from the commit of a call's records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultMoment {
    /// Nothing is stored.
    Before,
    /// The first half of the records is stored.
    During,
    /// All is stored.
    After,
}

/// The way in which a call fails.
#[derive(Clone, Debug, PartialEq)]
pub enum FaultKind {
    /// The connection is closed without an answer.
    Hangup,
    /// The connection is reset without an answer.
    Reset,
    /// No answer comes until the client goes.
    Hang,
    /// The answer comes late, and is right.
    Slow(Duration),
    /// The service answers an error.
    Error {
        /// The status.
        status: u16,
        /// The code of the error.
        code: &'static str,
    },
    /// Something on the way to the service answers, which does not speak its language.
    Proxy(u16),
    /// The answer cannot be read as one.
    Malformed(MalformedAnswer),
    /// Some entries of a call fail, each with a code. The others are stored.
    Entries {
        /// The code of the error.
        code: &'static str,
        /// Of how many entries one fails; 1 for all.
        one_in: u64,
    },
}

/// The way in which an answer is malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MalformedAnswer {
    /// It is not JSON or XML.
    Text,
    /// It is empty.
    Empty,
    /// It ends in the middle.
    Cut,
    /// It lacks the entry of the last record.
    FewerEntries,
    /// Its entries have neither a sequence number nor an error.
    EmptyEntries,
}

impl FaultKind {
    /// Makes an error of Kinesis, which answers 400 to all but its own failures.
    pub fn kinesis(code: &'static str) -> Self {
        let status = match code {
            "InternalFailure" | "KMSInternalException" => 500,
            "ServiceUnavailable" => 503,
            _ => 400,
        };
        Self::Error { status, code }
    }
}

impl FakeFault {
    /// Makes a fault of all calls of an action, before the commit.
    pub fn new(action: &str, kind: FaultKind) -> Self {
        Self {
            action: action.to_owned(),
            kind,
            moment: FaultMoment::Before,
            skip: 0,
            times: u64::MAX,
            until: None,
        }
    }

    /// Sets the moment.
    #[must_use]
    pub fn at(self, moment: FaultMoment) -> Self {
        Self { moment, ..self }
    }

    /// Limits the fault to some calls.
    #[must_use]
    pub fn times(self, times: u64) -> Self {
        Self { times, ..self }
    }

    /// Lets some calls pass first.
    #[must_use]
    pub fn after(self, skip: u64) -> Self {
        Self { skip, ..self }
    }

    /// Makes the fault heal after a while.
    #[must_use]
    pub fn lasting(self, time: Duration) -> Self {
        let until = Some(Instant::now() + time);
        Self { until, ..self }
    }
}

/// The faults that wait for calls.
#[derive(Default)]
pub(crate) struct Faults(Vec<FakeFault>);

impl Faults {
    pub(crate) fn add(&mut self, fault: FakeFault) {
        self.0.push(fault);
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Returns the fault of a call that has arrived.
    pub(crate) fn take(&mut self, action: &str) -> Option<(FaultKind, FaultMoment)> {
        let now = Instant::now();
        self.0
            .retain(|fault| fault.times > 0 && fault.until.is_none_or(|end| now < end));
        let fault = self.0.iter_mut().find(|fault| fault.action == action)?;
        if fault.skip > 0 {
            fault.skip -= 1;
            return None;
        }
        fault.times -= 1;
        Some((fault.kind.clone(), fault.moment))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_applies_to_some_calls_of_its_action() {
        let mut faults = Faults::default();
        faults.add(
            FakeFault::new("PutRecords", FaultKind::Hangup)
                .after(1)
                .times(2),
        );
        let mut taken = || faults.take("PutRecords").is_some();
        assert_eq!(
            [taken(), taken(), taken(), taken()],
            [false, true, true, false]
        );
        faults.add(FakeFault::new("PutRecords", FaultKind::Hangup).lasting(Duration::ZERO));
        assert!(faults.take("PutRecords").is_none(), "it has healed");
    }
}
