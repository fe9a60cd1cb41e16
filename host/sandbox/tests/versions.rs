//! The versions of the contract: a rule that was built for a released version loads for as long as
//! the host takes that version.
//!
//! `versions/` holds a rule for each released version, as `muster rule build` made it: users in
//! Seattle with three purchases of 50 or more in 30 days, without a refund in 7 days.

use muster_sandbox::{
    Batch, CONTRACT_VERSION, Column, Dictionary, EventRows, LoadError, Origin, inspect,
};

use crate::common::{ONE_USER, sandbox};

/// The versions that this host takes, each with its rule.
const TAKEN: [(&str, &[u8]); 1] = [("0.1.0", include_bytes!("versions/0.1.0.wasm"))];

const NOW: i64 = 1_772_323_200_000;
const DAY: i64 = 86_400_000;

#[test]
fn a_rule_of_each_version_that_is_taken_answers() {
    assert!(
        TAKEN
            .iter()
            .any(|(version, _)| *version == CONTRACT_VERSION)
    );
    for (version, rule) in TAKEN {
        assert_eq!(inspect(rule).unwrap().contract.as_deref(), Some(version));
        let module = sandbox().load(rule, Origin::HandWritten).unwrap();
        let times = [NOW - 3 * DAY, NOW - 2 * DAY, NOW - DAY];
        let batch = Batch {
            now: NOW,
            dictionary: Dictionary {
                offsets: &[0, 7],
                bytes: b"Seattle",
            },
            user_properties: &[Column::Text(&[1])],
            streams: &[
                EventRows {
                    starts: &[0, 3],
                    times: &times,
                    columns: &[Column::Number(&[50.0, 60.0, 70.0])],
                },
                EventRows {
                    starts: &[0, 0],
                    times: &[],
                    columns: &[],
                },
            ],
            ..ONE_USER
        };
        let verdicts = module.classify(&batch).unwrap();
        assert_eq!(verdicts.members, [1], "{version}");
        assert_eq!(verdicts.until, [NOW + 27 * DAY], "{version}");
    }
}

/// A rule of a version that this host does not know is refused, with what to do.
#[test]
fn an_unknown_version_is_refused() {
    let (_, rule) = TAKEN[0];
    // The name stands in the component more than once; all have the same length.
    let (known, unknown) = (b"types@0.1.0", b"types@0.9.0");
    let mut other = rule.to_vec();
    for at in 0..other.len() - known.len() {
        if other[at..].starts_with(known) {
            other[at..at + unknown.len()].copy_from_slice(unknown);
        }
    }
    let error = sandbox().load(&other, Origin::HandWritten).unwrap_err();
    assert!(matches!(&error, LoadError::Version { found } if found == "0.9.0"));
    let text = error.to_string();
    assert!(
        text.contains("`muster:cohort/types@0.9.0`, and this Muster takes 0.1.0: build it again"),
        "{text}"
    );
}
