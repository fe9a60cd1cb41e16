//! Imports of events.

use muster_model::EventBuffer;
use muster_store::*;

/// Begins a new import.
pub(crate) fn new_import(store: &Store, name: &str) -> Import {
    let source = SourceKey::new(name).unwrap();
    let ImportState::Open(import, None) = store.import(&source).unwrap() else {
        panic!("a new import");
    };
    import
}

/// Imports events as a whole.
pub(crate) fn import(store: &Store, name: &str, buffers: &[&EventBuffer]) {
    let mut import = new_import(store, name);
    for buffer in buffers {
        import.append(buffer, b"").unwrap();
    }
    import.finish(b"end").unwrap();
}
