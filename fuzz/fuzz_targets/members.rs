//! Checks that any static list is read, or refused with errors that can be shown. A list that was
//! read reads the same after it was written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use muster_definition::members;
use muster_document::SourceFile;

fuzz_target!(|bytes: &[u8]| {
    let Ok(source) = SourceFile::from_bytes("cohorts/fuzz.csv", bytes) else {
        return;
    };
    match members(&source) {
        Ok(list) => {
            assert!(!list.warnings.has_errors());
            let lines: Vec<_> = list
                .ids
                .iter()
                .map(|id| format!("\"{}\"", id.replace('"', "\"\"")))
                .collect();
            let again = members(&SourceFile::new("cohorts/again.csv", &lines.join("\n")));
            assert_eq!(again.expect("it reads again").ids, list.ids);
        }
        Err(diagnostics) => assert!(!diagnostics.to_string().is_empty()),
    }
});
