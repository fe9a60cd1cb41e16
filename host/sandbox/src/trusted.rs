//! The one `unsafe` call of this crate: it loads machine code from the cache, or from the process
//! that compiles.

#![expect(
    unsafe_code,
    reason = "loading an artefact runs it as machine code; see the argument at the call"
)]

use wasmtime::Engine;
use wasmtime::component::Component;

use crate::cache::OwnArtefact;

/// Loads an artefact. Returns `None` if the engine does not accept it, so that the module must be
/// compiled again.
pub(crate) fn deserialize(engine: &Engine, artefact: &OwnArtefact) -> Option<Component> {
    // SAFETY: `Component::deserialize` requires bytes that `Component::serialize` made and that no
    // one altered. There are two ways to make an `OwnArtefact`:
    // - `OwnArtefact::from_process` takes the output of a program that the embedder names (`muster`
    //   names itself) and that this process started. That program runs as our user, so it could do
    //   anything that this process could do. It runs no code of the rule.
    // - `Cache::load` takes a file that our user owns and no one else can write to, in a directory
    //   for which the same holds. So only our user can have written the file, and that user could
    //   run any code anyway. `Cache::store`, which takes the bytes of `serialize`, writes there.
    // Both carry a SHA-256 over the key and the content, so the content is neither truncated nor
    // damaged nor that of another module. The key has the hash of the module and of everything that
    // this engine compiles by (wasmtime's version, its settings, the processor's features). So an
    // engine like this one made the bytes. They are in memory of ours, so a change of the file
    // afterwards does no harm.
    unsafe { Component::deserialize(engine, artefact.bytes()) }.ok()
}
