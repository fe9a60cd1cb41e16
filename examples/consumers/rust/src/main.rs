//! Reads a stream to its end, and prints the members of each cohort as JSON: `STREAM`.
//!
//! Region and credentials are AWS's own (`AWS_REGION`, `AWS_PROFILE`, …). The members are in
//! memory, so it begins at the oldest record each time. A consumer that goes on where it stopped
//! stores the sequence number of each shard in the same commit as the members.

mod members;

use anyhow::Context;
use aws_config::BehaviorVersion;
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::types::ShardIteratorType;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;

use members::CohortMembers;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let stream = std::env::args().nth(1).context("name a stream")?;
    let http = Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https();
    let config = aws_config::defaults(BehaviorVersion::latest()).http_client(http);
    let client = Client::new(&config.load().await);
    let mut members = CohortMembers::default();
    let mut shards = client.list_shards().stream_name(&stream).send().await?;
    loop {
        for shard in shards.shards() {
            read(&client, &stream, shard.shard_id(), &mut members).await?;
        }
        let Some(next) = shards.next_token else { break };
        shards = client.list_shards().next_token(next).send().await?;
    }
    println!("{}", serde_json::to_string_pretty(&members.all())?);
    Ok(())
}

/// Reads a shard to its end.
async fn read(
    client: &Client,
    stream: &str,
    shard: &str,
    members: &mut CohortMembers,
) -> anyhow::Result<()> {
    let start = client
        .get_shard_iterator()
        .stream_name(stream)
        .shard_id(shard)
        .shard_iterator_type(ShardIteratorType::TrimHorizon);
    let mut next = start.send().await?.shard_iterator;
    while let Some(iterator) = next {
        let call = client.get_records().shard_iterator(iterator).limit(1_000);
        let answer = call.send().await?;
        for record in answer.records() {
            let message = serde_json::from_slice(record.data().as_ref());
            members.apply(message.context("a record is no message")?)?;
        }
        let is_end = answer.records().is_empty() && answer.millis_behind_latest() == Some(0);
        next = answer.next_shard_iterator.filter(|_| !is_end);
    }
    Ok(())
}
