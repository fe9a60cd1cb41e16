//! Reads a PutRecords answer and finds the entries that failed.

use std::collections::BTreeSet;

use aws_sdk_kinesis::types::PutRecordsResultEntry;

use super::fault::{Class, class_of_code};
use crate::sink::Verdict;

/// Returns a verdict for each of the `sent` entries of a call that was answered with HTTP 200. Such
/// an answer may still hold failed entries.
///
/// Kinesis: the answer has one entry per record, in the same order, and an entry that was stored
/// has a sequence number. Only a sequence number counts as success. If the numbers of entries
/// differ, it is unknown which entry belongs to which record. Then no entry counts, and all records
/// are sent again: a repeated record does no harm, but a lost one does.
pub(super) fn verdicts(sent: usize, answer: &[PutRecordsResultEntry]) -> Vec<Verdict> {
    if answer.len() != sent {
        let reason = format!(
            "kinesis answered {} entries for {sent} records",
            answer.len()
        );
        return vec![Verdict::Failed(reason); sent];
    }
    answer.iter().map(verdict).collect()
}

/// Returns the shards that took records.
pub(super) fn shards(answer: &[PutRecordsResultEntry]) -> Vec<String> {
    let shards: BTreeSet<_> = answer.iter().filter_map(|entry| entry.shard_id()).collect();
    shards.into_iter().map(str::to_owned).collect()
}

fn verdict(entry: &PutRecordsResultEntry) -> Verdict {
    let stored = entry
        .sequence_number()
        .is_some_and(|number| !number.is_empty());
    let Some(code) = entry.error_code() else {
        return if stored {
            Verdict::Sent
        } else {
            Verdict::Failed("kinesis answered neither a sequence number nor an error".to_owned())
        };
    };
    let reason = match entry.error_message() {
        Some(message) => format!("kinesis answered {code}: {message}"),
        None => format!("kinesis answered {code}"),
    };
    match class_of_code(code) {
        Some(Class::Throttled) => Verdict::Throttled(reason),
        Some(Class::Poison) => Verdict::Poison(reason),
        // `InternalFailure` and unknown codes are retried, never given up.
        _ => Verdict::Failed(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(number: &str) -> PutRecordsResultEntry {
        PutRecordsResultEntry::builder()
            .sequence_number(number)
            .shard_id("shardId-000000000000")
            .build()
    }

    fn failed(code: &str) -> PutRecordsResultEntry {
        PutRecordsResultEntry::builder()
            .error_code(code)
            .error_message("a message")
            .build()
    }

    #[test]
    fn each_entry_is_judged_by_itself() {
        let answer = [
            stored("1"),
            failed("ProvisionedThroughputExceededException"),
            stored("2"),
            failed("InternalFailure"),
            failed("ValidationException"),
            failed("SomethingNew"),
        ];
        assert_eq!(
            verdicts(6, &answer),
            [
                Verdict::Sent,
                Verdict::Throttled(
                    "kinesis answered ProvisionedThroughputExceededException: a message".to_owned()
                ),
                Verdict::Sent,
                Verdict::Failed("kinesis answered InternalFailure: a message".to_owned()),
                Verdict::Poison("kinesis answered ValidationException: a message".to_owned()),
                Verdict::Failed("kinesis answered SomethingNew: a message".to_owned()),
            ]
        );
    }

    #[test]
    fn only_a_sequence_number_without_an_error_is_success() {
        let both = PutRecordsResultEntry::builder()
            .sequence_number("1")
            .error_code("InternalFailure")
            .build();
        let neither = PutRecordsResultEntry::builder().build();
        for entry in [both, neither, stored("")] {
            let verdicts = verdicts(1, std::slice::from_ref(&entry));
            assert!(matches!(verdicts[..], [Verdict::Failed(_)]), "{entry:?}");
        }
    }

    #[test]
    fn an_answer_of_the_wrong_length_proves_nothing() {
        for (sent, answer) in [
            (2, vec![stored("1")]),
            (1, vec![stored("1"), stored("2")]),
            (3, vec![]),
        ] {
            let verdicts = verdicts(sent, &answer);
            assert_eq!(verdicts.len(), sent);
            assert!(
                verdicts
                    .iter()
                    .all(|verdict| matches!(verdict, Verdict::Failed(_)))
            );
        }
        assert_eq!(
            verdicts(2, &[stored("1")])[0],
            Verdict::Failed("kinesis answered 1 entries for 2 records".to_owned())
        );
    }
}
