//! A test that the loader handles any bytes: it never panics, and it keeps to its limits.

use std::sync::LazyLock;

use crate::common::{HONEST, ONE_USER, right, sandbox};
use muster_sandbox::{Module, Origin, Sandbox};
use proptest::prelude::*;

static SANDBOX: LazyLock<Sandbox> = LazyLock::new(sandbox);
static COMPONENT: LazyLock<Vec<u8>> = LazyLock::new(|| HONEST.component());
static RULE: LazyLock<Module> = LazyLock::new(|| HONEST.load(&SANDBOX).unwrap());

/// Loads and calls a module. Only a panic or a hanging call fails.
fn try_out(bytes: &[u8]) {
    match SANDBOX.load(bytes, Origin::HandWritten) {
        Ok(module) => {
            let _ = module.classify(&ONE_USER);
        }
        Err(error) => assert!(error.to_string().len() < 2_000),
    }
    assert!(right(&RULE.classify(&ONE_USER).unwrap()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), header in 0..3) {
        let header: &[u8] = match header {
            0 => b"",
            1 => b"\0asm\x01\0\0\0",
            _ => b"\0asm\x0d\0\x01\0",
        };
        try_out(&[header, &bytes].concat());
    }

    #[test]
    fn changed_bytes_never_panic(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let mut bytes = COMPONENT.clone();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        try_out(&bytes);
    }

    #[test]
    fn cut_and_doubled_bytes_never_panic(from in any::<prop::sample::Index>(), to in any::<prop::sample::Index>(), double: bool) {
        let length = COMPONENT.len();
        let (from, to) = (from.index(length), to.index(length));
        let (from, to) = (from.min(to), from.max(to));
        let mut bytes = COMPONENT.clone();
        let part: Vec<u8> = bytes.drain(from..to).collect();
        if double {
            bytes.splice(from..from, [part.clone(), part].concat());
        }
        try_out(&bytes);
    }
}
