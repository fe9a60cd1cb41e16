//! Whatever a definition's file holds: it is read or refused with errors that can be shown; what is read says itself again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use muster_definition::{Body, Source, parse};

fuzz_target!(|bytes: &[u8]| {
    let definition = match Source::from_bytes("cohorts/fuzz.yaml", bytes).and_then(|source| parse(&source)) {
        Ok(definition) => definition,
        Err(diagnostics) => {
            assert!(!diagnostics.to_string().is_empty());
            return;
        }
    };
    if let Body::Where(clause) = &definition.body {
        let shown = clause.to_string();
        let again = parse(&Source::new("cohorts/again.yaml", &format!("where: {shown}")));
        // What is shown names no zone, and is longer than what was written: it may break a limit, never the syntax.
        if let Ok(again) = again
            && let Body::Where(clause) = &again.body
        {
            assert_eq!(clause.to_string(), shown);
        }
    }
});
