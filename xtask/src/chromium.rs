//! Finds or installs the browser in which tests run the vendor's browser SDK.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Returns the path of Chromium: the installed one, or Debian's, which is installed if that needs
/// no permission. If there is none, prints the reason and returns `None`.
pub(crate) fn chromium() -> Option<PathBuf> {
    installed().or_else(|| {
        let reason = match may_install() {
            Ok(()) => install().err(),
            Err(reason) => Some(reason.to_owned()),
        };
        let found = installed();
        if found.is_none() {
            let reason = reason.unwrap_or_else(|| "it does not start".to_owned());
            let text = format!(
                "\n*** Chromium is missing ({reason}): the tests in a real browser are skipped. On Debian: `apt-get install chromium`.\n\n"
            );
            // The text goes to stderr, beside the output of cargo.
            let _ = std::io::stderr().write_all(text.as_bytes());
        }
        found
    })
}

fn installed() -> Option<PathBuf> {
    ["chromium", "chromium-browser", "google-chrome"]
        .into_iter()
        .find(|program| succeeds(Command::new(program).arg("--version")))
        .map(PathBuf::from)
}

fn may_install() -> Result<(), &'static str> {
    // On other systems the package of this name may be something else: Ubuntu's installs a snap.
    let system = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    if !system.lines().any(|line| line == "ID=debian") {
        return Err("only Debian's is installed by itself");
    }
    if !Path::new("/usr/bin/apt-get").exists() {
        return Err("there is no apt-get");
    }
    let user = Command::new("id").arg("-u").output();
    match user.is_ok_and(|user| user.stdout.trim_ascii() == b"0") {
        true => Ok(()),
        false => Err("only root may install it"),
    }
}

/// Installs Chromium: 124 MB to fetch, 414 MB on disk, half a minute on two cores.
fn install() -> Result<(), String> {
    eprintln!("installing Debian's Chromium …");
    let packages = ["install", "--yes", "--no-install-recommends", "chromium"];
    for arguments in [&["update"][..], &packages] {
        let mut apt = Command::new("apt-get");
        apt.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        if !succeeds(&mut apt) {
            return Err(format!("`apt-get {}` failed", arguments.join(" ")));
        }
    }
    Ok(())
}

fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}
