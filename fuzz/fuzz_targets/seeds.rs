//! The first inputs of targets whose inputs are bytes that only the code itself makes.

use std::path::PathBuf;

/// The variable that names the corpus folder; `cargo xtask fuzz` sets it.
const CORPUS: &str = "MUSTER_FUZZ_CORPUS";

/// Writes inputs into the corpus before the target starts.
pub fn write<N: AsRef<str>>(inputs: impl IntoIterator<Item = (N, Vec<u8>)>) {
    let Some(folder) = std::env::var_os(CORPUS).map(PathBuf::from) else {
        return;
    };
    for (name, bytes) in inputs {
        std::fs::write(folder.join(name.as_ref()), bytes).expect("the corpus can be written");
    }
}
