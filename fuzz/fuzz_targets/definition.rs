//! Checks that any file of a definition is read, or refused with errors that can be shown. A clause
//! that was read can be written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use muster_definition::{Body, parse};
use muster_document::SourceFile;

fuzz_target!(|bytes: &[u8]| {
    let definition = match SourceFile::from_bytes("cohorts/fuzz.yaml", bytes)
        .and_then(|source| parse(&source))
    {
        Ok(definition) => definition,
        Err(diagnostics) => {
            assert!(!diagnostics.to_string().is_empty());
            return;
        }
    };
    if let Body::Where(clause) = &definition.body {
        let shown = clause.to_string();
        match parse(&SourceFile::new(
            "cohorts/again.yaml",
            &format!("where: {shown}"),
        )) {
            Ok(again) => {
                let Body::Where(clause) = &again.body else {
                    panic!("not a clause: {shown}");
                };
                assert_eq!(clause.to_string(), shown);
            }
            // The shown text is longer than the original: it may break a limit, but never the
            // syntax.
            Err(diagnostics) => {
                let text = diagnostics.to_string();
                let breaks_limit = text.contains("at most") || text.contains("nested more than");
                assert!(breaks_limit, "{shown}\n{text}");
            }
        }
    }
});
