//! The files of a new rule project, which travel inside the binary: the rule, its cases, the SDK of
//! its language and the contract.

use super::language::Language;

/// A file: its path in the project and its content.
pub(super) type File = (&'static str, Content);

/// The content of a file.
pub(super) enum Content {
    Text(String),
    Bytes(&'static [u8]),
}

impl Content {
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Bytes(bytes) => bytes,
        }
    }
}

/// The id of the cohort in the templates.
const ID: &str = "big-spenders";

/// The path from this file to the folder of rules.
macro_rules! guest {
    ($path:literal) => {
        include_str!(concat!("../../../../../guest-rules/", $path))
    };
}

macro_rules! files {
    ($($to:literal: $from:literal),* $(,)?) => {
        [$(($to, guest!($from))),*]
    };
}

const RUST_SDK: [(&str, &str); 20] = files![
    "muster-rule/src/bindings.rs": "sdk/src/bindings.rs",
    "muster-rule/src/calendar.rs": "sdk/src/calendar.rs",
    "muster-rule/src/columns.rs": "sdk/src/columns.rs",
    "muster-rule/src/context.rs": "sdk/src/context.rs",
    "muster-rule/src/decimal_sum.rs": "sdk/src/decimal_sum.rs",
    "muster-rule/src/declare.rs": "sdk/src/declare.rs",
    "muster-rule/src/events.rs": "sdk/src/events.rs",
    "muster-rule/src/filtered.rs": "sdk/src/filtered.rs",
    "muster-rule/src/history.rs": "sdk/src/history.rs",
    "muster-rule/src/kind.rs": "sdk/src/kind.rs",
    "muster-rule/src/lib.rs": "sdk/src/lib.rs",
    "muster-rule/src/runtime.rs": "sdk/src/runtime.rs",
    "muster-rule/src/testing/batch.rs": "sdk/src/testing/batch.rs",
    "muster-rule/src/testing/instant.rs": "sdk/src/testing/instant.rs",
    "muster-rule/src/testing/mod.rs": "sdk/src/testing/mod.rs",
    "muster-rule/src/testing/value.rs": "sdk/src/testing/value.rs",
    "muster-rule/src/time.rs": "sdk/src/time.rs",
    "muster-rule/src/verdicts.rs": "sdk/src/verdicts.rs",
    "src/lib.rs": "big-spenders/src/lib.rs",
    "muster-rule/Cargo.toml": "templates/sdk.toml",
];

const WIT: (&str, &str) = (
    "wit/cohort.wit",
    include_str!("../../../../../wit/cohort.wit"),
);

/// Returns the files of a project whose cohort has this id.
pub(super) fn files(language: Language, id: &str) -> Vec<File> {
    let own: Vec<(&'static str, &str)> = match language {
        Language::Rust => RUST_SDK
            .into_iter()
            .chain([("Cargo.toml", guest!("templates/rule.toml"))])
            .collect(),
        Language::Javascript => vec![
            ("rule.js", guest!("javascript/big-spenders.js")),
            ("muster-rule.js", guest!("javascript/muster-rule.js")),
            ("package.json", guest!("javascript/package.json")),
            WIT,
        ],
        Language::Python => vec![
            ("rule.py", guest!("python/big_spenders.py")),
            ("muster_rule.py", guest!("python/muster_rule.py")),
            ("requirements.txt", guest!("python/requirements.txt")),
            WIT,
        ],
        Language::C => vec![
            ("rule.c", guest!("c/big_spenders.c")),
            ("muster-rule/muster_rule.h", guest!("c/muster_rule.h")),
            ("muster-rule/muster_rule.c", guest!("c/muster_rule.c")),
            ("muster-rule/rule.h", guest!("c/rule.h")),
            ("muster-rule/rule.c", guest!("c/rule.c")),
            ("requirements.txt", guest!("c/requirements.txt")),
        ],
    };
    let named = |text: &str| text.replace(ID, id);
    let mut files: Vec<File> = own
        .into_iter()
        .chain([
            (".gitignore", guest!("templates/gitignore")),
            ("cohorts/rule.yaml", guest!("templates/rule.yaml")),
            ("cohorts/rule.test.yaml", guest!("templates/rule.test.yaml")),
        ])
        .map(|(path, text)| (path, Content::Text(named(text))))
        .collect();
    let ceilings = match language {
        Language::Rust | Language::C => "",
        Language::Javascript => {
            "\n# The ceilings of rules. A rule with an interpreter in it needs more than others.\nrules: {nested_components: 32}\n"
        }
        Language::Python => {
            "\n# The ceilings of rules. A rule with an interpreter in it needs more than others.\nrules: {size: 64 MiB, time: 60 seconds}\n"
        }
    };
    let config = guest!("templates/muster.yaml").to_owned() + ceilings;
    files.push(("muster.yaml", Content::Text(config)));
    if language == Language::C {
        const TYPES: &[u8] = include_bytes!("../../../../../guest-rules/c/rule_component_type.o");
        files.push(("muster-rule/rule_component_type.o", Content::Bytes(TYPES)));
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the Rust files of a folder of the SDK, by their path below it.
    fn sources(folder: &std::path::Path, below: &str) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
        let of_entry = |entry: std::fs::DirEntry| {
            let name = format!("{below}{}", entry.file_name().to_str().unwrap());
            match entry.path().is_dir() {
                true => sources(&entry.path(), &format!("{name}/")),
                false => vec![name],
            }
        };
        entries.flat_map(of_entry).collect()
    }

    #[test]
    fn the_whole_sdk_travels() {
        let sdk =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../guest-rules/sdk/src");
        let mut there = sources(&sdk, "muster-rule/src/");
        there.sort();
        let files = files(Language::Rust, "x");
        let paths = files.iter().map(|(path, _)| (*path).to_owned());
        let mut packed: Vec<_> = paths
            .filter(|path| path.starts_with("muster-rule/src/"))
            .collect();
        packed.sort();
        assert_eq!(packed, there);
    }

    #[test]
    fn the_cohort_has_the_given_id() {
        for language in Language::ALL {
            let files = files(language, "my-vips");
            let text = |(_, content): &File| String::from_utf8_lossy(content.bytes()).into_owned();
            let texts: String = files.iter().map(text).collect();
            assert!(
                texts.contains("\"my-vips\"") && !texts.contains(ID),
                "{language:?}"
            );
        }
    }
}
