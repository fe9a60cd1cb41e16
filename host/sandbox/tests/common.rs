//! Sandboxes, batches and rules for the tests. The rules are small, in the text format, and keep
//! the contract except in one point.

use std::num::NonZeroUsize;
use std::time::Duration;

use muster_sandbox::{
    Batch, Ceilings, Dictionary, LoadError, Module, ModuleError, Origin, Sandbox, SandboxOptions,
    Verdicts,
};
use muster_testkit::rule::{component_of, words};

/// Returns options with short limits, so that a rule that loops for ever is soon stopped.
pub fn options() -> SandboxOptions {
    SandboxOptions {
        threads: NonZeroUsize::new(2).unwrap(),
        ceilings: within(Duration::from_millis(300)),
        describe_time: Duration::from_millis(300),
        ..SandboxOptions::default()
    }
}

/// Returns the ceilings with another time for a batch.
pub fn within(time: Duration) -> Ceilings {
    Ceilings {
        time,
        ..Ceilings::default()
    }
}

pub fn sandbox() -> Sandbox {
    Sandbox::new(options()).unwrap()
}

/// A batch of one user at 1,000 ms, for a rule that reads nothing.
pub const ONE_USER: Batch<'static> = Batch {
    now: 1_000,
    users: 1,
    dictionary: Dictionary {
        offsets: &[0],
        bytes: &[],
    },
    first_seen: &[5],
    user_hash: &[],
    user_properties: &[],
    property_histories: &[],
    streams: &[],
    calendars: &[],
    lists: &[],
};

/// A rule in the text format. The default rule keeps the contract: its cohort is `test`, and its
/// one user is a member for ever.
pub struct Wat {
    /// The code of `describe`, which leaves the address of a description.
    pub describe: &'static str,
    /// The code of `classify`. Local 0 is the address of the batch. The code leaves the address of
    /// a result.
    pub classify: &'static str,
    /// The code of `cabi_realloc` with locals 0 to 3: address, size, alignment, new size.
    pub realloc: &'static str,
    /// Further items of the module.
    pub items: &'static str,
    /// The result at 900: 0 (an answer) or 1 (an error), and two lists as address and length.
    pub result: [u32; 5],
    pub members: u64,
    pub until: i64,
    pub cohorts: &'static [&'static str],
    pub pages: u32,
}

pub const HONEST: Wat = Wat {
    describe: "i32.const 64",
    classify: "i32.const 900",
    // Memory is aligned to 8 and never freed: an instance is used for a few small batches here.
    realloc: "
        global.get $top
        global.get $top
        local.get 3
        i32.add
        i32.const 7
        i32.add
        i32.const -8
        i32.and
        global.set $top",
    items: "",
    result: [0, 1024, 1, 1032, 1],
    members: 1,
    until: i64::MAX,
    cohorts: &["test"],
    pages: 1,
};

impl Wat {
    pub fn core(&self) -> Vec<u8> {
        let mut ids = String::new();
        let mut list = Vec::new();
        for id in self.cohorts {
            list.extend([2048 + ids.len() as u32, id.len() as u32]);
            ids.push_str(id);
        }
        // cohorts, user-properties, property-histories, streams, calendars: pointer and length
        // each; user-hashes; lists.
        let description = [
            1200,
            self.cohorts.len() as u32,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
        ];
        let long = |value: u64| words(&[value as u32, (value >> 32) as u32]);
        let text = format!(
            r#"(module
                (memory (export "memory") {pages})
                (global $top (mut i32) (i32.const 8192))
                (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) {realloc})
                (func $describe (export "describe") (result i32) {describe})
                (func $classify (export "classify") (param i32) (result i32) {classify})
                (data (i32.const 64) "{description}")
                (data (i32.const 900) "{result}")
                (data (i32.const 1024) "{members}")
                (data (i32.const 1032) "{until}")
                (data (i32.const 1200) "{list}")
                (data (i32.const 2048) "{ids}")
                {items})"#,
            pages = self.pages,
            realloc = self.realloc,
            describe = self.describe,
            classify = self.classify,
            description = words(&description),
            result = words(&self.result),
            members = long(self.members),
            until = long(self.until as u64),
            list = words(&list),
            items = self.items,
        );
        wat::parse_str(text).unwrap()
    }

    pub fn component(&self) -> Vec<u8> {
        component_of(self.core())
    }

    pub fn load(&self, sandbox: &Sandbox) -> Result<Module, LoadError> {
        sandbox.load(&self.component(), Origin::HandWritten)
    }

    /// Returns the rule's answer about one user.
    pub fn answer(&self, sandbox: &Sandbox) -> Result<Verdicts, ModuleError> {
        self.load(sandbox).unwrap().classify(&ONE_USER)
    }
}

/// Returns true for the answer of the honest rule.
pub fn right(verdicts: &Verdicts) -> bool {
    verdicts.members == [1] && verdicts.until == [i64::MAX]
}
