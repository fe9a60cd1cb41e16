//! Writes the bindings of `wit/cohort.wit` that the SDKs for Rust and C contain, so that a rule
//! needs no generator: `cargo run -p rule-bindings`.

use std::path::{Path, PathBuf};

use anyhow::Context;
use wit_bindgen_core::{Files, WorldGenerator};
use wit_parser::Resolve;

/// The world of the contract.
const WORLD: &str = "rule";

fn main() -> anyhow::Result<()> {
    for (path, content) in bindings()? {
        std::fs::write(&path, content)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// Returns the files of all bindings with their content.
fn bindings() -> anyhow::Result<Vec<(PathBuf, Vec<u8>)>> {
    let guests = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let rust = wit_bindgen_rust::Opts {
        format: true,
        pub_export_macro: true,
        export_macro_name: Some("export_bindings".to_owned()),
        default_bindings_module: Some("muster_rule::bindings".to_owned()),
        runtime_path: Some("crate::runtime".to_owned()),
        additional_derive_attributes: vec!["PartialEq".to_owned()],
        ..Default::default()
    };
    let mut bindings = Vec::new();
    for (generator, folder) in [
        (Box::new(rust.build()) as Box<dyn WorldGenerator>, "sdk/src"),
        (wit_bindgen_c::Opts::default().build(), "c"),
    ] {
        for (name, content) in generate(generator, &guests.join("../wit"))? {
            let name = match name.as_str() {
                "rule.rs" => "bindings.rs".to_owned(),
                _ => name,
            };
            bindings.push((guests.join(folder).join(name), content));
        }
    }
    Ok(bindings)
}

fn generate(
    mut generator: Box<dyn WorldGenerator>,
    wit: &Path,
) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(wit)?;
    let world = resolve.select_world(&[package], Some(WORLD))?;
    let mut files = Files::default();
    generator.generate(&mut resolve, world, &mut files)?;
    let owned = |(name, content): (&str, &[u8])| (name.to_owned(), content.to_vec());
    Ok(files.iter().map(owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bindings_are_those_of_the_contract() {
        for (path, content) in bindings().unwrap() {
            let there = std::fs::read(&path).unwrap_or_default();
            assert!(
                there == content,
                "{} is not what the contract gives: run `cargo run -p rule-bindings`",
                path.display()
            );
        }
    }
}
