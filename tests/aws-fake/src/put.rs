//! PutRecord and PutRecords.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;

use crate::answer::{FakeAnswer, FakeRefusal};
use crate::kinesis::{Execution, invalid, json_answer, parse};
use crate::stream::{Stream, sequence_text, shard_id};

/// Kinesis: a call has at most 500 entries.
const CALL_ENTRIES: usize = 500;

/// Kinesis: a call has at most 10 MiB, keys counted.
const CALL_BYTES: usize = 10 << 20;

/// Kinesis: a partition key has at most 256 characters.
const KEY_CHARACTERS: usize = 256;

/// Entries that fail on demand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EntryFault {
    pub(crate) code: &'static str,
    /// One of so many entries fails.
    pub(crate) one_in: u64,
    /// They are stored all the same.
    pub(crate) stored: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutRecords<'a> {
    #[serde(borrow)]
    records: Vec<RequestEntry<'a>>,
    #[serde(default)]
    dry_run: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RequestEntry<'a> {
    data: &'a str,
    partition_key: std::borrow::Cow<'a, str>,
    explicit_hash_key: Option<&'a str>,
}

/// A checked record.
struct Checked {
    data: Bytes,
    partition_key: String,
    shard: usize,
}

pub(crate) fn records(
    stream: &mut Stream,
    name: &str,
    body: &Bytes,
    execution: Execution,
) -> Result<FakeAnswer, FakeRefusal> {
    let call: PutRecords<'_> = parse(body)?;
    let count = call.records.len();
    if count == 0 || count > CALL_ENTRIES {
        return Err(invalid(format!(
            "1 validation error detected: {count} records"
        )));
    }
    // Kinesis: if one entry is not valid, the call is refused and nothing is stored.
    let checked = call.records.into_iter().map(|entry| check(stream, entry));
    let checked = checked.collect::<Result<Vec<_>, _>>()?;
    let size = |record: &Checked| record.data.len() + record.partition_key.len();
    let total: usize = checked.iter().map(size).sum();
    if total > CALL_BYTES {
        return Err(invalid(format!(
            "Records size {total} exceeds {CALL_BYTES} bytes"
        )));
    }
    if call.dry_run {
        return Err(dry_run());
    }
    let (mut entries, mut failed) = (Vec::with_capacity(count), 0_u64);
    for (index, record) in checked.into_iter().enumerate() {
        if execution.half && index >= count / 2 {
            break;
        }
        stream.entries += 1;
        let number = stream.entries;
        let fault = execution
            .entries
            .filter(|fault| number.is_multiple_of(fault.one_in));
        if let Some(fault) = fault {
            if fault.stored {
                stream.put(record.shard, &record.partition_key, record.data);
            } else {
                stream.throttled += u64::from(fault.code.starts_with("ProvisionedThroughput"));
            }
            failed += 1;
            entries.push(json!({ "ErrorCode": fault.code, "ErrorMessage": "a fault on demand" }));
            continue;
        }
        let shard = shard_id(record.shard);
        match stream.put(record.shard, &record.partition_key, record.data) {
            Some(sequence) => {
                entries.push(json!({ "SequenceNumber": sequence_text(sequence), "ShardId": shard }))
            }
            None => {
                failed += 1;
                let message = format!("Rate exceeded for shard {shard} in stream {name}");
                entries.push(json!({
                    "ErrorCode": "ProvisionedThroughputExceededException",
                    "ErrorMessage": message,
                }));
            }
        }
    }
    Ok(json_answer(
        &json!({ "FailedRecordCount": failed, "Records": entries }),
    ))
}

pub(crate) fn record(stream: &mut Stream, body: &Bytes) -> Result<FakeAnswer, FakeRefusal> {
    let entry: RequestEntry<'_> = parse(body)?;
    let record = check(stream, entry)?;
    let dry: DryRun = parse(body)?;
    if dry.dry_run {
        return Err(dry_run());
    }
    let shard = record.shard;
    match stream.put(shard, &record.partition_key, record.data) {
        Some(sequence) => Ok(json_answer(
            &json!({ "SequenceNumber": sequence_text(sequence), "ShardId": shard_id(shard) }),
        )),
        None => Err(FakeRefusal::new(
            400,
            "ProvisionedThroughputExceededException",
            format!("Rate exceeded for shard {}", shard_id(shard)),
        )),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DryRun {
    #[serde(default)]
    dry_run: bool,
}

/// Kinesis: a dry run that would succeed is answered by an error.
fn dry_run() -> FakeRefusal {
    let message = "Request would have succeeded, but DryRun flag is set.";
    FakeRefusal::new(400, "DryRunOperationException", message)
}

fn check(stream: &Stream, entry: RequestEntry<'_>) -> Result<Checked, FakeRefusal> {
    let data = BASE64_STANDARD.decode(entry.data);
    let data =
        data.map_err(|error| FakeRefusal::new(400, "SerializationException", error.to_string()))?;
    let partition_key = entry.partition_key.into_owned();
    if !(1..=KEY_CHARACTERS).contains(&partition_key.chars().count()) {
        return Err(invalid("the partition key is empty or too long"));
    }
    let (size, most) = (
        data.len() + partition_key.len(),
        stream.settings.record_bytes,
    );
    if size > most {
        return Err(invalid(format!(
            "a record of {size} bytes exceeds the limit of {most}"
        )));
    }
    let shard = stream
        .shard_of(&partition_key, entry.explicit_hash_key)
        .ok_or_else(|| invalid("the hash key is not a number"))?;
    Ok(Checked {
        data: data.into(),
        partition_key,
        shard,
    })
}
