//! Kinesis: which operation a call is, its stream, and the permissions for it.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::account::{ACCOUNT, Account};
use crate::answer::{FakeAnswer, FakeRefusal};
use crate::call::ReceivedCall;
use crate::put::{self, EntryFault};
use crate::read;
use crate::stream::FakeStream;

/// The stream of a call.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StreamOf {
    stream_name: Option<String>,
    #[serde(rename = "StreamARN")]
    stream_arn: Option<String>,
    shard_iterator: Option<String>,
    next_token: Option<String>,
}

/// The part of a call that is executed, and its failing entries.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Execution {
    /// Only the first half of the records is stored.
    pub(crate) half: bool,
    pub(crate) entries: Option<EntryFault>,
}

pub(crate) fn answer(
    account: &mut Account,
    call: &ReceivedCall,
    execution: Execution,
) -> Result<FakeAnswer, FakeRefusal> {
    let of: StreamOf = parse(&call.body)?;
    // Iterators and tokens begin with the name of their stream.
    let token = of.shard_iterator.or(of.next_token);
    let name = (of.stream_name)
        .or_else(|| {
            of.stream_arn?
                .rsplit_once('/')
                .map(|(_, name)| name.to_owned())
        })
        .or_else(|| token?.split_once('|').map(|(name, _)| name.to_owned()))
        .ok_or_else(|| invalid("the call names no stream"))?;
    if call.action == "CreateStream" {
        return create(account, call, &name);
    }
    let region = account
        .streams
        .get(&name)
        .map(|stream| stream.settings.region.clone());
    let resource = format!(
        "arn:aws:kinesis:{}:{ACCOUNT}:stream/{name}",
        region.as_deref().unwrap_or("eu-west-1")
    );
    account.allow(call, &format!("kinesis:{}", call.action), &resource)?;
    let writes = call.action.starts_with("PutRecord");
    let key = account
        .streams
        .get(&name)
        .and_then(|stream| stream.settings.key.clone());
    if let Some(key) = key.filter(|_| writes) {
        if !key.enabled {
            let message = format!("{} is disabled.", key.arn);
            return Err(FakeRefusal::new(400, "KMSDisabledException", message));
        }
        if let Err(denied) = account.allow(call, "kms:GenerateDataKey", &key.arn) {
            return Err(FakeRefusal::new(
                400,
                "KMSAccessDeniedException",
                denied.message,
            ));
        }
    }
    let Some(stream) = account.streams.get_mut(&name) else {
        let message = format!("Stream {name} under account {ACCOUNT} not found.");
        return Err(FakeRefusal::new(400, "ResourceNotFoundException", message));
    };
    match call.action.as_str() {
        "PutRecords" => put::records(stream, &name, &call.body, execution),
        "PutRecord" => put::record(stream, &call.body),
        "ListShards" => Ok(read::list_shards(stream)),
        "GetShardIterator" => read::iterator(stream, &name, &call.body),
        "GetRecords" => read::records(stream, &name, &call.body),
        "DescribeStreamSummary" => Ok(read::summary(stream, &name, &resource)),
        _ => Err(FakeRefusal::new(400, "UnknownOperationException", "")),
    }
}

fn create(
    account: &mut Account,
    call: &ReceivedCall,
    name: &str,
) -> Result<FakeAnswer, FakeRefusal> {
    let settings: Value = parse(&call.body)?;
    let shards = settings["ShardCount"].as_u64().unwrap_or(4);
    let shards = usize::try_from(shards).unwrap();
    account.caller(call)?;
    if account.streams.contains_key(name) {
        return Err(FakeRefusal::new(
            400,
            "ResourceInUseException",
            "the stream exists",
        ));
    }
    account.add_stream(name, FakeStream::shards(shards));
    Ok(json_answer(&json!({})))
}

pub(crate) fn parse<'a, T: Deserialize<'a>>(body: &'a Bytes) -> Result<T, FakeRefusal> {
    serde_json::from_slice(body)
        .map_err(|error| FakeRefusal::new(400, "SerializationException", error.to_string()))
}

pub(crate) fn invalid(message: impl Into<String>) -> FakeRefusal {
    FakeRefusal::new(400, "InvalidArgumentException", message)
}

pub(crate) fn json_answer(value: &Value) -> FakeAnswer {
    FakeAnswer {
        status: 200,
        body: value.to_string().into(),
    }
}
