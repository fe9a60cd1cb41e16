//! An entry point for the targets of `fuzz/`.

use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::Record;
use muster_model::EventBuffer;

use super::records::decode;
use crate::LineCounts;

/// Decodes records with this data, as the source does. Returns the events, the counts, and the
/// faults that are logged.
#[must_use]
pub fn decode_records(data: &[&[u8]]) -> (EventBuffer, LineCounts, Vec<String>) {
    let record = |data: &&[u8]| {
        let record = Record::builder().sequence_number("1").partition_key("k");
        record.data(Blob::new(*data)).build().ok()
    };
    let records: Vec<_> = data.iter().filter_map(record).collect();
    let decoded = decode(&records, &crate::DecodeContext::default());
    let faults = decoded.malformed.into_iter().map(|(_, fault)| fault);
    (decoded.buffer, decoded.counts, faults.collect())
}
