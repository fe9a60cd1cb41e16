//! The page "Your first rule": its files are written and its commands run in a fresh folder.

use std::fmt::Write;
use std::path::Path;

use crate::project::root;

/// Returns the page as a shell script: commands as they are, and files by their names.
fn script(page: &str) -> String {
    let mut script = String::new();
    for block in page.split("\n```").skip(1).step_by(2) {
        let (fence, text) = block.split_once('\n').unwrap();
        match fence.split_once(' ') {
            None if fence == "sh" => writeln!(script, "{text}").unwrap(),
            Some((_, path)) => {
                writeln!(script, "cat > {path} <<'END-OF-FILE'\n{text}\nEND-OF-FILE").unwrap();
            }
            None => panic!("a block that is neither a command nor a file: {block}"),
        }
    }
    script
}

#[test]
fn every_command_of_the_first_rule_works() {
    let page = std::fs::read_to_string(root().join("docs/rules/first-rule.md")).unwrap();
    let script = script(&page);
    assert!(script.matches("muster ").count() >= 10, "{script}");
    let folder = tempfile::tempdir().unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_muster")).parent().unwrap();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = [program.to_owned()]
        .into_iter()
        .chain(std::env::split_paths(&path));
    let output = std::process::Command::new("sh")
        .args(["-e", "-c", &script])
        .env("PATH", std::env::join_paths(path).unwrap())
        .current_dir(folder.path())
        .output()
        .unwrap();
    let (stdout, stderr) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{stdout}\n{stderr}");
    assert!(stdout.contains("1 case: all right"), "{stdout}");
    assert!(stdout.contains("events       Purchase ever"), "{stdout}");
}
