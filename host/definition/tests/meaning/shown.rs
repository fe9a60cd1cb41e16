//! Tests that a clause as it is shown reads back to the same clause, and that the schema accepts
//! it.

use muster_definition::{Body, parse};
use muster_document::SourceFile;
use muster_testkit::{random, schema};
use proptest::prelude::*;

use crate::validator;

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_shown_clause_reads_back(
        clause in random::era().prop_flat_map(random::clause),
    ) {
        let shown = clause.to_string();
        let text = format!("where: {shown}");
        prop_assert_eq!(validator::fault(&schema::load("cohorts/a.yaml", &text).unwrap()), None);
        let source = SourceFile::new("cohorts/a.yaml", &text);
        let definition = parse(&source).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let Body::Where(read) = definition.body else { unreachable!() };
        // A definition has one time zone, and the shown texts have none.
        prop_assert_eq!(read.to_string(), shown);
    }
}
