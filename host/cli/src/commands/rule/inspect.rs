//! `muster rule inspect`: shows what a rule is and what it reads.

use std::path::PathBuf;

use clap::Args;
use muster_model::to_hex;
use muster_sandbox::{CONTRACT_VERSION, Description, Kind, Property, inspect};
use serde_json::{Value, json};

use super::load::{ceilings, load, read, rule_file};
use crate::output::{Output, bytes, duration};

/// Show what a rule imports, exports, reads and needs
///
/// The exit code is 1 if this Muster refuses the rule; the reason is shown.
#[derive(Debug, Args)]
pub(super) struct InspectCommand {
    /// The built rule, or its folder
    #[arg(default_value = ".")]
    rule: PathBuf,
}

impl InspectCommand {
    pub(super) fn run(self, output: &Output) -> anyhow::Result<()> {
        let path = rule_file(&self.rule);
        let rule = read(&path)?;
        let found = inspect(&rule)?;
        let ceilings = ceilings(&path, output)?;
        let loaded = load(&rule, ceilings, false, None);
        let contract = found.contract.as_deref().unwrap_or("not named");
        let mut text = format!(
            "{}\n  size         {} of {}\n  SHA-256      {}\n  contract     {contract}, and this Muster takes {CONTRACT_VERSION}\n  \
             imports      {}\n  exports      {}\n  parts        {} core modules, {} nested components\n",
            path.display(),
            bytes(found.bytes as u64),
            bytes(ceilings.size as u64),
            to_hex(&found.digest),
            names(&found.imports),
            names(&found.exports),
            found.core_modules,
            found.nested_components,
        );
        let mut json = json!({
            "path": path,
            "bytes": found.bytes,
            "sha256": to_hex(&found.digest),
            "contract": found.contract,
            "imports": found.imports,
            "exports": found.exports,
            "core_modules": found.core_modules,
            "nested_components": found.nested_components,
        });
        let loaded = match loaded {
            Ok(loaded) => loaded,
            Err(error) => {
                output.note(&text);
                return Err(error);
            }
        };
        let description = loaded.module.description();
        text += &format!(
            "  loads in     {}\n  limits       {} of memory, {} a batch\n{}",
            duration(loaded.took),
            bytes(ceilings.memory as u64),
            duration(ceilings.time),
            reads(description),
        );
        if let Value::Object(json) = &mut json {
            json.insert("loaded_ms".to_owned(), json!(loaded.took.as_millis()));
            json.insert("reads".to_owned(), reads_json(description));
        }
        output.result(&json, &text)
    }
}

fn names(names: &[String]) -> String {
    if names.is_empty() {
        return "nothing".to_owned();
    }
    names.join(", ")
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "text",
        Kind::Number => "number",
        Kind::Flag => "flag",
        Kind::Instant => "instant",
    }
}

fn shown(properties: &[Property]) -> String {
    let shown = |property: &Property| match property.name.as_str() {
        "" => "the event's name".to_owned(),
        name => format!("{} ({})", name.replace('\0', " "), kind(property.kind)),
    };
    properties.iter().map(shown).collect::<Vec<_>>().join(", ")
}

/// Returns what a rule reads, a line each.
fn reads(description: &Description) -> String {
    let mut lines = vec![format!("  cohorts      {}", description.cohorts.join(", "))];
    if !description.user_properties.is_empty() {
        lines.push(format!(
            "  user         {}",
            shown(&description.user_properties)
        ));
    }
    if !description.property_histories.is_empty() {
        lines.push(format!(
            "  changes of   {}",
            shown(&description.property_histories)
        ));
    }
    for stream in &description.streams {
        let reach = match stream.reach {
            Some(ms) => format!("of the last {}", days(ms)),
            None => "ever".to_owned(),
        };
        let with = match stream.properties.as_slice() {
            [] => String::new(),
            properties => format!(" with {}", shown(properties)),
        };
        lines.push(format!(
            "  events       {} {reach}{with}",
            stream.names.join(", ")
        ));
    }
    for calendar in &description.calendars {
        lines.push(format!("  calendar     in {}", calendar.time_zone));
    }
    lines.join("\n")
}

fn days(ms: u64) -> String {
    const DAY: u64 = 86_400_000;
    match ms % DAY {
        0 => muster_model::count(ms / DAY, "day"),
        _ => format!("{} hours", ms.div_ceil(3_600_000)),
    }
}

fn reads_json(description: &Description) -> Value {
    let properties = |properties: &[Property]| -> Vec<Value> {
        (properties.iter())
            .map(|property| json!({ "name": property.name, "kind": kind(property.kind) }))
            .collect()
    };
    let streams: Vec<_> = (description.streams.iter())
        .map(|stream| {
            json!({
                "names": stream.names,
                "reach_ms": stream.reach,
                "properties": properties(&stream.properties),
            })
        })
        .collect();
    json!({
        "cohorts": description.cohorts,
        "user_properties": properties(&description.user_properties),
        "property_histories": properties(&description.property_histories),
        "streams": streams,
        "lists": description.lists,
    })
}
