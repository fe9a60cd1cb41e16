//! Rules that take far more time or memory to compile than their size suggests. Each ends in its
//! own error, and the memory of this process does not grow.

use std::time::{Duration, Instant};

use muster_sandbox::{
    Artefact, Compile, CompileProcess, LoadError, Origin, Sandbox, SandboxOptions,
};

use crate::project::TestProject;
use crate::rules::{core, guest, guest_with};

/// Builds a function in whose loop many locals get another value in very many blocks: the compiler
/// keeps the product. With 15,000 of each the module has 233 KB, and compiling it took 7 GB and
/// minutes.
fn many_locals_in_many_blocks(number: usize) -> Vec<u8> {
    let blocks: String = (0..number)
        .map(|local| {
            format!(
                "(block (br_if 0 (i32.wrap_i64 (local.get {local}))) (local.set {local} (i64.const {local})))"
            )
        })
        .collect();
    let locals = " i64".repeat(number);
    let function =
        format!("(func (local{locals}) (loop {blocks} (br_if 0 (i32.wrap_i64 (local.get 0)))))");
    core("(i32.const 0)", &function)
}

/// Builds a function that needs very many values at once: 305 KB, which took more than a minute.
fn many_values_at_once() -> Vec<u8> {
    const VALUES: usize = 40_000;
    let loads: String = (0..VALUES)
        .map(|number| format!("(i64.load offset={number} (local.get 0)) "))
        .collect();
    let adds = "(i64.add) ".repeat(VALUES - 1);
    let function = format!("(func (param i32) (result i64) {loads} {adds})");
    guest_with("(i32.const 0)", &function)
}

fn process() -> CompileProcess {
    let program = env!("CARGO_BIN_EXE_muster").into();
    CompileProcess::new(program, vec!["compile-rule".into()])
}

fn sandbox(process: CompileProcess) -> Sandbox {
    Sandbox::new(SandboxOptions {
        compile: Compile::Process(process),
        ..SandboxOptions::default()
    })
    .unwrap()
}

/// Returns the memory that this process uses, in bytes.
#[cfg(target_os = "linux")]
fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = pages.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

/// Returns the reason why a rule was not compiled, and the time that it took.
fn stopped(process: CompileProcess, rule: &[u8]) -> (String, Duration) {
    let sandbox = sandbox(process);
    #[cfg(target_os = "linux")]
    let before = resident();
    let began = Instant::now();
    let error = sandbox.load(rule, Origin::HandWritten).unwrap_err();
    let took = began.elapsed();
    #[cfg(target_os = "linux")]
    assert!(
        resident() < before + (100 << 20),
        "{} bytes before, {} after",
        before,
        resident()
    );
    assert!(matches!(error, LoadError::CompileLimit { .. }), "{error}");
    (error.to_string(), took)
}

#[test]
fn a_rule_that_takes_minutes_to_compile_is_stopped() {
    let process = CompileProcess {
        time: Duration::from_secs(2),
        ..process()
    };
    let (error, took) = stopped(process, &many_values_at_once());
    // On a busy machine the wall clock is the first limit; it is three times the limit of processor
    // time.
    let limits = ["2 s of processor time", "6 s"];
    let reported =
        |limit| error.starts_with(&format!("compiling the rule took more than {limit}, and"));
    assert!(limits.iter().any(reported), "{error}");
    assert!(took < Duration::from_secs(20), "{took:?}");
}

#[test]
fn a_rule_that_takes_gigabytes_to_compile_is_stopped() {
    let process = CompileProcess {
        memory: 256 << 20,
        ..process()
    };
    let rule = muster_sandbox::componentize(&many_locals_in_many_blocks(15_000)).unwrap();
    let (error, _) = stopped(process, &rule);
    assert!(
        error.contains("took more than 268435456 bytes of memory"),
        "{error}"
    );
}

/// The limits are those of every command; other cohorts go on.
#[test]
fn check_names_the_cohort_whose_rule_takes_too_much_to_compile() {
    let project = TestProject::new();
    project.write("muster.yaml", "sources: []\n");
    project.write("cohorts/vip.yaml", "rule: ./vip.wasm\n");
    project.write("cohorts/all.yaml", "where: {everyone: true}\n");
    let path = project.path().join("cohorts/vip.wasm");
    std::fs::write(&path, many_locals_in_many_blocks(15_000)).unwrap();
    let output = project.output(&["check"]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        text.contains("the module of vip: compiling the rule took more than 1073741824 bytes"),
        "{text}"
    );
    // A rule beyond a limit of the sandbox is not compiled at all.
    std::fs::write(&path, many_locals_in_many_blocks(20_001)).unwrap();
    let began = Instant::now();
    let text = String::from_utf8(project.output(&["check"]).stderr).unwrap();
    assert!(text.contains("has 20001 locals; at most 20000"), "{text}");
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_rule_that_was_compiled_before_needs_no_process() {
    let directory = tempfile::tempdir().unwrap();
    let load = |process| {
        let sandbox = Sandbox::new(SandboxOptions {
            compile: Compile::Process(process),
            cache: Some(directory.path().join("cache")),
            ..SandboxOptions::default()
        });
        let rule = guest("(i32.const 0)");
        sandbox.unwrap().load(&rule, Origin::HandWritten)
    };
    assert_eq!(*load(process()).unwrap().artefact(), Artefact::Compiled);
    let none = CompileProcess::new("/nowhere".into(), Vec::new());
    assert_eq!(*load(none.clone()).unwrap().artefact(), Artefact::Cached);
    std::fs::remove_dir_all(directory.path().join("cache")).unwrap();
    let error = load(none).unwrap_err().to_string();
    assert!(error.contains("cannot start `/nowhere`"), "{error}");
    // A program that does something else returns no machine code.
    let other = CompileProcess::new("/bin/cat".into(), Vec::new());
    let error = load(other).unwrap_err().to_string();
    assert!(
        error.contains("`/bin/cat` returned no machine code"),
        "{error}"
    );
}

/// Both ways to meter, and both ways to reserve memory, are the same in the two processes.
#[test]
fn a_metered_rule_is_compiled_elsewhere_too() {
    let sandbox = Sandbox::new(SandboxOptions {
        compile: Compile::Process(process()),
        metered: true,
        ..SandboxOptions::default()
    });
    let rule = sandbox
        .unwrap()
        .load(&guest("(i32.const 0)"), Origin::HandWritten);
    assert_eq!(*rule.unwrap().artefact(), Artefact::Compiled);
}
