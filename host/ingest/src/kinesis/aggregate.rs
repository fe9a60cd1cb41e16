//! Takes records apart that the Kinesis Producer Library has aggregated.
//!
//! Its format: four bytes, a protobuf message with many records, and the MD5 of that message.
//! <https://github.com/awslabs/amazon-kinesis-producer/blob/master/aggregation-format.md>

use bytes::Bytes;
use md5::{Digest, Md5};
use prost::Message;

/// The first bytes of an aggregated record.
const MAGIC: &[u8] = &[0xf3, 0x89, 0x9a, 0xc2];

/// The bytes of an MD5 hash.
const HASH: usize = 16;

/// `AggregatedRecord`. The keys are not needed: a shard's order decides, not a record's key.
#[derive(Clone, PartialEq, Message)]
struct AggregatedRecord {
    #[prost(message, repeated, tag = "3")]
    records: Vec<UserRecord>,
}

/// `Record`, one record of the sender.
#[derive(Clone, PartialEq, Message)]
struct UserRecord {
    #[prost(bytes = "bytes", required, tag = "3")]
    data: Bytes,
}

/// Returns the records in an aggregated record; `None` if it is not one.
///
/// # Errors
/// If the record begins as an aggregated one and is damaged.
pub(super) fn records(data: &[u8]) -> Option<Result<Vec<Bytes>, &'static str>> {
    let rest = data.strip_prefix(MAGIC)?;
    let split = rest.len().checked_sub(HASH);
    let Some((message, hash)) = split.and_then(|at| rest.split_at_checked(at)) else {
        return Some(Err("it is an aggregated record of the KPL and is cut off"));
    };
    if Md5::digest(message).as_slice() != hash {
        return Some(Err(
            "it is an aggregated record of the KPL and its checksum is wrong",
        ));
    }
    // The message is copied once, and its records are parts of the copy.
    Some(
        match AggregatedRecord::decode(Bytes::copy_from_slice(message)) {
            Ok(aggregate) => Ok(aggregate
                .records
                .into_iter()
                .map(|record| record.data)
                .collect()),
            Err(_) => Err("it is an aggregated record of the KPL and its message cannot be read"),
        },
    )
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Aggregates records as the KPL does.
    pub(in crate::kinesis) fn aggregate(data: &[&[u8]]) -> Vec<u8> {
        let records = data.iter().map(|data| UserRecord {
            data: Bytes::copy_from_slice(data),
        });
        let message = AggregatedRecord {
            records: records.collect(),
        };
        let message = message.encode_to_vec();
        [MAGIC, &message, &Md5::digest(&message)].concat()
    }

    #[test]
    fn an_aggregated_record_is_taken_apart() {
        let two = aggregate(&[b"one", b"two"]);
        let parts = records(&two).unwrap().unwrap();
        assert_eq!(
            parts,
            [Bytes::from_static(b"one"), Bytes::from_static(b"two")]
        );
        assert_eq!(records(b"{}"), None);
        for (from, wanted) in [
            (two.len() - 1, "its checksum is wrong"),
            (MAGIC.len() + 3, "is cut off"),
        ] {
            let why = records(&two[..from]).unwrap().unwrap_err();
            assert!(why.ends_with(wanted), "{why}");
        }
        let message = b"\x1a\xff";
        let damaged = [MAGIC, message, &Md5::digest(message)].concat();
        let why = records(&damaged).unwrap().unwrap_err();
        assert!(why.ends_with("cannot be read"), "{why}");
    }
}
