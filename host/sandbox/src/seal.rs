//! The flags by which tools build a component without imports.

/// Texts that a tool leaves in its components, and the flag of that tool.
const TOOLS: [(&[u8], &str); 3] = [
    (
        b"componentize_py",
        ": build it with `componentize-py componentize --stub-wasi`",
    ),
    (
        b"quickjs",
        ": build it with `jco componentize --backend quickjs --backend-qjs-stub-wasi --backend-qjs-disable-async`",
    ),
    (
        b"StarlingMonkey",
        ": build it with `jco componentize --backend quickjs --backend-qjs-stub-wasi --backend-qjs-disable-async`; StarlingMonkey cannot be sealed",
    ),
];

/// Returns what to do about an import of a component.
pub(crate) fn hint(import: &str, component: &[u8]) -> &'static str {
    match flag(component) {
        Some(flag) => flag,
        None if import.starts_with("wasi:") => {
            ": build it for a target without WASI (Rust: `--target wasm32-unknown-unknown`; C: `-mexec-model=reactor` without files, clocks and output)"
        }
        None => ": all its data comes with the batch",
    }
}

/// Returns the flag of the tool that built a component, if it is known.
pub(crate) fn flag(component: &[u8]) -> Option<&'static str> {
    let found = TOOLS.iter().find(|(mark, _)| contains(component, mark));
    found.map(|(_, flag)| *flag)
}

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_is_that_of_the_tool() {
        let hint = |component: &[u8]| hint("wasi:cli/exit@0.2.0", component);
        assert!(hint(b"..libcomponentize_py_runtime.so").contains("--stub-wasi`"));
        assert!(hint(b"..quickjs..").contains("--backend-qjs-stub-wasi"));
        assert!(hint(b"").contains("wasm32-unknown-unknown"));
        assert!(super::hint("env", b"").contains("the batch"));
    }
}
