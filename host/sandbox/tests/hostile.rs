//! Rules that break the contract, the limits or themselves. Each ends in its own error, quickly,
//! and the host goes on.

use std::time::{Duration, Instant};

use crate::common::{HONEST, ONE_USER, Wat, options, right, sandbox, within};
use muster_sandbox::{
    Batch, Ceilings, LoadError, ModuleError, Origin, Sandbox, SandboxOptions, limits,
};
use muster_testkit::process::arguments;
use muster_testkit::rule::component_of;

/// Returns the error of a rule, in a sandbox where an honest rule works before and after.
fn error(hostile: &Wat) -> ModuleError {
    let sandbox = sandbox();
    let honest = HONEST.load(&sandbox).unwrap();
    let module = hostile.load(&sandbox).unwrap();
    let started = Instant::now();
    let error = module.classify(&ONE_USER).unwrap_err();
    assert_eq!(
        module.classify(&ONE_USER),
        Err(error.clone()),
        "the same again"
    );
    assert!(started.elapsed() < Duration::from_secs(5), "too slow");
    assert!(right(&honest.classify(&ONE_USER).unwrap()));
    error
}

fn refused(bytes: &[u8]) -> LoadError {
    let sandbox = sandbox();
    let started = Instant::now();
    let error = sandbox.load(bytes, Origin::HandWritten).unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(5), "too slow");
    assert!(HONEST.answer(&sandbox).is_ok());
    error
}

fn describing(describe: &'static str) -> ModuleError {
    match refused(&Wat { describe, ..HONEST }.component()) {
        LoadError::Describe(error) => error,
        other => panic!("{other}"),
    }
}

#[test]
fn an_honest_rule_answers() {
    let sandbox = sandbox();
    for origin in [Origin::Compiled, Origin::HandWritten] {
        let module = sandbox.load(&HONEST.component(), origin).unwrap();
        assert_eq!(module.description().cohorts, ["test"]);
        for _ in 0..100 {
            assert!(right(&module.classify(&ONE_USER).unwrap()));
        }
    }
}

#[test]
fn fuel_is_counted_on_a_metered_sandbox_only() {
    let plain = HONEST.load(&sandbox()).unwrap();
    plain.classify(&ONE_USER).unwrap();
    assert_eq!(plain.fuel(), 0);
    let metered = || {
        let options = SandboxOptions {
            metered: true,
            ..options()
        };
        HONEST.load(&Sandbox::new(options).unwrap()).unwrap()
    };
    let module = metered();
    module.classify(&ONE_USER).unwrap();
    let once = module.fuel();
    assert!(once > 0);
    module.classify(&ONE_USER).unwrap();
    assert_eq!(module.fuel(), 2 * once, "the same call takes the same");
    let again = metered();
    again.classify(&ONE_USER).unwrap();
    assert_eq!(again.fuel(), once);
}

#[test]
fn a_trap_is_an_error() {
    let error = error(&Wat {
        classify: "unreachable",
        ..HONEST
    });
    let ModuleError::Trapped { reason, place } = &error else {
        panic!("{error}")
    };
    assert_eq!(reason, "wasm `unreachable` instruction executed");
    assert!(place.contains("classify"), "{place}");
    let error = describing("i32.const 1 i32.const 0 i32.div_u");
    assert!(
        error
            .to_string()
            .starts_with("the module crashed: integer divide by zero"),
        "{error}"
    );
}

#[test]
fn an_endless_loop_is_stopped() {
    let error = error(&Wat {
        classify: "(loop br 0) unreachable",
        ..HONEST
    });
    assert_eq!(
        error,
        ModuleError::TimedOut {
            limit: Duration::from_millis(300)
        }
    );
    assert!(matches!(
        describing("(loop br 0) unreachable"),
        ModuleError::TimedOut { .. }
    ));
    // The time limit holds while an instance starts, and while it takes the batch.
    let start = Wat {
        items: "(func $start (loop br 0)) (start $start)",
        ..HONEST
    };
    let error = refused(&start.component());
    assert!(
        matches!(error, LoadError::Describe(ModuleError::TimedOut { .. })),
        "{error}"
    );
    let taking = Wat {
        realloc: "(loop br 0) unreachable",
        ..HONEST
    };
    assert!(matches!(self::error(&taking), ModuleError::TimedOut { .. }));
}

#[test]
fn memory_growth_is_limited() {
    let error = error(&Wat {
        classify: "(loop (drop (memory.grow (i32.const 256))) br 0) unreachable",
        ..HONEST
    });
    let limit = limits::MAX_MEMORY_BYTES;
    let ModuleError::OutOfMemory {
        wanted,
        limit: reported,
    } = error
    else {
        panic!("{error}")
    };
    assert!(wanted > limit && wanted <= limit + (16 << 20) && reported == limit);
    // A rule may also request too much memory at the start.
    let error = refused(
        &Wat {
            pages: 4_097,
            ..HONEST
        }
        .component(),
    );
    assert!(error.to_string().contains("memory"), "{error}");
    assert!(HONEST.answer(&sandbox()).is_ok());
    // A rule sees its own maximum refused, and goes on.
    let bounded = Wat {
        classify: "(drop (memory.grow (i32.const 4000))) i32.const 900",
        ..HONEST
    };
    assert!(bounded.answer(&sandbox()).is_ok());
}

#[test]
fn table_growth_is_limited() {
    let error = error(&Wat {
        items: "(table $t 1 funcref)",
        classify: "(loop (drop (table.grow $t (ref.null func) (i32.const 1000))) br 0) unreachable",
        ..HONEST
    });
    assert!(matches!(error, ModuleError::OutOfTable { .. }), "{error}");
}

#[test]
fn recursion_is_limited() {
    let error = error(&Wat {
        items: "(func $deep (param i32) (result i32) (call $deep (local.get 0)) i32.const 1 i32.add)",
        classify: "(call $deep (i32.const 0))",
        ..HONEST
    });
    let ModuleError::StackOverflow { limit, place } = &error else {
        panic!("{error}")
    };
    assert!(
        *limit == limits::MAX_STACK_BYTES && place.contains("deep"),
        "{error}"
    );
}

#[test]
fn an_answer_of_the_wrong_shape_is_refused() {
    let says = |wat: Wat| match error(&wat) {
        ModuleError::BadAnswer(text) => text,
        other => panic!("{other}"),
    };
    let lists = |result| says(Wat { result, ..HONEST });
    assert_eq!(
        lists([0, 1024, 2, 1032, 1]),
        "members has 2 words in place of 1 (1 cohorts × 1)"
    );
    assert_eq!(
        lists([0, 1024, 0, 1032, 1]),
        "members has 0 words in place of 1 (1 cohorts × 1)"
    );
    assert_eq!(
        lists([0, 1024, 1, 1032, 3]),
        "until has 3 values in place of 1"
    );
    let padded = says(Wat {
        members: 3,
        ..HONEST
    });
    assert_eq!(
        padded,
        "members of cohort 0 (counted from 0) has bits past user 0"
    );
    let early = says(Wat {
        until: 1_000,
        ..HONEST
    });
    assert_eq!(
        early,
        "until of user 0 is 1000, which is not later than now, 1000"
    );
    assert!(
        says(Wat {
            until: i64::MIN,
            ..HONEST
        })
        .contains("not later than now")
    );
    // Absurd lengths and addresses: the host never allocates as much.
    for result in [
        [0, 1024, u32::MAX, 1032, 1],
        [0, 1024, 1 << 29, 1032, 1],
        [0, u32::MAX - 7, 1, 1032, 1],
        [0, 1 << 20, 1, 1032, 1],
        [0, 1025, 1, 1032, 1],
        [1, 1024, u32::MAX, 0, 0],
        [7, 1024, 1, 1032, 1],
    ] {
        let text = lists(result);
        assert!(!text.is_empty(), "{result:?}");
    }
    assert!(
        !says(Wat {
            classify: "i32.const -4",
            ..HONEST
        })
        .is_empty()
    );
    // The list is in the rule's memory, but far longer than an answer.
    let long = says(Wat {
        result: [0, 0, 1 << 20, 1032, 1],
        pages: 256,
        ..HONEST
    });
    assert!(long.contains("fuel") || long.contains("too much"), "{long}");
    // This `cabi_realloc` returns memory that the rule does not have.
    let lying = says(Wat {
        realloc: "i32.const -8",
        ..HONEST
    });
    assert!(lying.contains("realloc"), "{lying}");
}

#[test]
fn an_error_of_the_rule_is_reported_in_its_words() {
    let gave_up = |result| {
        error(&Wat {
            result,
            items: r#"(data (i32.const 3000) "no \1b[2Jluck")"#,
            ..HONEST
        })
    };
    assert_eq!(
        gave_up([1, 3000, 11, 0, 0]),
        ModuleError::GaveUp("no  [2Jluck".to_owned())
    );
    // This text is longer than the part that is kept.
    let ModuleError::GaveUp(text) = gave_up([1, 0x8000, 4_000, 0, 0]) else {
        panic!()
    };
    assert_eq!(text.chars().count(), limits::MAX_ERROR_TEXT + 1);
    // This text is not UTF-8.
    let broken = Wat {
        result: [1, 3000, 1, 0, 0],
        items: r#"(data (i32.const 3000) "\ff")"#,
        ..HONEST
    };
    assert!(matches!(error(&broken), ModuleError::BadAnswer(_)));
}

#[test]
fn wrong_descriptions_are_refused() {
    let says = |cohorts| match refused(&Wat { cohorts, ..HONEST }.component()) {
        LoadError::Description(error) => error.to_string(),
        other => panic!("{other}"),
    };
    assert_eq!(says(&[]), "it names no cohort");
    assert!(says(&["no spaces"]).contains("`no spaces` is not a cohort id"));
    assert!(says(&["a", "b", "a"]).contains("`a` twice"));
    let far = describing("i32.const -4");
    assert!(matches!(far, ModuleError::BadAnswer(_)), "{far}");
}

#[test]
fn an_overlong_description_is_refused() {
    // A list of 2^20 empty texts is small in the guest, and 24 bytes each in the host.
    let wat = Wat {
        pages: 200,
        describe: "
            (i32.store (i32.const 64) (i32.const 65536))
            (i32.store (i32.const 68) (i32.const 1048576))
            i32.const 64",
        ..HONEST
    };
    let error = refused(&wat.component());
    assert!(
        matches!(&error, LoadError::Describe(ModuleError::BadAnswer(_))),
        "{error}"
    );
}

#[test]
fn imports_are_refused() {
    let sandbox = sandbox();
    let load = |text: &str| {
        let bytes = wat::parse_str(text).unwrap();
        sandbox.load(&bytes, Origin::HandWritten).unwrap_err()
    };
    let wasi = load(
        r#"(component (import "wasi:clocks/wall-clock@0.2.0" (instance (export "now" (func (result u64))))))"#,
    );
    let text = wasi.to_string();
    assert!(
        text.contains("`wasi:clocks/wall-clock@0.2.0`") && text.contains("wasm32-unknown-unknown"),
        "{text}"
    );
    let function = load(r#"(component (import "random" (func (result u64))))"#);
    assert!(
        matches!(&function, LoadError::Import { name, .. } if name == "random"),
        "{function}"
    );
    // The contract's own name does not help either.
    let disguised = load(
        r#"(component (import "muster:cohort/types@0.1.0" (instance (export "now" (func (result u64))))))"#,
    );
    assert!(matches!(disguised, LoadError::Import { .. }), "{disguised}");
    let resource = load(
        r#"(component (import "muster:cohort/types@0.1.0" (instance (export "r" (type (sub resource))))))"#,
    );
    assert!(matches!(resource, LoadError::Import { .. }), "{resource}");
    let other = load(r#"(component (import "muster:cohort/types@0.2.0" (instance)))"#);
    assert!(
        matches!(&other, LoadError::Version { found } if found == "0.2.0"),
        "{other}"
    );
    assert!(other.to_string().contains("takes 0.1.0"), "{other}");
}

#[test]
fn missing_and_wrong_exports_are_refused() {
    let sandbox = sandbox();
    let load = |exports: &str| {
        let text = format!(
            r#"(component
                (core module $m
                    (func (export "f") (result i32) i32.const 0))
                (core instance $i (instantiate $m))
                (func $f (result u32) (canon lift (core func $i "f")))
                {exports})"#
        );
        let bytes = wat::parse_str(text).unwrap();
        sandbox.load(&bytes, Origin::HandWritten).unwrap_err()
    };
    let none = load("");
    assert!(
        matches!(none, LoadError::MissingExport { name: "describe" }),
        "{none}"
    );
    let one = load(r#"(export "describe" (func $f))"#);
    assert!(
        matches!(one, LoadError::MissingExport { name: "classify" }),
        "{one}"
    );
    let both = r#"(export "describe" (func $f)) (export "classify" (func $f))"#;
    let types = load(both);
    let text = types.to_string();
    assert!(
        // Either of the two exports may be checked first.
        matches!(types, LoadError::WrongType { .. }) && text.contains("export func"),
        "{text}"
    );
}

/// Appends a section that exports the component's first function again under other names.
fn with_exports(component: Vec<u8>, count: u8) -> Vec<u8> {
    // A section of exports: their number; of each a name, the sort (1: function), the index, no
    // type.
    let mut section = vec![count];
    for number in 0..count {
        section.extend([0, 2, b'x', b'a' + number, 1, 0, 0]);
    }
    let header = [11, u8::try_from(section.len()).unwrap() | 0x80, 1];
    let header = match section.len() {
        short @ ..128 => vec![11, u8::try_from(short).unwrap()],
        _ => header.to_vec(),
    };
    [component, header, section].concat()
}

/// The host never calls other exports, so those that tools leave are tolerated.
#[test]
fn exports_beside_the_contract_are_never_reached() {
    let sandbox = sandbox();
    let load = |count| {
        let bytes = with_exports(HONEST.component(), count);
        sandbox.load(&bytes, Origin::HandWritten)
    };
    for count in [1, 16] {
        assert!(right(&load(count).unwrap().classify(&ONE_USER).unwrap()));
    }
    let error = load(17).unwrap_err().to_string();
    assert_eq!(
        error,
        "the rule has 17 exports beside `describe` and `classify`; at most 16 are allowed"
    );
}

#[test]
fn a_rule_may_exceed_only_the_ceilings_that_are_granted() {
    let wat = Wat {
        classify: "(drop (memory.grow (i32.const 4800))) i32.const 900",
        ..HONEST
    };
    let mut component = wat.component();
    let nested = wat::parse_str(format!("(component {})", "(component)".repeat(8))).unwrap();
    // The sections of nested components are appended behind the component's own.
    component.extend(&nested[8..]);
    let load = |ceilings| {
        let options = SandboxOptions {
            ceilings,
            ..options()
        };
        Sandbox::new(options)
            .unwrap()
            .load(&component, Origin::HandWritten)
    };
    let granted = Ceilings {
        memory: 400 << 20,
        nested_components: 8,
        ..options().ceilings
    };
    let answer = |ceilings| load(ceilings).unwrap().classify(&ONE_USER);
    assert!(right(&answer(granted).unwrap()));
    let usual = Ceilings::default();
    let error = load(Ceilings {
        nested_components: usual.nested_components,
        ..granted
    });
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("8 nested components; at most 6 are allowed: grant more with `rules: {nested_components: …}`"),
        "{error}"
    );
    let error = answer(Ceilings {
        memory: usual.memory,
        ..granted
    });
    assert!(matches!(error, Err(ModuleError::OutOfMemory { limit, .. }) if limit == usual.memory));
    let error = load(Ceilings {
        size: component.len() - 1,
        ..granted
    });
    assert!(
        matches!(error, Err(LoadError::TooLarge { limit, .. }) if limit == component.len() - 1)
    );
    // The ceilings of hand-written rules are not those of compiled modules.
    let sandbox = Sandbox::new(SandboxOptions {
        ceilings: granted,
        ..options()
    });
    let compiled = sandbox
        .unwrap()
        .load(&wat.component(), Origin::Compiled)
        .unwrap();
    assert!(matches!(
        compiled.classify(&ONE_USER),
        Err(ModuleError::OutOfMemory { .. })
    ));
}

#[test]
fn bytes_that_are_no_rule_are_refused() {
    assert!(matches!(refused(b""), LoadError::NotWasm { .. }));
    assert!(
        refused(b"(component)")
            .to_string()
            .contains("wasm-tools parse")
    );
    assert!(matches!(refused(b"\x7fELF"), LoadError::NotWasm { .. }));
    let core = refused(&HONEST.core());
    assert!(
        matches!(core, LoadError::CoreModule)
            && core.to_string().contains("wasm-tools component new")
    );
    let mut cut = HONEST.component();
    cut.truncate(cut.len() / 2);
    assert!(matches!(refused(&cut), LoadError::Invalid { .. }));
    let limit = limits::MAX_RULE_BYTES;
    let large = refused(&vec![0; limit + 1]);
    assert!(matches!(large, LoadError::TooLarge { bytes, .. } if bytes == limit + 1));
}

/// Returns the part that a module with such items has too much of, and its limit.
fn too_much(items: String) -> (&'static str, usize) {
    let wat = Wat {
        items: items.leak(),
        ..HONEST
    };
    match refused(&component_around(&wat.core())) {
        LoadError::TooComplex { what, limit, .. } | LoadError::TooManyParts { what, limit, .. } => {
            (what, limit)
        }
        other => panic!("{other}"),
    }
}

#[test]
fn functions_that_take_long_to_compile_are_refused_at_once() {
    let locals = |count: usize| format!("(func (local{}))", " i64".repeat(count));
    let nested = |count: usize| format!("(func {}{})", "(block ".repeat(count), ")".repeat(count));
    let blocks = |count: usize| format!("(func {})", "(block)".repeat(count));
    let targets = |count: usize| format!("(func (br_table{} (i32.const 0)))", " 0".repeat(count));
    let code = |bytes: usize| format!("(func {})", "nop ".repeat(bytes));
    let function =
        |kind: &str, count: usize| format!("(type (func ({kind}{})))", " i32".repeat(count));
    let many = |what: &str, count: usize| what.repeat(count);
    let too_many_locals = many(
        &locals(limits::MAX_FUNCTION_LOCALS),
        limits::MAX_LOCALS / limits::MAX_FUNCTION_LOCALS + 1,
    );
    let too_many_targets = many(
        &targets(limits::MAX_FUNCTION_TARGETS),
        limits::MAX_TARGETS / limits::MAX_FUNCTION_TARGETS + 1,
    );
    let types: String = (0..limits::MAX_TYPES)
        .map(|number| {
            let bits = (0..15).map(|bit| [" i32", " i64"][number >> bit & 1]);
            format!("(type (func (param{})))", bits.collect::<String>())
        })
        .collect();
    for (items, says, limit) in [
        (
            locals(limits::MAX_FUNCTION_LOCALS + 1),
            "locals",
            limits::MAX_FUNCTION_LOCALS,
        ),
        (too_many_locals, "locals", limits::MAX_LOCALS),
        (
            nested(limits::MAX_NESTING + 1),
            "blocks nested in each other",
            limits::MAX_NESTING,
        ),
        (
            blocks(limits::MAX_FUNCTION_BLOCKS + 1),
            "blocks",
            limits::MAX_FUNCTION_BLOCKS,
        ),
        (
            targets(limits::MAX_FUNCTION_TARGETS + 1),
            "targets of `br_table`",
            limits::MAX_FUNCTION_TARGETS,
        ),
        (
            too_many_targets,
            "targets of `br_table`",
            limits::MAX_TARGETS,
        ),
        (
            code(limits::MAX_FUNCTION_BYTES),
            "bytes of code",
            limits::MAX_FUNCTION_BYTES,
        ),
        (
            function("param", limits::MAX_PARAMETERS + 1),
            "parameters in a function type",
            limits::MAX_PARAMETERS,
        ),
        (
            function("result", limits::MAX_RESULTS + 1),
            "results in a function type",
            limits::MAX_RESULTS,
        ),
        (
            many("(func)", limits::MAX_FUNCTIONS),
            "functions",
            limits::MAX_FUNCTIONS,
        ),
        (types, "function types", limits::MAX_TYPES),
    ] {
        assert_eq!(too_much(items), (says, limit));
    }
    // No component is made of such a core module.
    let wat = Wat {
        items: locals(limits::MAX_FUNCTION_LOCALS + 1).leak(),
        ..HONEST
    };
    let error = muster_sandbox::componentize(&wat.core())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("has 20001 locals; at most 20000 are allowed"),
        "{error}"
    );
}

#[test]
fn functions_at_the_limits_run() {
    let locals = limits::MAX_FUNCTION_LOCALS;
    let items = format!(
        "(func (local{})) (func {}{})",
        " i64".repeat(locals),
        "(block ".repeat(limits::MAX_NESTING),
        ")".repeat(limits::MAX_NESTING)
    );
    let wat = Wat {
        items: items.leak(),
        ..HONEST
    };
    assert!(wat.answer(&sandbox()).is_ok());
}

/// The types outside core modules are checked against each other, which takes more than linear
/// time.
#[test]
fn a_component_of_very_many_types_is_refused_at_once() {
    let text = format!(
        "(component {})",
        "(type (record (field \"abcdefgh\" u8)))".repeat(100_000)
    );
    let error = refused(&wat::parse_str(text).unwrap());
    assert!(
        matches!(
            error,
            LoadError::TooManyParts {
                what: "bytes of types and instances",
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn a_large_user_gets_a_separate_instance() {
    let sandbox = sandbox();
    // This rule takes 300 MiB, like a rule that collects many rows.
    let hungry = Wat {
        classify: "(if (i32.eq (memory.grow (i32.const 4800)) (i32.const -1)) (then unreachable)) i32.const 900",
        ..HONEST
    };
    for origin in [Origin::HandWritten, Origin::Compiled] {
        let module = sandbox.load(&hungry.component(), origin).unwrap();
        let error = module.classify(&ONE_USER).unwrap_err();
        let limit = limits::MAX_MEMORY_BYTES;
        assert!(
            matches!(error, ModuleError::OutOfMemory { limit: reported, .. } if reported == limit),
            "{error}"
        );
        for _ in 0..2 {
            assert!(right(&module.large().classify(&ONE_USER).unwrap()));
        }
        assert!(
            module.classify(&ONE_USER).is_err(),
            "its instance is not reused"
        );
    }
    let endless = Wat {
        classify: "(loop (drop (memory.grow (i32.const 256))) br 0) unreachable",
        ..HONEST
    };
    let module = endless.load(&sandbox).unwrap();
    let error = module.large().classify(&ONE_USER).unwrap_err();
    let limit = limits::MAX_LARGE_MEMORY_BYTES;
    assert!(
        matches!(error, ModuleError::OutOfMemory { limit: reported, .. } if reported == limit),
        "{error}"
    );
}

#[test]
fn a_large_user_has_the_memory_that_the_options_allow() {
    let sandbox = Sandbox::new(SandboxOptions {
        large_memory: 300 << 20,
        ..options()
    })
    .unwrap();
    let module = Wat {
        classify: "(drop (memory.grow (i32.const 4800))) i32.const 900",
        ..HONEST
    };
    let module = module.load(&sandbox).unwrap();
    let large = module.large();
    assert_eq!(large.max_batch_bytes(), 150 << 20);
    let error = large.classify(&ONE_USER).unwrap_err();
    assert!(
        matches!(error, ModuleError::OutOfMemory { limit, .. } if limit == 300 << 20),
        "{error}"
    );
}

#[test]
fn a_large_user_may_have_more_columns() {
    // Copying so many bytes takes time, most of all on a busy machine.
    let sandbox = Sandbox::new(SandboxOptions {
        ceilings: within(Duration::from_secs(5)),
        ..options()
    })
    .unwrap();
    let wat = Wat {
        pages: 4_000,
        ..HONEST
    };
    let module = wat.load(&sandbox).unwrap();
    let bytes = vec![b'x'; limits::MAX_BATCH_BYTES];
    let batch = Batch {
        dictionary: muster_sandbox::Dictionary {
            offsets: &[0, bytes.len() as u32],
            bytes: &bytes,
        },
        ..ONE_USER
    };
    assert!(matches!(
        module.classify(&batch),
        Err(ModuleError::LargeBatch { .. })
    ));
    assert!(right(&module.large().classify(&batch).unwrap()));
}

#[test]
fn large_users_take_turns() {
    let sandbox = sandbox();
    let load = |origin| sandbox.load(&HONEST.component(), origin).unwrap();
    let (one, other) = (load(Origin::HandWritten), load(Origin::Compiled));
    let turn = one.large();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| other.large().classify(&ONE_USER));
        std::thread::sleep(Duration::from_millis(100));
        assert!(!waiting.is_finished());
        // No other call waits.
        assert!(other.classify(&ONE_USER).is_ok());
        drop(turn);
        assert!(waiting.join().unwrap().is_ok());
    });
}

#[test]
fn features_outside_the_allowed_set_are_refused() {
    for (items, says) in [
        ("(memory $big i64 1)", "memory64"),
        ("(memory $more 1 2 shared)", "threads"),
        (r#"(func (result externref) (ref.null extern))"#, "gc"),
        (
            "(func (param v128 v128 v128) (result v128)
                (f32x4.relaxed_madd (local.get 0) (local.get 1) (local.get 2)))",
            "relaxed SIMD",
        ),
    ] {
        let core = Wat { items, ..HONEST }.core();
        // `componentize` validates the module, so the test puts it into a component unchanged.
        let bytes = component_around(&core);
        let error = refused(&bytes);
        assert!(
            matches!(error, LoadError::Invalid { .. }),
            "{says}: {error}"
        );
    }
    // SIMD and tail calls are fine.
    let simd = Wat {
        items: "(func (param v128) (result v128) (i64x2.add (local.get 0) (local.get 0)))
            (func (result i32) (return_call $describe))",
        ..HONEST
    };
    assert!(simd.answer(&sandbox()).is_ok());
}

#[test]
fn too_many_parts_are_refused() {
    let sandbox = sandbox();
    let parts = |text: &str| {
        let bytes = wat::parse_str(format!("(component {text})")).unwrap();
        match sandbox.load(&bytes, Origin::HandWritten).unwrap_err() {
            LoadError::TooManyParts { what, found, limit } => (what, found, limit),
            other => panic!("{other}"),
        }
    };
    assert_eq!(parts(&"(component)".repeat(7)), ("nested components", 7, 6));
    assert_eq!(
        parts(&"(core module)".repeat(129)),
        ("core modules", 129, 128)
    );
    let instances = format!(
        "(component $c) {}",
        "(instance (instantiate $c))".repeat(257)
    );
    assert_eq!(parts(&instances), ("instances of components", 257, 256));
    // Each of these instantiates the one before it eight times: 8 + 64 + 512 instances in all.
    let eight = |name: &str| format!("(instance (instantiate {name}))").repeat(8);
    let doubling = format!(
        "(component $a) (component $b (alias outer 1 $a (component $i)) {}) \
         (component $c (alias outer 1 $b (component $i)) {}) {}",
        eight("$i"),
        eight("$i"),
        eight("$c")
    );
    assert_eq!(parts(&doubling), ("instances of components", 584, 256));
    // What a component instantiates that it receives could not be counted.
    let passed = "(component $a) (component $b (import \"c\" (component))) \
                  (instance (instantiate $b (with \"c\" (component $a))))";
    assert_eq!(parts(passed), ("components that others receive", 1, 0));
    let exported = "(component $a (component $c) (export \"c\" (component $c))) \
                    (instance $i (instantiate $a)) (alias export $i \"c\" (component $d))";
    assert_eq!(parts(exported), ("components that others receive", 1, 0));
    let instances = format!(
        "(core module $m) {}",
        "(core instance (instantiate $m))".repeat(129)
    );
    assert_eq!(parts(&instances), ("core instances", 129, 128));
    assert_eq!(
        parts(&"(core module (memory 1))".repeat(5)),
        ("memories", 5, 4)
    );
    let tables = format!("(core module {})", "(table 1 funcref)".repeat(17));
    assert_eq!(parts(&tables), ("tables", 17, 16));
}

/// The memories of a rule share one limit.
#[test]
fn several_memories_have_no_more_than_one() {
    let pages = limits::MAX_MEMORY_BYTES / (64 << 10);
    let sandbox = sandbox();
    let load = |pages: usize| {
        let nested = wat::parse_str(format!(
            "(component
                (component $c (core module $m (memory {pages})) (core instance (instantiate $m)))
                (instance (instantiate $c)))"
        ));
        // The rule's own component has none nested in it, so the appended sections name this one.
        let mut component = HONEST.component();
        component.extend(&nested.unwrap()[8..]);
        sandbox.load(&component, Origin::HandWritten)
    };
    assert!(load(pages / 2).is_ok());
    // The rule has a page of its own.
    let error = load(pages).unwrap_err().to_string();
    assert!(
        error.contains("requested 268500992 bytes of memory; at most 268435456 are allowed"),
        "{error}"
    );
}

#[test]
fn wrong_batches_are_refused() {
    let module = HONEST.load(&sandbox()).unwrap();
    let text = |batch: &Batch<'_>| module.classify(batch).unwrap_err().to_string();
    assert!(
        text(&Batch {
            users: 2,
            ..ONE_USER
        })
        .contains("first-seen has 1 values")
    );
    assert!(
        text(&Batch {
            users: u32::MAX,
            ..ONE_USER
        })
        .contains("at most")
    );
    assert!(module.classify(&ONE_USER).is_ok());
}

#[test]
fn nothing_is_kept_between_the_batches_of_a_hand_written_rule() {
    // The rule keeps a counter in a global: it answers `out` for the second batch of an instance.
    let wat = Wat {
        items: "(global $called (mut i64) (i64.const 0))",
        classify: "
            (i64.store (i32.const 1024) (i64.extend_i32_u (i64.eqz (global.get $called))))
            (global.set $called (i64.const 1))
            i32.const 900",
        ..HONEST
    };
    let sandbox = sandbox();
    let members = |origin| {
        let module = sandbox.load(&wat.component(), origin).unwrap();
        [(); 3].map(|()| module.classify(&ONE_USER).unwrap().members[0])
    };
    assert_eq!(members(Origin::HandWritten), [1, 1, 1]);
    // The instances of compiled modules are reused, as this shows. Our compiler makes no module
    // that keeps state.
    assert_eq!(members(Origin::Compiled), [1, 0, 0]);
}

#[test]
fn many_threads_and_modules_run_at_once() {
    let sandbox = sandbox();
    let load = |wat: &Wat, origin| sandbox.load(&wat.component(), origin).unwrap();
    let trap = Wat {
        classify: "unreachable",
        ..HONEST
    };
    let modules: Vec<_> = (0..30)
        .map(|_| load(&HONEST, Origin::Compiled))
        .chain([load(&HONEST, Origin::HandWritten)])
        .collect();
    let hostile = [
        load(&trap, Origin::Compiled),
        load(&trap, Origin::HandWritten),
    ];
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for round in 0..20 {
                    for module in &modules {
                        assert!(right(&module.classify(&ONE_USER).unwrap()), "{round}");
                    }
                    for module in &hostile {
                        assert!(matches!(
                            module.classify(&ONE_USER),
                            Err(ModuleError::Trapped { .. })
                        ));
                    }
                }
            });
        }
    });
}

#[test]
fn a_module_outlives_its_sandbox() {
    let module = HONEST.load(&sandbox()).unwrap();
    assert!(right(&module.classify(&ONE_USER).unwrap()));
    let slow = Wat {
        classify: "(loop br 0) unreachable",
        ..HONEST
    };
    let module = slow.load(&sandbox()).unwrap();
    assert!(matches!(
        module.classify(&ONE_USER),
        Err(ModuleError::TimedOut { .. })
    ));
}

/// Returns a component that contains a core module and nothing else.
fn component_around(core: &[u8]) -> Vec<u8> {
    let mut bytes = b"\0asm\x0d\0\x01\0\x01".to_vec();
    let mut length = core.len();
    while length >= 0x80 {
        bytes.push(length as u8 | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
    bytes.extend_from_slice(core);
    bytes
}

#[test]
fn without_address_space_memory_is_allocated_as_needed() {
    const INSIDE: &str = "MUSTER_TEST_WITHOUT_ADDRESS_SPACE";
    if std::env::var_os(INSIDE).is_some() {
        // Memory that is not reserved moves as it grows, which takes time.
        let options = SandboxOptions {
            ceilings: within(Duration::from_secs(30)),
            ..options()
        };
        let sandbox = Sandbox::new(options).unwrap();
        println!("{:?}", sandbox.allocation(Origin::HandWritten));
        assert_eq!(
            sandbox.allocation(Origin::Compiled),
            muster_sandbox::Allocation::OnDemand
        );
        for origin in [Origin::Compiled, Origin::HandWritten] {
            let module = sandbox.load(&component_of(HONEST.core()), origin).unwrap();
            for _ in 0..10 {
                assert!(right(&module.classify(&ONE_USER).unwrap()));
            }
        }
        let greedy = Wat {
            classify: "(loop (drop (memory.grow (i32.const 256))) br 0) unreachable",
            ..HONEST
        };
        let error = greedy.answer(&sandbox).unwrap_err();
        assert!(matches!(error, ModuleError::OutOfMemory { .. }), "{error}");
        return;
    }
    let output = std::process::Command::new("sh")
        .args(["-c", "ulimit -v 4000000; exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(arguments(
            "hostile::without_address_space_memory_is_allocated_as_needed",
        ))
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let text = format!("{output:?}");
    assert!(output.status.success(), "{text}");
    assert!(
        String::from_utf8_lossy(&output.stdout).contains("1 passed"),
        "{text}"
    );
}
