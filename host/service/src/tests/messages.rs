//! Tests of when messages are sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::world::{ServiceWorld, of_one_user_a_chunk, purchase, runs, settings, until};
use crate::ServiceSettings;
use crate::requests::CohortRequest;

const BUYERS: &str = "cadence: real_time\nsync: [out]\nwhere: {did: Purchase, in_last: 30 days}\n";

/// Longer than a message takes on a loaded machine, and shorter than the time between two reads of
/// the outbox without a wake-up.
const ARRIVAL_TIMEOUT: Duration = Duration::from_secs(20);
const _: () = assert!(ARRIVAL_TIMEOUT.as_secs() < crate::delivery::POLL.as_secs());

fn of_one_user() -> ServiceSettings {
    ServiceSettings {
        runs: of_one_user_a_chunk(),
        drain: true,
        ..settings()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_messages_of_a_runs_first_chunk_arrive_before_the_run_ends() {
    let world = ServiceWorld::new("", &[("buyers", BUYERS)]);
    let opened = world.open(of_one_user()).await;
    let store = opened.service.state.store.clone();
    purchase(&store, &["ann", "bob", "cid"], super::world::START);
    let arrived = Arc::new(AtomicBool::new(false));
    {
        // The run's thread continues only when the destination has the messages of the run's first
        // commit.
        let (path, arrived, store) = (
            world.path().join("out.ndjson"),
            Arc::clone(&arrived),
            store.clone(),
        );
        let first = AtomicBool::new(true);
        opened.service.state.store.on_messages(move |_| {
            if !first.swap(false, Ordering::Relaxed) {
                return;
            }
            let begun = Instant::now();
            while begun.elapsed() < ARRIVAL_TIMEOUT {
                let out = std::fs::read_to_string(&path).unwrap_or_default();
                if out.contains("\"ann\"") && out.ends_with('\n') {
                    let ended = !runs(&store, "buyers").is_empty();
                    arrived.store(!ended, Ordering::Relaxed);
                    return;
                }
                std::thread::sleep(Duration::from_millis(1));
            }
        });
    }
    let service = opened.run();
    until("the run has ended", || service.members("buyers") == 3).await;
    assert!(arrived.load(Ordering::Relaxed), "{}", world.out());
    service.stop().await;
    assert_eq!(world.out().lines().count(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_messages_of_a_stopped_run_are_sent() {
    let world = ServiceWorld::new("", &[("buyers", BUYERS)]);
    let opened = world.open(of_one_user()).await;
    let state = Arc::clone(&opened.service.state);
    purchase(&state.store, &["ann", "bob", "cid"], super::world::START);
    // The definition is removed after the run's first commit.
    let (path, first) = (
        world.path().join("cohorts/buyers.yaml"),
        AtomicBool::new(true),
    );
    let (release, reloaded) = std::sync::mpsc::channel::<()>();
    let reloaded = std::sync::Mutex::new(reloaded);
    state.store.on_messages(move |_| {
        if first.swap(false, Ordering::Relaxed) {
            std::fs::remove_file(&path).unwrap();
            // The run waits here until it is stopped.
            let _ = reloaded.lock().unwrap().recv_timeout(ARRIVAL_TIMEOUT);
        }
    });
    let service = opened.run();
    let mut phase = service.service.phase.subscribe();
    until("the first commit is made", || service.members("buyers") > 0).await;
    service.reload();
    let changing = phase.wait_for(|phase| *phase == crate::phase::Phase::Changing);
    changing.await.unwrap();
    drop(release);
    let arrived = until("the message has arrived", || {
        world.out().contains("\"ann\"")
    });
    let arrived = tokio::time::timeout(ARRIVAL_TIMEOUT, arrived).await;
    assert!(arrived.is_ok(), "{}", world.out());
    assert_eq!(service.members("buyers"), 1, "the run was stopped");
    assert_eq!(runs(service.store(), "buyers"), [], "the run has no record");
    service.stop().await;
}

/// The test holds a run in the middle until a request to forget a user waits. The request then does
/// not wait for the end of the run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forgetting_a_user_does_not_wait_for_the_end_of_a_run() {
    const USERS: usize = 40;
    let world = ServiceWorld::new("", &[("buyers", BUYERS)]);
    let opened = world.open(of_one_user()).await;
    let state = Arc::clone(&opened.service.state);
    let ids: Vec<_> = (0..USERS).map(|user| format!("user-{user:02}")).collect();
    let users: Vec<_> = ids.iter().map(String::as_str).collect();
    purchase(&state.store, &users, super::world::START);
    // The first commit of a run waits until a request wants all states.
    let hold = Arc::new(AtomicBool::new(true));
    {
        let (hold, runtime) = (Arc::clone(&hold), tokio::runtime::Handle::current());
        let waiting = Arc::clone(&state);
        state.store.on_messages(move |_| {
            if hold.swap(false, Ordering::Relaxed) {
                runtime.block_on(waiting.locks.wanted());
            }
        });
    }
    let service = opened.run();
    until("a run has made a commit", || service.members("buyers") > 0).await;
    let forget = |user: &str| service.service.forget(user.to_owned());
    assert_eq!(forget("user-00").await.unwrap().exited, ["buyers"]);
    until("the run has ended", || service.members("buyers") == 39).await;
    // The same happens in the middle of a full sync, which does not begin a second time.
    let full = CohortRequest::Sync { full: true };
    hold.store(true, Ordering::Relaxed);
    let forgotten = async {
        until("a run has made a commit", || !hold.load(Ordering::Relaxed)).await;
        forget("user-01").await.unwrap()
    };
    let (synced, forgotten) = tokio::join!(service.ask("buyers", full), forgotten);
    assert_eq!(forgotten.exited, ["buyers"]);
    synced.unwrap();
    service.stop().await;
    let out = world.out();
    let lines: Vec<&str> = out.lines().collect();
    let times = |user: &str| lines.iter().filter(|line| line.contains(user)).count();
    assert_eq!((times("user-00"), times("user-01")), (2, 3), "{out}");
    for user in ids.iter().skip(2) {
        assert_eq!(times(user), 2, "{user} {out}");
    }
    // The exits came after a chunk or two, and not after all other messages.
    let exit = |user: &str| {
        let exits = |line: &&str| line.contains("\"in_cohort\":false") && line.contains(user);
        lines.iter().position(exits).unwrap()
    };
    assert!(exit("user-00") < 4, "{out}");
    assert!(exit("user-01") < USERS + 5, "{out}");
}
