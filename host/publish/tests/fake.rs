//! Holds the fake of AWS to the documented rules, through the real SDK.

use std::time::Duration;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::config::retry::RetryConfig;
use aws_sdk_kinesis::config::timeout::TimeoutConfig;
use aws_sdk_kinesis::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_kinesis::error::{DisplayErrorContext, ProvideErrorMetadata};
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::{PutRecordsRequestEntry, ShardIteratorType};
use aws_smithy_http_client::Builder;
use muster_aws_fake::{
    AwsFake, EncryptionKey, FakeFault, FakeRole, FakeStream, FaultKind, FaultMoment,
    MalformedAnswer, Policy, ShardLimits, Statement, USER_KEY,
};

const ROLE: &str = "arn:aws:iam::123456789012:role/muster";

fn user() -> Credentials {
    Credentials::new(USER_KEY, "secret", None, None, "test")
}

fn kinesis(fake: &AwsFake, credentials: Credentials) -> Client {
    let config = aws_sdk_kinesis::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .endpoint_url(fake.endpoint())
        .credentials_provider(credentials)
        .retry_config(RetryConfig::disabled())
        .timeout_config(
            TimeoutConfig::builder()
                .read_timeout(Duration::from_secs(1))
                .build(),
        )
        .http_client(Builder::new().build_http())
        .build();
    Client::from_conf(config)
}

fn sts(fake: &AwsFake, credentials: Credentials) -> aws_sdk_sts::Client {
    let config = aws_sdk_sts::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .endpoint_url(fake.endpoint())
        .credentials_provider(credentials)
        .retry_config(aws_sdk_sts::config::retry::RetryConfig::disabled())
        .http_client(Builder::new().build_http())
        .build();
    aws_sdk_sts::Client::from_conf(config)
}

/// Assumes the role, and returns the code of the refusal otherwise.
async fn assume(
    fake: &AwsFake,
    external_id: &str,
    seconds: i32,
    policy: Option<&str>,
) -> Result<Credentials, String> {
    let call = sts(fake, user())
        .assume_role()
        .role_arn(ROLE)
        .role_session_name("muster-growth")
        .external_id(external_id)
        .duration_seconds(seconds)
        .set_policy(policy.map(str::to_owned));
    let answer = call.send().await;
    let answer = answer.map_err(|error| error.code().unwrap_or_default().to_owned())?;
    let session = answer.credentials.unwrap();
    Ok(Credentials::new(
        session.access_key_id,
        session.secret_access_key,
        Some(session.session_token),
        None,
        "test",
    ))
}

fn entry(data: Vec<u8>, key: &str) -> PutRecordsRequestEntry {
    let entry = PutRecordsRequestEntry::builder().data(Blob::new(data));
    entry.partition_key(key).build().unwrap()
}

/// Puts records, and returns the code of each entry, empty for a stored one; or the code of the
/// call's error, or its text.
async fn put(client: &Client, records: Vec<PutRecordsRequestEntry>) -> Result<Vec<String>, String> {
    let call = client.put_records().stream_name("cohorts");
    match call.set_records(Some(records)).send().await {
        Ok(answer) => Ok(answer
            .records
            .into_iter()
            .map(|entry| match entry.sequence_number {
                Some(_) => String::new(),
                None => entry.error_code.unwrap_or_else(|| "nothing".to_owned()),
            })
            .collect()),
        Err(error) => Err(match error.code() {
            Some(code) => code.to_owned(),
            None => DisplayErrorContext(&error).to_string(),
        }),
    }
}

async fn put_small(client: &Client, count: usize) -> Result<Vec<String>, String> {
    let records = (0..count).map(|number| entry(b"{}".to_vec(), &format!("key-{number}")));
    put(client, records.collect()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_needs_trust_and_the_external_id_and_ends() {
    let fake = AwsFake::with_stream(FakeStream::shards(1));
    let denied = assume(&fake, "another", 3_600, None).await.unwrap_err();
    assert_eq!(denied, "AccessDenied");
    for seconds in [899, 3_601] {
        let refused = assume(&fake, "a-secret", seconds, None).await.unwrap_err();
        assert_eq!(refused, "ValidationError");
    }
    let session = assume(&fake, "a-secret", 900, None).await.unwrap();
    let client = kinesis(&fake, session.clone());
    assert_eq!(put_small(&client, 1).await.unwrap(), [""]);
    let identity = sts(&fake, session)
        .get_caller_identity()
        .send()
        .await
        .unwrap();
    assert_eq!(
        identity.arn().unwrap(),
        "arn:aws:sts::123456789012:assumed-role/muster/muster-growth"
    );
    fake.advance(Duration::from_secs(901));
    assert_eq!(
        put_small(&client, 1).await.unwrap_err(),
        "ExpiredTokenException"
    );
    let unknown = kinesis(
        &fake,
        Credentials::new("AKIAOTHER", "secret", None, None, "test"),
    );
    assert_eq!(
        put_small(&unknown, 1).await.unwrap_err(),
        "UnrecognizedClientException"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_policy_cuts_off_what_the_role_may_do() {
    let fake = AwsFake::with_stream(FakeStream::shards(1));
    let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kinesis:ListShards","Resource":"*"}]}"#;
    let session = assume(&fake, "a-secret", 900, Some(policy)).await.unwrap();
    let client = kinesis(&fake, session);
    assert_eq!(
        put_small(&client, 1).await.unwrap_err(),
        "AccessDeniedException"
    );
    // Only what both allow is allowed.
    let list = client.list_shards().stream_name("cohorts").send().await;
    assert_eq!(list.unwrap_err().code(), Some("AccessDeniedException"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_with_a_key_needs_the_key() {
    let key = EncryptionKey {
        arn: "arn:aws:kms:eu-west-1:123456789012:key/one".to_owned(),
        enabled: true,
    };
    let settings = FakeStream {
        key: Some(key.clone()),
        ..FakeStream::shards(1)
    };
    let fake = AwsFake::with_stream(settings.clone());
    let session = || assume(&fake, "a-secret", 900, None);
    let client = kinesis(&fake, session().await.unwrap());
    assert_eq!(
        put_small(&client, 1).await.unwrap_err(),
        "KMSAccessDeniedException"
    );
    let mut role = FakeRole::muster();
    role.policy
        .0
        .push(Statement::allow(&["kms:GenerateDataKey"], &key.arn));
    fake.add_role(role);
    let client = kinesis(&fake, session().await.unwrap());
    assert_eq!(put_small(&client, 1).await.unwrap(), [""]);
    let key = Some(EncryptionKey {
        enabled: false,
        ..key
    });
    fake.add_stream("cohorts", FakeStream { key, ..settings });
    assert_eq!(
        put_small(&client, 1).await.unwrap_err(),
        "KMSDisabledException"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_and_records_have_kinesis_limits() {
    let fake = AwsFake::with_stream(FakeStream::unlimited());
    let client = kinesis(&fake, user());
    assert_eq!(put_small(&client, 500).await.unwrap().len(), 500);
    for count in [0, 501] {
        assert_eq!(
            put_small(&client, count).await.unwrap_err(),
            "InvalidArgumentException"
        );
    }
    let sized = |size: usize, key: usize| entry(vec![b'x'; size - key], &"k".repeat(key));
    let mib = 1 << 20;
    assert_eq!(put(&client, vec![sized(mib, 256)]).await.unwrap(), [""]);
    for refused in [vec![sized(mib + 1, 1)], vec![sized(300, 257)]] {
        assert_eq!(
            put(&client, refused).await.unwrap_err(),
            "InvalidArgumentException"
        );
    }
    // Keys count: ten records of a mebibyte are a call's, one byte more is not.
    let mut records: Vec<_> = (0..10).map(|_| sized(mib, 100)).collect();
    assert_eq!(put(&client, records.clone()).await.unwrap().len(), 10);
    let before = fake.records("cohorts").len();
    records.push(sized(2, 1));
    assert_eq!(
        put(&client, records).await.unwrap_err(),
        "InvalidArgumentException"
    );
    assert_eq!(fake.records("cohorts").len(), before, "all or none");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shard_throttles_by_entry_and_a_hot_one_alone() {
    let fake = AwsFake::with_stream(FakeStream::shards(2));
    let client = kinesis(&fake, user());
    let throttled = |codes: &[String]| {
        let code = "ProvisionedThroughputExceededException";
        codes.iter().filter(|given| *given == code).count()
    };
    let large = |key: &str| (0..10).map(|_| entry(vec![b'x'; 260_000], key)).collect();
    let codes = put(&client, large("key")).await.unwrap();
    assert_eq!(throttled(&codes), 7, "{codes:?}: 3 fit into a megabyte");
    let stored = fake.records("cohorts");
    assert_eq!((stored.len(), fake.throttled("cohorts")), (3, 7));
    let other = (0..20)
        .map(|number| format!("other-{number}"))
        .find(|key| fake.shard_of("cohorts", key) != stored[0].shard)
        .unwrap();
    assert_eq!(throttled(&put(&client, large(&other)).await.unwrap()), 7);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let codes = put(&client, large("key")).await.unwrap();
    assert!(
        (7..10).contains(&throttled(&codes)),
        "a third is free again: {codes:?}"
    );
    let none = ShardLimits {
        bytes: 1.0,
        records: 0.0,
    };
    fake.limit_shard("cohorts", stored[0].shard, none);
    assert_eq!(
        throttled(&put(&client, vec![entry(vec![b'x'], "key")]).await.unwrap()),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_read_back_and_a_dry_run_writes_none() {
    let fake = AwsFake::with_stream(FakeStream::shards(3));
    let client = kinesis(&fake, user());
    put_small(&client, 30).await.unwrap();
    let dry = client.put_records().stream_name("cohorts").dry_run(true);
    let dry = dry
        .records(entry(vec![b'x'], "key"))
        .send()
        .await
        .unwrap_err();
    assert_eq!(dry.code(), Some("DryRunOperationException"));
    let shards = client
        .list_shards()
        .stream_name("cohorts")
        .send()
        .await
        .unwrap();
    let mut read = 0;
    for shard in shards.shards() {
        let iterator = client
            .get_shard_iterator()
            .stream_name("cohorts")
            .shard_id(shard.shard_id())
            .shard_iterator_type(ShardIteratorType::TrimHorizon);
        let iterator = iterator.send().await.unwrap().shard_iterator.unwrap();
        let records = client.get_records().shard_iterator(iterator).limit(4);
        let first = records.send().await.unwrap();
        assert_eq!(first.millis_behind_latest, Some(1));
        let records = client
            .get_records()
            .set_shard_iterator(first.next_shard_iterator);
        read += first.records.len() + records.send().await.unwrap().records.len();
    }
    assert_eq!(read, 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_come_before_during_and_after_the_commit() {
    let fake = AwsFake::with_stream(FakeStream::unlimited());
    let client = kinesis(&fake, user());
    let stored = |moment, kind| {
        fake.heal();
        fake.add_fault(FakeFault::new("PutRecords", kind).at(moment).times(1));
        let before = fake.records("cohorts").len();
        let (fake, client) = (&fake, &client);
        async move {
            let result = put_small(client, 4).await;
            (fake.records("cohorts").len() - before, result)
        }
    };
    let moments = [
        (FaultMoment::Before, 0),
        (FaultMoment::During, 2),
        (FaultMoment::After, 4),
    ];
    for (moment, wanted) in moments {
        for kind in [
            FaultKind::Hangup,
            FaultKind::Reset,
            FaultKind::Hang,
            FaultKind::Proxy(503),
            FaultKind::kinesis("InternalFailure"),
            FaultKind::Malformed(MalformedAnswer::Text),
            FaultKind::Malformed(MalformedAnswer::Cut),
        ] {
            let (stored, result) = stored(moment, kind.clone()).await;
            assert_eq!(stored, wanted, "{kind:?} {moment:?}");
            assert!(result.is_err(), "{kind:?} {moment:?}");
        }
    }
    let (kept, result) = stored(
        FaultMoment::After,
        FaultKind::Malformed(MalformedAnswer::FewerEntries),
    )
    .await;
    assert_eq!((kept, result.unwrap().len()), (4, 3));
    let entries = FaultKind::Entries {
        code: "InternalFailure",
        one_in: 2,
    };
    let (kept, result) = stored(FaultMoment::Before, entries).await;
    assert_eq!(kept, 2);
    assert_eq!(
        result
            .unwrap()
            .iter()
            .filter(|code| *code == "InternalFailure")
            .count(),
        2
    );
    fake.refuse_connections();
    assert!(put_small(&client, 1).await.is_err());
    fake.listen_again();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(put_small(&client, 1).await.unwrap(), [""]);
    fake.delete_stream("cohorts");
    assert_eq!(
        put_small(&client, 1).await.unwrap_err(),
        "ResourceNotFoundException"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denial_that_heals_after_a_while_is_over() {
    let fake = AwsFake::with_stream(FakeStream::unlimited());
    let denied = FaultKind::Error {
        status: 403,
        code: "AccessDenied",
    };
    fake.add_fault(FakeFault::new("AssumeRole", denied).lasting(Duration::from_millis(200)));
    assert_eq!(
        assume(&fake, "a-secret", 900, None).await.unwrap_err(),
        "AccessDenied"
    );
    tokio::time::sleep(Duration::from_millis(250)).await;
    assume(&fake, "a-secret", 900, None).await.unwrap();
    // A role that trusts anyone with any ExternalId: a confused deputy.
    let mut role = FakeRole::muster();
    role.trust.external_id = None;
    fake.add_role(role);
    assume(&fake, "anything", 900, None).await.unwrap();
    fake.add_user(
        "AKIAOTHER",
        "arn:aws:iam::123456789012:user/other",
        Policy::everything(),
    );
    let other = Credentials::new("AKIAOTHER", "secret", None, None, "test");
    let call = sts(&fake, other)
        .assume_role()
        .role_arn(ROLE)
        .role_session_name("other");
    assert_eq!(call.send().await.unwrap_err().code(), Some("AccessDenied"));
}
