//! `cargo xtask schema`: writes the JSON Schema of cohort definitions where the tests look for it.

use anyhow::Context;

use crate::test::root;

pub(crate) fn schema() -> anyhow::Result<()> {
    let path = root().join("docs/cohort.schema.json");
    let written = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    written
        .and_then(|()| std::fs::write(&path, muster_definition::schema()))
        .with_context(|| format!("cannot write {}", path.display()))
}
