//! Tests of the diagnostics of wrong files: the whole text, one snapshot for each file of
//! `tests/wrong`.

use std::fs;
use std::path::{Path, PathBuf};

use muster_definition::{Body, Clause, duplicate_ids, link, parse};
use muster_document::SourceFile;
use muster_testkit::definition::definition;

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
fn errors_are_shown_with_place_and_remedy() {
    let mut paths: Vec<_> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(paths.len() >= 30);
    for path in paths {
        let name = path.file_name().unwrap().to_str().unwrap();
        let read = SourceFile::from_bytes(&format!("cohorts/{name}"), &fs::read(&path).unwrap());
        let diagnostics = read.and_then(|source| parse(&source)).unwrap_err();
        assert!(diagnostics.has_errors(), "{name}");
        snapshot(&name.replace(' ', "_"), &diagnostics.to_string());
    }
}

#[test]
fn one_id_in_two_files_is_refused() {
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

/// Returns the diagnostics of linking definitions, each given by its file's stem and its text.
fn linked(definitions: &[(&str, &str)]) -> String {
    let mut definitions: Vec<_> = definitions
        .iter()
        .map(|(stem, text)| definition(&format!("cohorts/{stem}.yaml"), text))
        .collect();
    link(&mut definitions).to_string()
}

#[test]
fn cohorts_that_cannot_be_used_are_refused() {
    let shown = linked(&[
        ("buyers", "where: {did: Purchase}"),
        ("vip", "rule: ./vip.wasm"),
        (
            "others",
            "where:\n  any:\n    - in_cohort: buyer\n    - not: {in_cohort: sellers}\n    - in_cohort: vip",
        ),
        // The error of the other definition is reported once.
        ("more", "where: {in_cohort: others}"),
    ]);
    snapshot("link_unknown", &shown);
}

#[test]
fn cohorts_in_a_cycle_are_refused() {
    snapshot("link_itself", &linked(&[("a", "where: {in_cohort: a}")]));
    let shown = linked(&[
        ("start", "where: {in_cohort: a}"),
        ("a", "where: {all: [{in_cohort: fine}, {in_cohort: b}]}"),
        ("b", "where: {not: {in_cohort: c}}"),
        ("c", "where: {any: [{did: A}, {in_cohort: a}]}"),
        ("fine", "where: {everyone: true}"),
    ]);
    snapshot("link_circle", &shown);
}

#[test]
fn cohorts_that_grow_too_large_are_refused() {
    let mut texts = vec![(
        "c0".to_owned(),
        "where: {any: [{did: A}, {did: B}]}".to_owned(),
    )];
    for n in 1..60 {
        let before = n - 1;
        texts.push((
            format!("c{n}"),
            format!(
                "where: {{any: [{{in_cohort: c{before}}}, {{not: {{in_cohort: c{before}}}}}]}}"
            ),
        ));
    }
    let texts: Vec<_> = texts.iter().map(|(id, text)| (&**id, &**text)).collect();
    snapshot("link_too_many_clauses", &linked(&texts));

    let nots = |inside: &str| format!("where: {}{inside}{}", "{not: ".repeat(50), "}".repeat(50));
    let shown = linked(&[
        ("a", &nots("{in_cohort: b}")),
        ("b", &nots("{in_cohort: c}")),
        ("c", &nots("{everyone: true}")),
    ]);
    snapshot("link_too_deep", &shown);

    let large = format!("where: {{did: A}}\n#{}", " ".repeat(1_000_000));
    let uses = format!("where: {{any: [{}]}}", ["{in_cohort: large}"; 9].join(", "));
    snapshot(
        "link_too_large",
        &linked(&[("a", &uses), ("large", &large)]),
    );
}

#[test]
fn a_link_becomes_the_clause_of_the_other_cohort() {
    let mut definitions = [
        definition(
            "cohorts/a.yaml",
            "where: {all: [{in_cohort: b}, {not: {in_cohort: vip}}]}",
        ),
        definition("cohorts/b.yaml", "where: {in_cohort: c}"),
        definition(
            "cohorts/c.yaml",
            "time_zone: Asia/Tokyo\nwhere: {did: A, in_last: 1 calendar day}",
        ),
        definition("cohorts/vip.yaml", "members: ./vip.csv"),
    ];
    let [_, _, of_c, of_vip] = definitions
        .clone()
        .map(|definition| (definition.id, definition.body));
    assert!(link(&mut definitions).is_empty());
    let [a, b, ..] = definitions.map(|definition| definition.body);
    assert_eq!(b, of_c.1);
    let (Body::Where(Clause::All(clauses)), Body::Where(of_c)) = (a, of_c.1) else {
        unreachable!("both have clauses");
    };
    let listed = Clause::Not(Box::new(Clause::Listed(of_vip.0)));
    assert_eq!(clauses, [of_c, listed]);
}

#[test]
fn a_long_chain_of_cohorts_links() {
    let mut definitions: Vec<_> = (0..5_000)
        .map(|n| {
            let text = match n {
                4_999 => "where: {everyone: true}".to_owned(),
                _ => format!("where: {{in_cohort: c{}}}", n + 1),
            };
            definition(&format!("cohorts/c{n}.yaml"), &text)
        })
        .collect();
    assert!(link(&mut definitions).is_empty());
    assert!(
        definitions
            .iter()
            .all(|definition| definition.body == Body::Where(Clause::Everyone))
    );
}

#[test]
fn a_file_that_is_not_text_is_refused() {
    snapshot(
        "not_utf8",
        &SourceFile::from_bytes("cohorts/a.yaml", b"name: a\nwhere: \xff")
            .unwrap_err()
            .to_string(),
    );
    let large = vec![b' '; muster_definition::limits::FILE_BYTES + 1];
    snapshot(
        "too_large",
        &SourceFile::from_bytes("cohorts/a.yaml", &large)
            .unwrap_err()
            .to_string(),
    );
}

#[test]
fn warnings_do_not_refuse_a_file() {
    let read = definition("cohorts/a.yaml", "where:\n  user: {zip: 02134}");
    assert!(!read.warnings.has_errors());
    snapshot("only_a_warning", &read.warnings.to_string());
}

#[test]
fn colours_appear_only_on_request() {
    let diagnostics = parse(&SourceFile::new(
        "a.yaml",
        "where: {did: Purchase, in_last: 3 dayz}",
    ))
    .unwrap_err();
    assert!(!diagnostics.to_string().contains('\u{1b}'));
    assert!(diagnostics.render(true).contains("\u{1b}[1m"));
}
