//! Reading a stream back.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::answer::{FakeAnswer, FakeRefusal};
use crate::kinesis::{invalid, json_answer, parse};
use crate::stream::{Stream, sequence_number, sequence_text, shard_id, shard_number};

/// Kinesis: a call of GetRecords returns at most 10,000 records.
const READ_RECORDS: usize = 10_000;

/// Kinesis: a call of GetRecords returns at most 10 MB.
const READ_BYTES: usize = 10_000_000;

pub(crate) fn list_shards(stream: &Stream) -> FakeAnswer {
    let shards: Vec<_> = (0..stream.settings.shards)
        .map(|shard| {
            let (first, last) = stream.hash_keys(shard);
            json!({
                "ShardId": shard_id(shard),
                "HashKeyRange": {
                    "StartingHashKey": first.to_string(),
                    "EndingHashKey": last.to_string(),
                },
                "SequenceNumberRange": { "StartingSequenceNumber": sequence_text(0) },
            })
        })
        .collect();
    json_answer(&json!({ "Shards": shards }))
}

pub(crate) fn summary(stream: &Stream, name: &str, arn: &str) -> FakeAnswer {
    json_answer(&json!({ "StreamDescriptionSummary": {
        "StreamName": name,
        "StreamARN": arn,
        "StreamStatus": "ACTIVE",
        "RetentionPeriodHours": 24,
        "StreamCreationTimestamp": 0,
        "EnhancedMonitoring": [],
        "OpenShardCount": stream.settings.shards,
    }}))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetIterator {
    shard_id: String,
    shard_iterator_type: String,
    starting_sequence_number: Option<String>,
    timestamp: Option<f64>,
}

pub(crate) fn iterator(
    stream: &Stream,
    name: &str,
    body: &Bytes,
) -> Result<FakeAnswer, FakeRefusal> {
    let call: GetIterator = parse(body)?;
    let shard = shard_number(&call.shard_id).filter(|shard| *shard < stream.settings.shards);
    let shard = shard.ok_or_else(|| {
        let message = format!("Shard {} in stream {name} does not exist", call.shard_id);
        FakeRefusal::new(400, "ResourceNotFoundException", message)
    })?;
    let number = || {
        let text = call.starting_sequence_number.as_deref().unwrap_or_default();
        sequence_number(text).ok_or_else(|| invalid("the sequence number is not valid"))
    };
    let next = match call.shard_iterator_type.as_str() {
        "TRIM_HORIZON" => 0,
        "LATEST" => stream.latest() + 1,
        "AT_SEQUENCE_NUMBER" => number()?,
        "AFTER_SEQUENCE_NUMBER" => number()? + 1,
        "AT_TIMESTAMP" => {
            let at = call.timestamp.unwrap_or_default() * 1e3;
            let records = stream.shard(shard).unwrap_or_default();
            let first = records
                .iter()
                .find(|record| record.arrived.as_millisecond() as f64 >= at);
            first.map_or(stream.latest() + 1, |record| record.sequence)
        }
        _ => return Err(invalid("the type of the iterator is not valid")),
    };
    Ok(json_answer(
        &json!({ "ShardIterator": format!("{name}|{shard}|{next}") }),
    ))
}

pub(crate) fn records(
    stream: &Stream,
    name: &str,
    body: &Bytes,
) -> Result<FakeAnswer, FakeRefusal> {
    let call: Value = parse(body)?;
    let text = call["ShardIterator"].as_str().unwrap_or_default();
    let mut parts = text.split('|').skip(1).map(str::parse::<u64>);
    let (Some(Ok(shard)), Some(Ok(next))) = (parts.next(), parts.next()) else {
        return Err(invalid("Invalid ShardIterator."));
    };
    let shard = usize::try_from(shard).unwrap();
    let limit = call["Limit"]
        .as_u64()
        .map_or(READ_RECORDS, |limit| usize::try_from(limit).unwrap());
    let all = stream
        .shard(shard)
        .ok_or_else(|| invalid("Invalid ShardIterator."))?;
    let begin = all.partition_point(|record| record.sequence < next);
    let mut bytes = 0;
    let taken: Vec<_> = all[begin..]
        .iter()
        .take(limit.min(READ_RECORDS))
        .take_while(|record| {
            let first = bytes == 0;
            bytes += record.data.len();
            first || bytes <= READ_BYTES
        })
        .collect();
    let next = taken.last().map_or(next, |last| last.sequence + 1);
    let behind = all.len() - begin - taken.len();
    let records: Vec<_> = taken
        .into_iter()
        .map(|record| {
            json!({
                "Data": BASE64_STANDARD.encode(&record.data),
                "PartitionKey": record.partition_key,
                "SequenceNumber": sequence_text(record.sequence),
                "ApproximateArrivalTimestamp": record.arrived.as_millisecond() as f64 / 1e3,
            })
        })
        .collect();
    Ok(json_answer(&json!({
        "Records": records,
        "NextShardIterator": format!("{name}|{shard}|{next}"),
        "MillisBehindLatest": u64::from(behind > 0),
    })))
}
