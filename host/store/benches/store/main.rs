//! Measurements of the store. Run `cargo bench -p muster-store -- [SCENARIO] [MILLIONS OF EVENTS]`
//! with a scenario of `main`. The store is made in a temporary directory, or in `--directory`,
//! where a later run finds it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "a bench may fail loudly"
)]

mod generate;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use generate::{DAY, Generator, SPAN, START, Shape};
use muster_model::{EventBuffer, Millis};
use muster_store::*;

fn main() {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .collect();
    let scenario = arguments.first().map_or("import", String::as_str);
    let millions: f64 = arguments
        .get(1)
        .map_or(2.0, |text| text.parse().expect("millions of events"));
    let shape = Shape {
        events: (millions * 1e6) as u64,
        users: 200_000,
        names: 20,
        more_properties: 0,
        late: false,
        inserts: false,
    };
    let temporary = tempfile::tempdir().unwrap();
    let directory = arguments.get(2).map_or(temporary.path(), Path::new);
    match scenario {
        "import" => import_and_scan(directory, shape),
        "ids" => import_and_scan(
            directory,
            Shape {
                inserts: true,
                ..shape
            },
        ),
        "window" => window(directory, shape.events),
        "late" => import_and_scan(
            directory,
            Shape {
                late: true,
                ..shape
            },
        ),
        "wide" => import_and_scan(
            directory,
            Shape {
                more_properties: 48,
                ..shape
            },
        ),
        "names" => import_and_scan(
            directory,
            Shape {
                names: 1000,
                ..shape
            },
        ),
        "append" => append(directory, shape),
        "live" => live(directory, shape),
        "scan" => scans(&open(directory), "as found"),
        "cold" => cold(directory),
        "due" => due(directory),
        "tied" => tied(directory, shape.events),
        "streams" => streams(directory, shape),
        other => panic!("`{other}` is no scenario"),
    }
}

fn open(directory: &Path) -> Store {
    Store::open(directory, &StoreOptions::default()).unwrap()
}

fn import_and_scan(directory: &Path, shape: Shape) {
    let store = open(directory);
    let mut generator = Generator::new(shape);
    let source = SourceKey::new("bench").unwrap();
    let ImportState::Open(mut import, None) = store.import(&source).unwrap() else {
        panic!("imported already");
    };
    let mut buffer = EventBuffer::default();
    let (mut wall, cpu) = (Duration::ZERO, Cpu::now());
    let mut generating = Duration::ZERO;
    loop {
        let start = Instant::now();
        let more = generator.fill(&mut buffer, 8192);
        generating += start.elapsed();
        if !more {
            break;
        }
        let start = Instant::now();
        import.append(&buffer, b"").unwrap();
        wall += start.elapsed();
    }
    let start = Instant::now();
    import.finish(b"end").unwrap();
    let finish = start.elapsed();
    let rate = |time: Duration| shape.events as f64 / time.as_secs_f64() / 1e6;
    println!(
        "import: {:.2} M events/s (finish {finish:.1?} of it), CPU {:.1} s of which generating {generating:.1?}",
        rate(wall + finish),
        cpu.passed()
    );
    sizes(&store, shape.events);
    scans(&store, "before merging");
    let start = Instant::now();
    while store.maintain().unwrap() {}
    println!(
        "merging: {:.1?}; with it the import is {:.2} M events/s",
        start.elapsed(),
        rate(wall + finish + start.elapsed())
    );
    sizes(&store, shape.events);
    scans(&store, "merged");
}

/// Measures what the insert ids of the last days cost: bare events of 200,000 users, then the same
/// ids again.
fn window(directory: &Path, events: u64) {
    const BATCH: u64 = 8192;
    let fill = |buffer: &mut EventBuffer, from: u64, time: i64| {
        buffer.clear();
        for nth in from..(from + BATCH).min(events) {
            let user = format!("user-{}", nth % 200_000);
            let time = Millis(time + nth as i64);
            buffer.event(&user, "View", time, Some(&format!("insert-{nth}")));
        }
    };
    let mut buffer = EventBuffer::default();
    let store = open(directory);
    let source = SourceKey::new("bench").unwrap();
    let ImportState::Open(mut import, None) = store.import(&source).unwrap() else {
        panic!("imported already");
    };
    let start = Instant::now();
    for from in (0..events).step_by(BATCH as usize) {
        fill(&mut buffer, from, START);
        import.append(&buffer, b"").unwrap();
    }
    import.finish(b"end").unwrap();
    while store.maintain().unwrap() {}
    let rate = |events: u64, start: Instant| events as f64 / start.elapsed().as_secs_f64() / 1e6;
    println!("import and merge: {:.2} M events/s", rate(events, start));
    sizes(&store, events);
    drop(store);
    let start = Instant::now();
    let store = open(directory);
    println!("open: {:.1?}", start.elapsed());
    let start = Instant::now();
    fill(&mut buffer, 0, START + 1);
    let first = store.append(&buffer, None).unwrap();
    println!("first append: {:.1?}", start.elapsed());
    assert_eq!(first.duplicates, first.rows);
    let start = Instant::now();
    let again = events.min(1 << 20);
    for from in (0..again).step_by(BATCH as usize) {
        fill(&mut buffer, from, START + 1);
        let appended = store.append(&buffer, None).unwrap();
        assert_eq!(appended.duplicates, appended.rows);
    }
    println!("duplicates: {:.2} M events/s", rate(again, start));
    sizes(&store, events);
}

/// Measures the time of a run that finds no due users, and of one that finds some.
fn due(directory: &Path) {
    const USERS: u32 = 10_000_000;
    const LATER: i64 = 1_000_000_000;
    let store = open(directory);
    let key = ModuleKey([1; 32]);
    let start = Instant::now();
    for first in (0..USERS).step_by(1 << 18) {
        let users = first..(first + (1 << 18)).min(USERS);
        let mut module = ModuleCommit::new(key);
        module.expiries = users
            .map(|user| (UserKey(user), LATER + i64::from(user)))
            .collect();
        let commit = RunCommit {
            module: Some(module),
            ..RunCommit::default()
        };
        store.commit_run(&commit).unwrap();
    }
    println!("expiries of {USERS} users set: {:.1?}", start.elapsed());
    let snapshot = store.snapshot().unwrap();
    let (best, middle, _) = timed(21, || {
        assert_eq!(snapshot.next_due(&key).unwrap(), Some(Millis(LATER)));
        1
    });
    println!("  the next: {best:.1?} at best, {middle:.1?} at the middle");
    for due in [0, 1, 1000, 1_000_000] {
        let (best, middle, found) = timed(21, || {
            let now = Millis(LATER + due - 1);
            snapshot.due(&key, now).unwrap().len() as usize
        });
        assert_eq!(found as i64, due);
        println!("  {due} due: {best:.1?} at best, {middle:.1?} at the middle");
    }
}

/// Measures events of one user, name and millisecond, each with its own insert id, beside as many
/// that are spread over time.
fn tied(directory: &Path, events: u64) {
    for (title, spread) in [("spread", 1), ("tied", 0)] {
        let store = open(&directory.join(title));
        let mut buffer = EventBuffer::default();
        let (mut wall, mut longest) = (Duration::ZERO, Duration::ZERO);
        for first in (0..events).step_by(2000) {
            buffer.clear();
            for nth in first..(first + 2000).min(events) {
                let time = Millis(START + nth as i64 * spread);
                buffer.event("ann", "Purchase", time, Some(&nth.to_string()));
            }
            let start = Instant::now();
            store.append(&buffer, None).unwrap();
            wall += start.elapsed();
            longest = longest.max(start.elapsed());
        }
        println!("{title}: append {wall:.1?} in all, longest commit {longest:.1?}");
        let start = Instant::now();
        while store.maintain().unwrap() {}
        println!("  merging {:.1?}", start.elapsed());
        let (best, middle, rows) = timed(5, || scan(&store, &whole(r1())));
        println!("  read: {best:.1?} at best, {middle:.1?} at the middle");
        assert_eq!(rows as u64, events);
        drop(store);
        let start = Instant::now();
        drop(open(&directory.join(title)));
        println!("  open {:.1?}", start.elapsed());
    }
}

/// Measures resolving names. A batch of users is read through 1,000 streams of one name each, and
/// of one glob each, among 1,000 names and among 10,000.
fn streams(directory: &Path, shape: Shape) {
    for names in [1000, 10_000] {
        let store = open(&directory.join(names.to_string()));
        let mut generator = Generator::new(Shape { names, ..shape });
        let mut buffer = EventBuffer::default();
        // Every name exists, with at least one event.
        for name in 0..names {
            let name = format!("Event {name}");
            buffer.event("ann", &name, Millis(START), None);
        }
        store.append(&buffer, None).unwrap();
        while generator.fill(&mut buffer, 20_000) {
            store.append(&buffer, None).unwrap();
        }
        while store.maintain().unwrap() {}
        let snapshot = store.snapshot().unwrap();
        let users: Vec<UserKey> = (0..256).map(UserKey).collect();
        for (title, glob) in [("names", ""), ("globs", "*")] {
            let streams: Vec<StreamRead> = (0..1000)
                .map(|nth| StreamRead {
                    names: vec![format!("Event {}{glob}", nth * (names / 1000))],
                    properties: vec![],
                    lookback: Some(DAY as u64),
                })
                .collect();
            let request = ReadRequest {
                users: &users,
                now: Millis(START + SPAN),
                streams: &streams,
                user_properties: &[],
                property_histories: &[],
            };
            let (best, middle, _) = timed(7, || snapshot.read(&request).unwrap().streams.len());
            println!(
                "{names} names, 1,000 streams of {title}: {best:.2?} best, {middle:.2?} middle a read"
            );
            let prepared = snapshot.prepare(&streams, &[], &[]).unwrap();
            let (best, middle, _) = timed(7, || {
                let history = prepared.read(&users, Millis(START + SPAN)).unwrap();
                history.streams.len()
            });
            println!("  prepared: {best:.2?} best, {middle:.2?} middle");
        }
    }
}

/// Returns the streams without a lookback.
fn whole(mut streams: Vec<StreamRead>) -> Vec<StreamRead> {
    streams.iter_mut().for_each(|stream| stream.lookback = None);
    streams
}

fn sizes(store: &Store, events: u64) {
    let statistics = store.statistics().unwrap();
    println!(
        "  {} segments, blocks {:.1} MB = {:.2} bytes an event, file {:.1} MB",
        statistics.segments,
        statistics.segment_bytes as f64 / 1e6,
        statistics.segment_bytes as f64 / events as f64,
        statistics.disk_bytes as f64 / 1e6
    );
    let (ids, memory) = store.insert_id_size().unwrap();
    if ids > 0 {
        println!(
            "  {:.1} M insert ids, {:.1} MB of memory",
            ids as f64 / 1e6,
            memory as f64 / 1e6
        );
    }
}

fn r1() -> Vec<StreamRead> {
    vec![
        StreamRead {
            names: vec!["Purchase".to_owned()],
            properties: vec![PropertyRead {
                name: "amount".to_owned(),
                kind: ValueKind::Number,
            }],
            lookback: Some(30 * DAY as u64),
        },
        StreamRead {
            names: vec!["Refund".to_owned()],
            properties: vec![],
            lookback: Some(7 * DAY as u64),
        },
    ]
}

/// Reads users in batches of some thousands, as the engine does. Returns the number of rows.
fn scan(store: &Store, streams: &[StreamRead]) -> usize {
    let snapshot = store.snapshot().unwrap();
    let prepared = snapshot.prepare(streams, &[], &[]).unwrap();
    let hint = prepared.rows_hint().max(0.01);
    let size = ((65_536.0 / hint) as usize).clamp(256, 65_536);
    let users: Vec<UserKey> = (0..snapshot.users()).map(UserKey).collect();
    let mut rows = 0;
    for users in users.chunks(size) {
        let history = prepared.read(users, Millis(START + SPAN)).unwrap();
        rows += history
            .streams
            .iter()
            .map(|stream| stream.times.len())
            .sum::<usize>();
    }
    rows
}

/// Returns the shortest and the median time of some runs.
fn timed(runs: usize, mut f: impl FnMut() -> usize) -> (Duration, Duration, usize) {
    let mut times = Vec::new();
    let mut rows = 0;
    for _ in 0..runs {
        let start = Instant::now();
        rows = f();
        times.push(start.elapsed());
    }
    times.sort();
    (times[0], times[runs / 2], rows)
}

fn scans(store: &Store, title: &str) {
    println!("{title}:");
    let every = |properties: &[(&str, ValueKind)]| {
        vec![StreamRead {
            names: vec!["*".to_owned()],
            properties: properties
                .iter()
                .map(|(name, kind)| PropertyRead {
                    name: (*name).to_owned(),
                    kind: *kind,
                })
                .collect(),
            lookback: None,
        }]
    };
    let show = |what: &str, (best, middle, rows): (Duration, Duration, usize)| {
        println!(
            "  {what}: {best:.2?} best, {middle:.2?} middle, {rows} rows, {:.1} ns a row",
            best.as_nanos() as f64 / rows.max(1) as f64
        );
    };
    show(
        "R1's two names, 30 and 7 days",
        timed(7, || scan(store, &r1())),
    );
    show(
        "R1's two names, all history",
        timed(5, || scan(store, &whole(r1()))),
    );
    show(
        "each name by itself, times only",
        timed(2, || {
            let names = store.snapshot().unwrap().event_names();
            names
                .iter()
                .map(|name| {
                    scan(
                        store,
                        &[StreamRead {
                            names: vec![name.name.clone()],
                            properties: vec![],
                            lookback: None,
                        }],
                    )
                })
                .sum()
        }),
    );
    show(
        "`*`, times and platform",
        timed(2, || scan(store, &every(&[("platform", ValueKind::Text)]))),
    );
    let snapshot = store.snapshot().unwrap();
    let users: Vec<UserKey> = (0..2000_u32)
        .map(|n| UserKey(n.wrapping_mul(2_654_435_761) % snapshot.users()))
        .collect();
    let one = |streams: &[StreamRead]| {
        let start = Instant::now();
        let mut rows = 0;
        for user in &users {
            let request = ReadRequest {
                users: std::slice::from_ref(user),
                now: Millis(START + SPAN),
                streams,
                user_properties: &[],
                property_histories: &[],
            };
            rows += snapshot
                .read(&request)
                .unwrap()
                .streams
                .iter()
                .map(|stream| stream.times.len())
                .sum::<usize>();
        }
        (
            start.elapsed() / users.len() as u32,
            rows as f64 / users.len() as f64,
        )
    };
    let (time, rows) = one(&r1());
    println!("  one user, R1: {time:.2?} for {rows:.1} rows");
    let (time, rows) = one(&every(&[("platform", ValueKind::Text)]));
    println!("  one user, `*`: {time:.2?} for {rows:.1} rows");
}

fn append(directory: &Path, shape: Shape) {
    let store = open(directory);
    for size in [2000, 20_000] {
        let mut generator = Generator::new(shape);
        let mut buffer = EventBuffer::default();
        let (mut wall, mut longest) = (Duration::ZERO, Duration::ZERO);
        let written = bytes_written();
        while generator.fill(&mut buffer, size) {
            let start = Instant::now();
            store.append(&buffer, None).unwrap();
            wall += start.elapsed();
            longest = longest.max(start.elapsed());
        }
        println!(
            "append, {size} events a commit: {:.2} M events/s, longest commit {longest:.1?}, {:.0} bytes written an event",
            shape.events as f64 / wall.as_secs_f64() / 1e6,
            (bytes_written() - written) as f64 / shape.events as f64
        );
    }
    while store.maintain().unwrap() {}
    sizes(&store, shape.events * 2);
}

/// Measures 20,000 events per second in commits of 100 ms, with maintenance in a thread of its own.
fn live(directory: &Path, shape: Shape) {
    let store = open(directory);
    let mut generator = Generator::new(shape);
    let mut buffer = EventBuffer::default();
    let seconds = shape.events / 20_000;
    let stop = std::sync::atomic::AtomicBool::new(false);
    let (mut commits, mut generating) = (Vec::new(), Duration::ZERO);
    let (start, cpu, written) = (Instant::now(), Cpu::now(), bytes_written());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                if !store.maintain().unwrap() {
                    std::thread::sleep(Duration::from_millis(100));
                }
            }
        });
        for commit in 0..seconds * 10 {
            let began = Instant::now();
            generator.fill(&mut buffer, 2000);
            generating += began.elapsed();
            let began = Instant::now();
            store.append(&buffer, None).unwrap();
            commits.push(began.elapsed());
            let next = start + Duration::from_millis(100) * (commit as u32 + 1);
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    commits.sort();
    let at = |share: f64| commits[((commits.len() - 1) as f64 * share) as usize];
    println!(
        "live, 20,000 events/s for {seconds} s: {:.2} % of a core, {:.0} bytes written an event, commit p50 {:.1?} p99 {:.1?} max {:.1?}",
        (cpu.passed() - generating.as_secs_f64()) / start.elapsed().as_secs_f64() * 100.0,
        (bytes_written() - written) as f64 / shape.events as f64,
        at(0.5),
        at(0.99),
        at(1.0)
    );
    sizes(&store, shape.events);
}

/// Reads a store that an earlier run made, with nothing of it in memory.
fn cold(directory: &Path) {
    let drop_caches = || {
        assert!(
            std::process::Command::new("sync")
                .status()
                .unwrap()
                .success()
        );
        fs::write("/proc/sys/vm/drop_caches", "3").expect("the right to drop caches");
    };
    drop_caches();
    let start = Instant::now();
    let store = open(directory);
    println!("cold: open {:.1?}", start.elapsed());
    let start = Instant::now();
    let rows = scan(&store, &r1());
    println!(
        "cold: R1's two names, 30 and 7 days {:.1?}, {rows} rows",
        start.elapsed()
    );
    drop(store);
    drop_caches();
    let store = open(directory);
    let snapshot = store.snapshot().unwrap();
    let mut times = Vec::new();
    for n in 0..500_u32 {
        let user = UserKey(n.wrapping_mul(2_654_435_761) % snapshot.users());
        let start = Instant::now();
        snapshot
            .read(&ReadRequest {
                users: &[user],
                now: Millis(START + SPAN),
                streams: &r1(),
                user_properties: &[],
                property_histories: &[],
            })
            .unwrap();
        times.push(start.elapsed());
    }
    times.sort();
    println!(
        "cold: one user, R1: p50 {:.1?}, p99 {:.1?}, max {:.1?}",
        times[250], times[495], times[499]
    );
}

/// The CPU time of this process.
struct Cpu(f64);

impl Cpu {
    fn read() -> f64 {
        let stat = fs::read_to_string("/proc/self/stat").unwrap();
        let fields: Vec<&str> = stat
            .rsplit_once(')')
            .unwrap()
            .1
            .split_whitespace()
            .collect();
        // utime and stime, in hundredths of a second.
        (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
    }

    fn now() -> Self {
        Self(Self::read())
    }

    fn passed(&self) -> f64 {
        Self::read() - self.0
    }
}

fn bytes_written() -> u64 {
    let io = fs::read_to_string("/proc/self/io").unwrap();
    io.lines()
        .find_map(|line| line.strip_prefix("write_bytes: "))
        .unwrap()
        .parse()
        .unwrap()
}
