//! Tests of the file as a whole: the settings that are read, the errors, and the agreement of
//! tables, reader, schema and reference.

use std::env::VarError;

use muster_document::{KeyDefault, SourceFile};
use muster_ingest::kinesis::StreamStart;
use muster_model::Millis;
use muster_publish::Destination;
use muster_testkit::schema::{SchemaValidator, load};

use super::source::SourceConfig;
use super::*;

fn none(_: &str) -> Result<String, VarError> {
    Err(VarError::NotPresent)
}

fn lookup(name: &str) -> Result<String, VarError> {
    match name {
        "GROWTH_EXTERNAL_ID" => Ok("known-to-two".to_owned()),
        "MUSTER_API_KEY" => Ok("key".to_owned()),
        "SHARE" => Ok("12.5".to_owned()),
        "SECRET" => Ok("s3cret\n".to_owned()),
        _ => Err(VarError::NotPresent),
    }
}

fn parse(text: &str) -> Config {
    Config::parse(&SourceFile::new(FILE, text), &lookup).unwrap()
}

fn errors(text: &str) -> String {
    Config::parse(&SourceFile::new(FILE, text), &lookup)
        .unwrap_err()
        .to_string()
}

#[test]
fn a_project_is_read() {
    let config = parse(
        "time_zone: Europe/Berlin\nclock: 2026-03-01T00:00:00Z\nsources: [{files: [a.json, b/*.json], max_malformed: 1}]\n\
         destinations:\n  a: {file: {path: out.ndjson}}\n  b: {stdout: {}}\n  c: {kinesis: {stream_name: s, region: eu-west-1}}\n  d: {stdout: }\n",
    );
    assert_eq!(config.time_zone.as_str(), "Europe/Berlin");
    assert_eq!(config.clock, Some(Millis(1_772_323_200_000)));
    let files: Vec<_> = config.files().collect();
    assert_eq!((files[0].files.len(), files[0].max_malformed), (2, 1.0));
    assert_eq!(config.destinations.len(), 4);
    assert_eq!(
        config.destinations["a"],
        Destination::File {
            path: "out.ndjson".into()
        }
    );
    assert_eq!(config.destinations["d"], Destination::Stdout);
}

#[test]
fn the_ceilings_of_rules_are_read_and_bounded() {
    let usual = muster_sandbox::Ceilings::default();
    assert_eq!(parse("time_zone: UTC").rules, usual);
    let rules =
        parse("rules: {size: 64 MiB, memory: 1 GiB, nested_components: 32, time: 1 minute}").rules;
    assert_eq!((rules.size, rules.memory), (64 << 20, 1 << 30));
    assert_eq!((rules.nested_components, rules.time.as_secs()), (32, 60));
    assert_eq!(parse("rules: {time: 20 seconds}").rules.size, usual.size);
    for (text, says) in [
        ("rules: {size: 129 MiB}", "use 1 MiB to 128 MiB"),
        ("rules: {size: 64}", "a size such as `64 MiB`"),
        ("rules: {memory: 2 GiB}", "use 16 MiB to 1024 MiB"),
        ("rules: {nested_components: 65}", "6 to 64"),
        ("rules: {time: 11 minutes}", "use up to 600 seconds"),
        ("rules: {sizes: 64 MiB}", "size"),
    ] {
        assert!(errors(text).contains(says), "{text}: {}", errors(text));
    }
}

#[test]
fn http_and_kinesis_sources_are_read() {
    let config = parse(
        "sources:\n  - http: {listen: \"0.0.0.0:8080\", api_keys: [\"${MUSTER_API_KEY}\", other]}\n  \
         - kinesis: {stream_name: events, region: eu-west-1, role_arn: \"arn:aws:iam::123456789012:role/muster\", \
         external_id: \"${GROWTH_EXTERNAL_ID}\", endpoint_url: \"http://127.0.0.1:4567\", start: 2026-03-01T00:00:00Z}\n  \
         - kinesis: {stream_name: events, start: latest}\n",
    );
    let [
        SourceConfig::Http(http),
        SourceConfig::Kinesis(at),
        SourceConfig::Kinesis(latest),
    ] = config.sources.as_slice()
    else {
        panic!("{config:?}")
    };
    assert_eq!(http.listen, "0.0.0.0:8080".parse().unwrap());
    assert_eq!(http.api_keys, ["key", "other"]);
    let role = at.stream.role.as_ref().unwrap();
    assert_eq!(role.external_id.as_ref().unwrap().as_str(), "known-to-two");
    assert_eq!(at.start, StreamStart::At(Millis(1_772_323_200_000)));
    assert_eq!(
        (&latest.stream.role, latest.start),
        (&None, StreamStart::Latest)
    );
}

#[test]
fn settings_of_the_service_are_read() {
    let config = parse(
        "guard: {percent: \"${SHARE}\"}\nretention: 400 days\nrun_records: 2 weeks\noperations: {listen: \"127.0.0.1:9464\"}\n",
    );
    let guard = config.guard.unwrap();
    assert_eq!((guard.percent, guard.members), (12.5, 1_000));
    assert_eq!(config.retention.unwrap().millis(), 400 * 86_400_000);
    assert_eq!(config.run_records.millis(), 14 * 86_400_000);
    assert_eq!(config.operations.unwrap().listen.port(), 9464);
    assert_eq!(parse("guard: off\n").guard, None);
}

#[test]
fn missing_keys_have_the_defaults_of_the_tables() {
    let mut text = String::new();
    for key in project::PROJECT.keys {
        if let KeyDefault::Value(default) = key.default {
            text += &format!("{}: {default}\n", key.name);
        }
    }
    assert!(
        text.contains("guard: {percent: 50, members: 1000}"),
        "{text}"
    );
    let defaults = format!("{:?}", parse(&text));
    assert_eq!(defaults, format!("{:?}", parse("# nothing\nsources: []\n")));

    let written = parse(
        "sources: [{files: a, max_malformed: 0.1}, {kinesis: {stream_name: s, start: trim_horizon}}]\nguard: {percent: 50, members: 1000}\n",
    );
    let left_out = parse("sources: [{files: a}, {kinesis: {stream_name: s}}]\nguard: {}\n");
    assert_eq!(format!("{written:?}"), format!("{left_out:?}"));
}

#[test]
fn errors_show_the_place_and_a_correction() {
    insta::assert_snapshot!(errors("timezone: UTC\n"));
    insta::assert_snapshot!(errors("time_zone: Berlin\nclock: yesterday\n"));
    insta::assert_snapshot!(errors(
        "destinations:\n  a: {kinesis: {stream: s}}\n  b: {file: {path: x}, stdout: {}}\n  c: {}\n  d: {stdout: 1}\n  e e: {}\n"
    ));
    insta::assert_snapshot!(errors(
        "destinations: {a: {kinesis: {stream_name: s, role_arn: muster}}}\n"
    ));
    insta::assert_snapshot!(errors(
        "destinations: {a: {kinesis: {stream_name: s, external_id: secret}}}\n"
    ));
    insta::assert_snapshot!(errors(
        "sources:\n  - file: x\n  - {files: x, max_malformed: 200}\n"
    ));
}

#[test]
fn errors_of_http_and_kinesis_sources() {
    insta::assert_snapshot!(errors(
        "sources:\n  - http: {listen: 8080, api_keys: []}\n  - http: {listen: localhost, api_keys: [\"\", \" \"]}\n  - http: {}\n  \
         - http: {listen: \"127.0.0.1:1\", api_keys: key}\n  - {files: x, kinesis: {stream_name: s}}\n  \
         - {http: {listen: \"127.0.0.1:1\", api_keys: [a]}, max_malformed: 1}\n"
    ));
    insta::assert_snapshot!(errors(
        "sources:\n  - kinesis: {stream_name: \"arn:aws:kinesis\", start: horizon, endpoint_url: localhost}\n  \
         - kinesis: {region: eu-west-1, start: lastest, external_id: abc}\n"
    ));
    // No message contains a secret.
    let faults =
        errors("sources: [{http: {listen: \"127.0.0.1:1\", api_keys: [\"${SECRET}\"]}}]\n");
    assert!(!faults.contains("s3cret"), "{faults}");
}

#[test]
fn errors_of_settings_of_the_service() {
    insta::assert_snapshot!(errors(
        "guard: on\nretention: for ever\nrun_records: 90\noperations: {}\n"
    ));
    insta::assert_snapshot!(errors(
        "guard: {percent: 120, members: 1.5, share: 1}\nretention: 3 calendar months\noperations: {listen: \"9464\"}\n"
    ));
    insta::assert_snapshot!(errors(
        "guard: {percent: \"${MUSTER_API_KEY}\", members: \"5\"}\n"
    ));
    insta::assert_snapshot!(errors(
        "sources: [{http: {listen: \"127.0.0.1:8080\", api_keys: [a]}}, {http: {listen: \"127.0.0.1:8080\", api_keys: [b]}}]\n\
         operations: {listen: \"127.0.0.1:8080\"}\n"
    ));
}

#[test]
fn an_unset_variable_hides_other_errors() {
    insta::assert_snapshot!(errors(
        "retention: never\nsources:\n  - http:\n      listen: ${LISTEN}\n      api_keys: [\"${MUSTER_KEY}\"]\n"
    ));
}

#[test]
fn variables_in_brackets_need_quotes() {
    insta::assert_snapshot!(errors(
        "sources: [{http: {api_keys: [${MUSTER_API_KEY}]}}]\n"
    ));
}

#[test]
fn too_many_sources_are_refused() {
    let list = |count| format!("sources: [{}]\n", vec!["{files: a}"; count].join(", "));
    assert_eq!(parse(&list(100)).sources.len(), 100);
    assert!(errors(&list(101)).contains("`sources:` has at most 100"));
    let keys = |count| {
        let keys = vec!["k"; count].join(", ");
        format!("sources: [{{http: {{listen: \"127.0.0.1:1\", api_keys: [{keys}]}}}}]\n")
    };
    parse(&keys(100));
    assert!(errors(&keys(101)).contains("a list of API keys has at most 100"));
}

#[test]
fn an_outline_needs_no_secret() {
    let text = "time_zone: ${ZONE:-Asia/Tokyo}\ncohorts: [\"${DIR:-a}/*.yaml\"]\nsources: [{http: {listen: \"${NO}\", api_keys: [\"${NO}\"]}}]\n";
    let outline = ProjectOutline::parse(&SourceFile::new(FILE, text), &none).unwrap();
    assert_eq!(outline.time_zone.as_str(), "Asia/Tokyo");
    assert_eq!(outline.cohorts, ["a/*.yaml"]);
    let wrong =
        ProjectOutline::parse(&SourceFile::new(FILE, "time_zone: ${ZONE}\n"), &none).unwrap_err();
    assert!(wrong.to_string().contains("`ZONE` is not set"), "{wrong}");
}

#[test]
fn the_checked_in_reference_and_schema_are_up_to_date() {
    for (path, made) in [
        ("docs/configuration.md", reference()),
        ("docs/muster.schema.json", schema()),
    ] {
        let known = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../..")
            .join(path);
        let known = std::fs::read_to_string(known).unwrap_or_default();
        assert!(
            known.trim_end() == made.trim_end(),
            "{path} differs from the reader's tables: run `cargo xtask schema`"
        );
    }
}

/// Returns the YAML examples on the pages about `muster.yaml`.
fn examples() -> Vec<String> {
    let operations = include_str!("../../../../examples/operations/README.md");
    let page = reference() + operations;
    let blocks = page.split("```yaml\n").skip(1);
    blocks
        .filter_map(|block| Some(block.split_once("```")?.0.to_owned()))
        .collect()
}

#[test]
fn the_examples_of_the_reference_are_valid() {
    let examples = examples();
    assert!(!examples.is_empty());
    for example in examples {
        parse(&example);
    }
    parse(include_str!("../../../cli/templates/muster.yaml"));
}

#[test]
fn the_schema_accepts_valid_files_and_refuses_only_wrong_ones() {
    let validator = SchemaValidator::new(&schema());
    let fault = |text: &str| validator.fault(&load(FILE, text).unwrap());
    let mut right = examples();
    right.extend([
        include_str!("../../../cli/templates/muster.yaml").to_owned(),
        include_str!("../../../../examples/shop/muster.yaml").to_owned(),
        "guard: off\nsources: [{files: [a, b], max_malformed: \"${SHARE}\"}]\ndestinations: {a: {stdout: }, b: {stdout: {}}}\n".to_owned(),
        "sources: [{kinesis: {stream_name: s, start: 2026-03-01}}]\n".to_owned(),
    ]);
    for text in right {
        assert_eq!(fault(&text), None, "{text}");
        parse(&text);
    }
    for wrong in [
        "timezone: UTC\n",
        "retention: 3 calendar months\n",
        "guard: on\n",
        "guard: {percent: 120}\n",
        "guard: {members: 1.5}\n",
        "operations: {}\n",
        "operations: {listen: 9464}\n",
        "operations: {listen: \"9464\"}\n",
        "sources: [{http: {listen: \"127.0.0.1:1\"}}]\n",
        "sources: [{http: {listen: \"127.0.0.1:1\", api_keys: []}}]\n",
        "sources: [{http: {listen: \"127.0.0.1:1\", api_keys: [\"\"]}}]\n",
        "sources: [{kinesis: {stream_name: \"arn:aws:kinesis\"}}]\n",
        "sources: [{kinesis: {stream_name: s, start: lastest}}]\n",
        "destinations: {a: {}}\n",
        "destinations: {a: {stdout: {}, file: {path: x}}}\n",
        "destinations: {a b: {stdout: {}}}\n",
    ] {
        assert!(fault(wrong).is_some(), "{wrong}");
        errors(wrong);
    }
}
