//! The behaviour of the store when disk, file or directory are at fault. This binary runs itself
//! again where a crash must be distinguished from an error.
// With this line `clippy.toml` counts the helpers of the tests as tests too.
#![cfg(test)]

mod other_process;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use muster_model::{EventBuffer, Millis, Operator, Scalar, ScalarRef, Value};
use muster_store::*;
use muster_testkit::process::arguments;
use muster_testkit::store::{TestStore, cohort, property, stream};
use roaring::RoaringBitmap;
use xxhash_rust::xxh3::xxh3_64;

use other_process::{DIRECTORY, given_directory, other_process};

const MODULE: ModuleKey = ModuleKey([7; 32]);
const USERS: u32 = 600;
/// The test that another process runs to read a store.
const DIGEST_TEST: &str = "prints_its_digest";

fn options() -> StoreOptions {
    StoreOptions {
        map_size: 1 << 28,
        memtable_rows: 2000,
        readers: 1,
        ..StoreOptions::default()
    }
}

fn events(round: i64) -> EventBuffer {
    let mut buffer = EventBuffer::default();
    for user in 0..USERS {
        let name = ["View", "Buy", "Leave"][(user as usize + round as usize) % 3];
        let time = Millis(round * 1000 + i64::from(user));
        let insert = format!("{round} {user}");
        buffer.event(&format!("user {user}"), name, time, Some(&insert));
        buffer.property("amount", ScalarRef::Number(f64::from(user) / 4.0));
        buffer.property("word", ScalarRef::Text(&"x".repeat(user as usize % 200)));
    }
    let city = Value::One(Scalar::Text(format!("city {round}").into()));
    for user in 0..USERS {
        let id = format!("user {user}");
        buffer.operation(&id, Millis(round), None, Operator::Set, "city", Some(&city));
    }
    buffer
}

fn run(round: i64) -> RunCommit {
    let mut module = ModuleCommit::new(MODULE);
    module.state = vec![1; 100];
    module.expiries = (0..USERS)
        .map(|user| (UserKey(user), i64::from(user) * 7 + round))
        .collect();
    RunCommit {
        module: Some(module),
        members: vec![MemberChange {
            cohort: cohort("a"),
            entered: (0..USERS).filter(|user| user % 7 < 3).collect(),
            exited: RoaringBitmap::new(),
        }],
        cohort_states: vec![(cohort("a"), b"state".to_vec())],
        messages: vec![Message {
            destination: "stream".to_owned(),
            id: format!("a-{round}:1"),
            body: vec![b'm'; 5000],
        }],
        records: vec![StoredRun {
            cohort: cohort("a"),
            at: Millis(round),
            body: b"record".to_vec(),
            replaces_last: false,
        }],
        ..RunCommit::default()
    }
}

/// Fills a store with some data of every kind.
fn fill(directory: &Path) {
    let store = Store::open(directory, &options()).unwrap();
    let source = SourceKey::new("live").unwrap();
    for round in 0..12 {
        let position = round.to_string();
        store
            .append(&events(round), Some((&source, position.as_bytes())))
            .unwrap();
        store.commit_run(&run(round)).unwrap();
    }
    while store.maintain().unwrap() {}
    store.append(&events(12), None).unwrap();
}

/// Hashes everything that a store returns into one number.
fn digest(store: &Store) -> Result<u64, StoreError> {
    let snapshot = store.snapshot()?;
    let mut report = String::new();
    let mut say = |what: &dyn std::fmt::Debug| report += &format!("{what:?}\n");
    let users: Vec<UserKey> = (0..snapshot.users()).map(UserKey).collect();
    for user in &users {
        say(&snapshot.user_id(*user)?);
    }
    for user in users.iter().step_by(97) {
        let history = snapshot.history(*user, Millis::MAX)?;
        say(&history.events.len());
        say(&history.properties);
    }
    say(&snapshot.read(&ReadRequest {
        users: &users,
        now: Millis::MAX,
        streams: &[StreamRead {
            properties: vec![
                property("amount", ValueKind::Number),
                property("word", ValueKind::Text),
            ],
            ..stream("*")
        }],
        user_properties: &[property("city", ValueKind::Text)],
        property_histories: &[],
    })?);
    say(&snapshot.known(Millis::MAX)?);
    say(&snapshot.module_keys()?);
    say(&snapshot.module_state(&MODULE)?);
    say(&snapshot.next_due(&MODULE)?);
    say(&snapshot.due(&MODULE, Millis(2000))?);
    for cohort in snapshot.cohorts()? {
        say(&cohort);
        say(&snapshot.members(&cohort)?);
        say(&snapshot.cohort_state(&cohort)?);
        say(&snapshot.records(&cohort, 100)?);
    }
    say(&snapshot.changed_users(snapshot.sequence() - 1)?);
    say(&snapshot.backlog()?);
    say(&store.outbox("stream", 0, 100, usize::MAX)?);
    say(&snapshot.position(&SourceKey::new("live").unwrap())?);
    say(&snapshot.event_names());
    Ok(xxh3_64(report.as_bytes()))
}

/// Runs [`prints_its_digest`] on a store in a process of its own. Returns its output, or the
/// crash.
fn ask(directory: &Path) -> Result<String, String> {
    let output = other_process(DIGEST_TEST, directory).output().unwrap();
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    let report = out
        .split("said: ")
        .nth(1)
        .and_then(|report| report.lines().next());
    match report {
        Some(report) if output.status.success() => Ok(report.to_owned()),
        _ => Err(format!(
            "{}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        )),
    }
}

#[test]
#[ignore = "the other process of the tests here"]
fn prints_its_digest() {
    let Some(directory) = given_directory() else {
        return;
    };
    let held = Store::open(&directory, &options()).and_then(|store| {
        let digest = digest(&store)?;
        // Writing must not crash either.
        let _ = store.append(&events(50), None);
        let _ = store.commit_run(&run(50));
        while store.maintain().unwrap_or(false) {}
        Ok(digest)
    });
    match held {
        Ok(digest) => println!("said: {digest}"),
        Err(error) => println!("said: {error}"),
    }
}

/// Returns numbers that seem random, the same for a seed.
fn shuffled(seed: u64) -> impl Iterator<Item = u64> {
    (0..).map(move |n: u64| xxh3_64(&(seed << 32 | n).to_le_bytes()))
}

fn data(directory: &Path) -> PathBuf {
    directory.join("data.mdb")
}

/// Damages a file in one place: a bit, some bytes or a page. The place is anywhere, or where pages
/// have their structure.
fn damage(bytes: &mut [u8], numbers: &mut impl Iterator<Item = u64>) -> String {
    const PAGE: usize = 4096;
    let mut below = |limit: usize| numbers.next().unwrap() as usize % limit;
    let page = below(bytes.len() / PAGE) * PAGE;
    let at = page + [below(PAGE), below(64), PAGE - 1 - below(256)][below(3)];
    match below(4) {
        0 | 1 => bytes[at] ^= 1 << below(8),
        2 => {
            let end = (at + 1 + below(16)).min(bytes.len());
            bytes[at..end].fill_with(|| below(256) as u8);
        }
        _ => bytes[page..page + PAGE].fill([0, 0xff][below(2)]),
    }
    format!("page {} from {} on", page / PAGE, at - page)
}

#[test]
fn damage_is_found_or_does_no_harm() {
    let directory = tempfile::tempdir().unwrap();
    fill(directory.path());
    let whole = fs::read(data(directory.path())).unwrap();
    let right = ask(directory.path()).unwrap();
    assert!(right.parse::<u64>().is_ok(), "{right}");
    let more = std::env::var("MUSTER_DAMAGED_STORES").map(|more| more.parse().unwrap());
    let mut numbers = shuffled(1);
    let mut found = 0;
    for round in 0..more.unwrap_or(80) {
        let damaged = tempfile::tempdir().unwrap();
        let mut bytes = whole.clone();
        let place = damage(&mut bytes, &mut numbers);
        fs::write(data(damaged.path()), &bytes).unwrap();
        // The process must neither crash nor panic.
        let report =
            ask(damaged.path()).unwrap_or_else(|crash| panic!("{round}, {place}: {crash}"));
        if report != right {
            assert!(report.contains("damaged"), "{round}, {place}: {report}");
            found += 1;
        }
    }
    assert!(found > 20, "{found}");
}

#[test]
fn a_file_that_was_cut_short_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    fill(directory.path());
    let whole = fs::read(data(directory.path())).unwrap();
    let right = ask(directory.path()).unwrap();
    let mut found = 0;
    for part in [1, 100, 200, 4096, 5000, 8192] {
        let length = part;
        cut(directory.path(), &whole, length);
        let report = ask(directory.path()).unwrap();
        assert!(report.contains("damaged"), "{length}: {report}");
    }
    for part in 1..24 {
        let length = whole.len() / 24 * part;
        cut(directory.path(), &whole, length);
        let report = ask(directory.path()).unwrap();
        found += u32::from(report.contains("the file ends before it"));
        assert!(
            report.contains("damaged") || report == right,
            "{length}: {report}"
        );
    }
    assert!(found > 10, "{found}");
    // An empty file would be taken for a new one.
    cut(directory.path(), &whole, 0);
    let report = ask(directory.path()).unwrap();
    assert!(report.contains("damaged"), "{report}");
}

fn cut(directory: &Path, whole: &[u8], length: usize) {
    fs::write(data(directory), &whole[..length]).unwrap();
}

#[test]
fn a_second_process_is_refused() {
    let store = TestStore::with(&options());
    store.append(&events(0), None).unwrap();
    let report = ask(store.path()).unwrap();
    assert!(
        report.contains("another process uses the store") && report.contains("stop it"),
        "{report}"
    );
    let before = digest(&store).unwrap();
    store.append(&events(1), None).unwrap();
    assert_ne!(digest(&store).unwrap(), before);
}

#[test]
fn a_full_disk_is_an_error_and_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    fill(directory.path());
    let length = fs::metadata(data(directory.path())).unwrap().len();
    // A limit on file sizes stands for a full disk: LMDB gets the same error. `ulimit` counts in
    // 512 bytes.
    let limit = (length + (1 << 20)) / 512;
    let output = Command::new("sh")
        .arg("-c")
        .arg(format!("trap '' XFSZ; ulimit -f {limit}; exec \"$@\""))
        .arg("sh")
        .arg(std::env::current_exe().unwrap())
        .args(arguments("writes_until_the_disk_is_full"))
        .env(DIRECTORY, directory.path())
        .output()
        .unwrap();
    let out = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{out} {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let taken = out
        .split("taken: ")
        .nth(1)
        .and_then(|report| report.lines().next());
    let taken: i64 = taken.unwrap().parse().unwrap();
    // All acknowledged events exist, and there is space again.
    let store = Store::open(directory.path(), &options()).unwrap();
    assert_eq!(last_time(&store), taken);
    store.append(&one(taken + 1), None).unwrap();
    while store.maintain().unwrap() {}
    assert_eq!(last_time(&store), taken + 1);
}

/// Makes an event that takes space.
fn one(time: i64) -> EventBuffer {
    let mut buffer = EventBuffer::default();
    for part in 0..100 {
        buffer.event("filler", "Fill", Millis(time), None);
        buffer.property(
            "text",
            ScalarRef::Text(&format!("{time} {part} ").repeat(40)),
        );
    }
    buffer
}

fn last_time(store: &Store) -> i64 {
    let snapshot = store.snapshot().unwrap();
    let filler = snapshot.user_key("filler").unwrap().unwrap();
    let history = snapshot.history(filler, Millis::MAX).unwrap();
    history.events.last().unwrap().time.0
}

#[test]
#[ignore = "the other process of a_full_disk_is_an_error_and_loses_nothing"]
fn writes_until_the_disk_is_full() {
    let Some(directory) = given_directory() else {
        return;
    };
    let store = Store::open(&directory, &options()).unwrap();
    let full = |error: StoreError| {
        // `Disk` occurs when a part of a write fills the rest of the disk.
        let full = matches!(error, StoreError::DiskFull | StoreError::Disk(_));
        assert!(full, "{error:?}");
    };
    let mut taken = 0;
    loop {
        match store.append(&one(taken + 1), None) {
            Ok(_) => taken += 1,
            Err(error) => break full(error),
        }
    }
    assert!(taken > 0);
    // Reads still succeed, and another attempt to write does no harm.
    assert_eq!(last_time(&store), taken);
    for _ in 0..3 {
        full(store.append(&one(taken + 1), None).unwrap_err());
        let big = RunCommit {
            messages: vec![Message {
                destination: "stream".to_owned(),
                id: "1".to_owned(),
                body: vec![1; 2 << 20],
            }],
            ..RunCommit::default()
        };
        full(store.commit_run(&big).unwrap_err());
    }
    assert_eq!(last_time(&store), taken);
    println!("taken: {taken}");
}

#[test]
fn a_directory_that_cannot_be_written_is_an_error() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::os::unix::process::CommandExt;
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("store");
    fs::create_dir(&place).unwrap();
    fill(&place);
    let mode =
        |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    for entry in fs::read_dir(&place).unwrap() {
        mode(&entry.unwrap().path(), 0o444);
    }
    mode(&place, 0o555);
    mode(directory.path(), 0o755);
    // A copy that every user may execute: the folder of the build may be private.
    let copy = directory.path().join("test");
    fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
    mode(&copy, 0o755);
    let mut other = Command::new(&copy);
    other.args(arguments(DIGEST_TEST)).env(DIRECTORY, &place);
    // The superuser may write everywhere, so the test runs as another user.
    if fs::metadata(&place).unwrap().uid() == 0 {
        other.uid(65_534);
    }
    // Another thread that starts a process just now may still hold the copy open for writing.
    let output = loop {
        match other.output() {
            Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => {
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
            output => break output.unwrap(),
        }
    };
    let out = String::from_utf8_lossy(&output.stdout);
    assert!(
        out.contains(&format!("said: `{}` cannot be written", place.display())),
        "{out} {}",
        String::from_utf8_lossy(&output.stderr)
    );
    mode(&place, 0o755);
}
