//! A clause as it is shown reads back to the same clause.

use muster_definition::{Body, Source, parse};
use proptest::prelude::*;

use crate::random;

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    #[ignore = "until the whole language is read"]
    fn what_is_shown_reads_back(
        clause in random::era().prop_flat_map(random::clause),
    ) {
        let shown = clause.to_string();
        let source = Source::new("cohorts/a.yaml", &format!("where: {shown}"));
        let definition = parse(&source).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let Body::Where(read) = definition.body else { unreachable!() };
        // One definition has one zone; the texts have none.
        prop_assert_eq!(read.to_string(), shown);
    }
}
