//! When messages go out.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::world::{World, of_one_user_a_chunk, purchase, runs, settings, until};
use crate::service::Settings;

const BUYERS: &str = "cadence: real_time\nsync: [out]\nwhere: {did: Purchase, in_last: 30 days}\n";

/// Longer than a message takes on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn of_one_user() -> Settings {
    Settings {
        runs: of_one_user_a_chunk(),
        drain: true,
        ..settings()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_messages_of_a_runs_first_chunk_arrive_before_the_run_ends() {
    let world = World::new("", &[("buyers", BUYERS)]);
    let opened = world.open(of_one_user()).await;
    let store = opened.service.host.store.clone();
    purchase(&store, &["ann", "bob", "cid"], super::world::START);
    let arrived = Arc::new(AtomicBool::new(false));
    {
        // The thread of the run does not go on before the destination has the messages of its first commit.
        let (path, arrived, store) = (
            world.path().join("out.ndjson"),
            Arc::clone(&arrived),
            store.clone(),
        );
        let first = AtomicBool::new(true);
        opened.service.host.store.on_messages(move |_| {
            if !first.swap(false, Ordering::Relaxed) {
                return;
            }
            let begun = Instant::now();
            while begun.elapsed() < PATIENCE {
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
    let service = opened.go();
    until("the run has ended", || service.members("buyers") == 3).await;
    assert!(arrived.load(Ordering::Relaxed), "{}", world.out());
    service.stop().await;
    assert_eq!(world.out().lines().count(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_messages_of_a_run_that_is_stopped_go_out() {
    let world = World::new("", &[("buyers", BUYERS)]);
    let opened = world.open(of_one_user()).await;
    let host = Arc::clone(&opened.service.host);
    purchase(&host.store, &["ann", "bob", "cid"], super::world::START);
    // Its definition is gone after its first commit.
    let (path, first) = (
        world.path().join("cohorts/buyers.yaml"),
        AtomicBool::new(true),
    );
    let (told, reloaded) = std::sync::mpsc::channel::<()>();
    let reloaded = std::sync::Mutex::new(reloaded);
    host.store.on_messages(move |_| {
        if first.swap(false, Ordering::Relaxed) {
            std::fs::remove_file(&path).unwrap();
            // Until the run is told to stop.
            let _ = reloaded.lock().unwrap().recv_timeout(PATIENCE);
        }
    });
    let service = opened.go();
    let mut phase = service.service.phase.subscribe();
    until("the first commit is made", || service.members("buyers") > 0).await;
    service.reload();
    let changing = phase.wait_for(|phase| *phase == crate::service::in_force::Phase::Changing);
    changing.await.unwrap();
    drop(told);
    until("it has arrived", || world.out().contains("\"ann\"")).await;
    assert_eq!(service.members("buyers"), 1, "the run was stopped");
    assert_eq!(runs(service.store(), "buyers"), [], "it has not ended");
    service.stop().await;
}
