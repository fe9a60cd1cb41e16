//! Checks that any `muster.yaml` is read, or refused with errors that can be shown. What is read in
//! whole is also read without secrets, and for the store's folder alone.
#![no_main]

#[path = "../../fuzz_targets/seeds.rs"]
mod seeds;

use std::env::VarError;

use libfuzzer_sys::fuzz_target;
use muster_document::SourceFile;
use muster_project::config::{Config, ProjectOutline};

/// Returns the value of a variable: one is set, one is empty, and the others are not set.
fn lookup(name: &str) -> Result<String, VarError> {
    match name {
        "SET" => Ok("text: {a: [1]}".to_owned()),
        "EMPTY" => Ok(String::new()),
        _ => Err(VarError::NotPresent),
    }
}

fuzz_target!(init: seeds::write(inputs()), |bytes: &[u8]| {
    let Ok(source) = SourceFile::from_bytes("muster.yaml", bytes) else {
        return;
    };
    let whole = Config::parse(&source, &lookup);
    let without_secrets = Config::parse_without_secrets(&source, &lookup);
    let folder = Config::parse_store_folder(&source, &lookup);
    let outline = ProjectOutline::parse(&source, &lookup);
    let faults = [
        whole.as_ref().err(),
        without_secrets.as_ref().err(),
        folder.as_ref().err(),
        outline.as_ref().err(),
    ];
    for diagnostics in faults.into_iter().flatten() {
        assert!(diagnostics.has_errors());
        assert!(!diagnostics.to_string().is_empty());
    }
    if let Ok(config) = whole {
        assert!(without_secrets.is_ok());
        assert_eq!(folder.expect("the folder is read").store, config.store);
        assert_eq!(outline.expect("the outline is read").cohorts, config.cohorts);
    }
});

fn inputs() -> [(&'static str, Vec<u8>); 3] {
    let example: &[u8] = include_bytes!("../../../examples/shop/muster.yaml");
    let template: &[u8] = include_bytes!("../../../host/cli/templates/muster.yaml");
    let all = b"time_zone: Europe/Berlin\nclock: 2026-03-01T00:00:00Z\nstore: ${SET:-.muster}\ncohorts: [a/*.yaml]\n\
        sources: [{files: [a, b], max_malformed: 1}, {http: {listen: 127.0.0.1:1, api_keys: [k]}}, {kinesis: {stream_name: s, start: latest}}]\n\
        destinations: {a: {file: {path: x}}, b: {stdout: }, c: {kinesis: {stream_name: s, region: r, role_arn: 'arn:aws:iam::1:role/x', external_id: '${SET}'}}}\n\
        guard: {percent: 5, members: 1}\nretention: 400 days\nrun_records: 90 days\noperations: {listen: 127.0.0.1:2}\n";
    [
        ("example", example.to_vec()),
        ("template", template.to_vec()),
        ("all", all.to_vec()),
    ]
}
