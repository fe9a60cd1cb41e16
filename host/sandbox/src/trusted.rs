//! The one `unsafe` call of this crate: machine code from the cache, or from the process that
//! compiles.

#![expect(
    unsafe_code,
    reason = "loading an artefact runs it as machine code; see the argument at the call"
)]

use wasmtime::Engine;
use wasmtime::component::Component;

use crate::cache::OwnArtefact;

/// Loads an artefact. `None` if the engine does not take it after all, which calls for compiling
/// again.
pub(crate) fn deserialize(engine: &Engine, artefact: &OwnArtefact) -> Option<Component> {
    // SAFETY: `Component::deserialize` requires bytes that `Component::serialize` made and nobody
    // altered. An `OwnArtefact` is only made by `OwnArtefact::from_process`, from the output of a
    // program that the embedder names (`muster` names itself) and that this process started: it
    // runs as our user, and could do whatever its code could; nothing of the rule is run in it; or
    // by `Cache::load`, from a file that
    // - lies in a directory, and is itself, owned by our user and writable by nobody else, so that
    //   only our user could have written it, who could run any code as themselves anyway;
    //   `Cache::store`, which takes the bytes of `serialize`, is what writes there;
    // - carries a SHA-256 over its own key and its content, so it is neither truncated nor damaged
    //   nor another rule's; Both
    // - carry the key, which has the hash of the rule and of everything that this engine compiles
    //   by (wasmtime's version, its settings, the processor's features), so it was made by an
    //   engine like this one. The bytes were read to memory of ours, so a file may change
    //   meanwhile.
    unsafe { Component::deserialize(engine, artefact.bytes()) }.ok()
}
