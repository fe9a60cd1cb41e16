//! What people are told about a file that is wrong: the whole text, one snapshot a file of `tests/wrong`.

use std::fs;
use std::path::{Path, PathBuf};

use muster_definition::{Definition, Source, duplicate_ids, parse};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wrong")
}

fn snapshot(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_snapshot_path("snapshots");
    settings.bind(|| insta::assert_snapshot!(name, text));
}

#[test]
fn what_is_wrong_is_shown_with_its_place_and_the_remedy() {
    let mut paths: Vec<_> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(paths.len() >= 30);
    for path in paths {
        let name = path.file_name().unwrap().to_str().unwrap();
        let read = Source::from_bytes(&format!("cohorts/{name}"), &fs::read(&path).unwrap());
        let diagnostics = read.and_then(|source| parse(&source)).unwrap_err();
        assert!(diagnostics.has_errors(), "{name}");
        snapshot(&name.replace(' ', "_"), &diagnostics.to_string());
    }
}

#[expect(clippy::unwrap_used, reason = "a test's definitions are right")]
fn definition(path: &str, text: &str) -> Definition {
    parse(&Source::new(path, text)).unwrap()
}

#[test]
fn one_id_in_two_files() {
    let definitions = [
        definition("cohorts/buyers.yaml", "where: {did: Purchase}"),
        definition(
            "cohorts/sellers.yaml",
            "name: Sellers\nid: buyers\nwhere: {did: Sale}",
        ),
        definition("cohorts/others.yaml", "where: {everyone: true}"),
        definition("cohorts/again.yaml", "id: buyers\nwhere: {did: Sale}"),
    ];
    snapshot("duplicate_ids", &duplicate_ids(&definitions).to_string());
    let same_stem = [
        definition("cohorts/buyers.yaml", "where: {did: Purchase}"),
        definition(
            "cohorts/north/buyers.json",
            "{\"where\": {\"did\": \"Purchase\"}}",
        ),
    ];
    snapshot(
        "duplicate_ids_by_file_name",
        &duplicate_ids(&same_stem).to_string(),
    );
}

#[test]
fn a_file_that_is_no_text() {
    snapshot(
        "not_utf8",
        &Source::from_bytes("cohorts/a.yaml", b"name: a\nwhere: \xff")
            .unwrap_err()
            .to_string(),
    );
    let large = vec![b' '; muster_definition::limits::FILE_BYTES + 1];
    snapshot(
        "too_large",
        &Source::from_bytes("cohorts/a.yaml", &large)
            .unwrap_err()
            .to_string(),
    );
}

#[test]
fn warnings_stop_nothing() {
    let read = definition("cohorts/a.yaml", "where:\n  user: {zip: 02134}");
    assert!(!read.warnings.has_errors());
    snapshot("only_a_warning", &read.warnings.to_string());
}

#[test]
fn colours_are_there_only_if_asked() {
    let diagnostics = parse(&Source::new(
        "a.yaml",
        "where: {did: Purchase, in_last: 3 dayz}",
    ))
    .unwrap_err();
    assert!(!diagnostics.to_string().contains('\u{1b}'));
    assert!(diagnostics.render(true).contains("\u{1b}[1m"));
}
