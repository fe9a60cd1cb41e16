//! Tests of when cohorts are evaluated, and of the effect of a failing cohort on the others.

use std::time::Duration;

use super::InjectedFault;
use super::world::{ServiceWorld, runs, settings, until};
use crate::ServiceSettings;
use crate::requests::CohortRequest;

const BUYERS: &str = "where: {did: Purchase, in_last: 30 days}\n";

fn cohort(cadence: &str) -> String {
    format!("cadence: {cadence}\nsync: [out]\n{BUYERS}")
}

#[tokio::test(start_paused = true)]
async fn an_hourly_cohort_does_not_run_because_events_come_in() {
    let (hourly, daily) = (cohort("hourly"), cohort("daily"));
    let world = ServiceWorld::new("", &[("hourly", &hourly), ("daily", &daily)]);
    let service = world.start(settings()).await;
    service.caught_up().await;
    for _ in 0..30 * 6 {
        service.purchase(&["ann"]);
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
    assert_eq!(service.runs("hourly").len(), 1, "its first run");
    // The hour passes while events come in.
    for _ in 0..31 * 6 {
        service.purchase(&["bob"]);
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
    let hourly = service.runs("hourly");
    let at: Vec<_> = hourly.iter().map(|run| run.at.as_str()).collect();
    assert_eq!(at.len(), 2, "{at:?}");
    assert!(at[1].starts_with("2026-03-01T01:00:0"), "{at:?}");
    assert_eq!(service.members("hourly"), 2);
    assert_eq!(service.runs("daily").len(), 1, "its first run");
    service.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_failing_first_run_delays_no_other_work() {
    let world = ServiceWorld::new(
        "retention: 400 days\n",
        &[
            ("sound", &cohort("daily")),
            ("failing", &cohort("hourly")),
            ("failing-at-once", &cohort("real_time")),
            ("gone", &format!("on_remove: exit\n{}", cohort("daily"))),
        ],
    );
    let service = world.start(settings()).await;
    service.caught_up().await;
    service.purchase(&["ann"]);
    service.sync("gone").await.unwrap();
    assert_eq!(service.members("gone"), 1);
    service.stop().await;

    // The definition of one cohort is gone, and new cohorts replace two others.
    world.remove("cohorts/gone.yaml");
    for failing in ["failing", "failing-at-once"] {
        let path = format!("cohorts/{failing}.yaml");
        world.write(&path, &format!("id: {failing}-2\n{}", cohort("hourly")));
    }
    let opened = world.open(settings()).await;
    for failing in ["failing-2", "failing-at-once-2"] {
        let mut faults = opened.service.state.faults.runs.lock();
        faults.insert(failing.to_owned(), InjectedFault::Fail);
    }
    let service = opened.run();
    service.caught_up().await;
    until("the members of the removed cohort have exited", || {
        service.members("gone") == 0
    })
    .await;
    assert_eq!(service.sync("sound").await.unwrap().entered, 1);
    let failed = service.sync("failing-2").await.unwrap_err();
    assert!(failed.message.contains("a run that fails"), "{failed}");
    let error = |id: &str| {
        let active = service.service.state.active();
        let cohort = active.cohorts.get(&super::world::id(id)).cloned();
        cohort.unwrap().error
    };
    assert!(error("failing-2").is_some() && error("sound").is_none());
    // The cohort recovers as soon as the fault is removed.
    service.service.state.faults.runs.lock().clear();
    until("the failing cohort has run", || {
        !service.runs("failing-2").is_empty()
    })
    .await;
    assert_eq!(error("failing-2"), None);
    service.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_group_that_panics_is_reported_and_restarted() {
    let world = ServiceWorld::new(
        "",
        &[
            ("at-once", &cohort("real_time")),
            ("hourly", &cohort("hourly")),
        ],
    );
    let opened = world.open(settings()).await;
    {
        let mut faults = opened.service.state.faults.runs.lock();
        faults.insert("at-once".to_owned(), InjectedFault::Panic);
        faults.insert("hourly".to_owned(), InjectedFault::Panic);
    }
    let service = opened.run();
    // A first attempt that panics counts as an attempt.
    service.caught_up().await;
    let part = &service.status().await.parts.unwrap()["cohorts at-once"];
    assert_eq!(part.failures, 1, "{part:?}");
    assert!(part.why.contains("a run that panics"), "{part:?}");
    service.purchase(&["ann"]);
    until("the group was restarted", || {
        service.members("at-once") == 1
    })
    .await;
    let status = service.status().await;
    assert!(!status.parts.unwrap()["cohorts at-once"].down);
    let at_once = status.cohorts.iter().find(|cohort| cohort.id == "at-once");
    assert_eq!(at_once.unwrap().error, None);

    // Definitions are read again even while a run is about to panic.
    let faults = &service.service.state.faults.runs;
    faults
        .lock()
        .insert("at-once".to_owned(), InjectedFault::Panic);
    service.purchase(&["bob"]);
    world.write("cohorts/more.yaml", &cohort("daily"));
    until("the new cohort has run", || service.runs("more").len() == 1).await;
    until("the group that panicked has run", || {
        service.members("at-once") == 2
    })
    .await;
    service.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_request_whose_run_panics_is_answered() {
    let world = ServiceWorld::new("", &[("daily", &cohort("daily"))]);
    let service = world.start(settings()).await;
    service.caught_up().await;
    let faults = &service.service.state.faults.runs;
    faults
        .lock()
        .insert("daily".to_owned(), InjectedFault::Panic);
    let failed = service.sync("daily").await.unwrap_err();
    assert!(failed.message.contains("unexpectedly"), "{failed}");
    service.purchase(&["ann"]);
    assert_eq!(service.sync("daily").await.unwrap().entered, 1);
    service.stop().await;
}

/// `forget` holds the states of all cohorts for writing. A change of one state meanwhile would set
/// that cohort's second back, and a message id would occur twice.
#[tokio::test(start_paused = true)]
async fn a_held_run_is_not_rejected_while_a_user_is_forgotten() {
    let world = ServiceWorld::new(
        "guard: {percent: 10, members: 1}\n",
        &[("buyers", &cohort("daily"))],
    );
    let service = world.start(settings()).await;
    service.caught_up().await;
    service.purchase(&["ann", "bob", "cid"]);
    service.sync("buyers").await.unwrap();
    let older = "where: {did: Purchase, times: {at_least: 5}, in_last: 30 days}\n";
    world.write(
        "cohorts/buyers.yaml",
        &format!("cadence: daily\nsync: [out]\n{older}"),
    );
    tokio::time::sleep(Duration::from_secs(10)).await;
    let held = service.sync("buyers").await.unwrap();
    assert!(held.held.is_some(), "{held:?}");

    let forgetting = service.service.state.locks.all_states().await;
    let mut rejecting = Box::pin(service.ask("buyers", CohortRequest::Reject));
    let waited = tokio::time::timeout(Duration::from_secs(60), &mut rejecting).await;
    assert!(waited.is_err(), "the request does not wait: {waited:?}");
    drop(forgetting);
    rejecting.await.unwrap().rejected().unwrap();
    service.stop().await;
}

#[tokio::test(start_paused = true)]
async fn metrics_of_a_cohort_survive_a_restart_and_end_with_the_cohort() {
    let world = ServiceWorld::new(
        "guard: {percent: 10, members: 1}\n",
        &[("buyers", &cohort("daily")), ("others", &cohort("daily"))],
    );
    let service = world.start(settings()).await;
    service.caught_up().await;
    service.purchase(&["ann", "bob", "cid"]);
    service.sync("buyers").await.unwrap();
    let fewer = "where: {did: Purchase, times: {at_least: 5}, in_last: 30 days}\n";
    let fewer = format!("cadence: daily\nsync: [out]\n{fewer}");
    world.write("cohorts/buyers.yaml", &fewer);
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert!(service.sync("buyers").await.unwrap().held.is_some());
    service.stop().await;

    let service = world.start(settings()).await;
    service.caught_up().await;
    let metrics = service.metrics();
    for line in [
        "muster_cohort_held{cohort=\"buyers\"} 1",
        "muster_cohort_members{cohort=\"buyers\"} 3",
        "muster_cohort_held{cohort=\"others\"} 0",
        "muster_cohort_last_run_timestamp_seconds{cohort=\"buyers\"}",
    ] {
        assert!(metrics.contains(line), "{line} is missing in\n{metrics}");
    }
    service.ask("buyers", CohortRequest::Reject).await.unwrap();
    assert!(
        service
            .metrics()
            .contains("muster_cohort_held{cohort=\"buyers\"} 0")
    );
    service.sync("others").await.unwrap();
    assert!(
        service
            .metrics()
            .contains("muster_cohort_runs_total{cohort=\"others\"")
    );
    world.remove("cohorts/others.yaml");
    until("the series of the cohort are gone", || {
        !service.metrics().contains("cohort=\"others\"")
    })
    .await;
    service.stop().await;
}

#[tokio::test(start_paused = true)]
async fn after_a_stop_the_status_is_as_late_as_the_latest_run() {
    let world = ServiceWorld::new("", &[("buyers", &cohort("real_time"))]);
    let service = world.start(settings()).await;
    service.caught_up().await;
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    service.purchase(&["ann"]);
    until("ann has entered", || service.members("buyers") == 1).await;
    let store = service.store().clone();
    service.stop().await;
    let latest = runs(&store, "buyers").pop().unwrap();
    let status = muster_engine::status(&store.snapshot().unwrap(), &super::world::id("buyers"));
    let ran = status.unwrap().ran.unwrap().to_string();
    assert!(latest.at.starts_with("2026-03-01T01:00"), "{latest:?}");
    assert!(ran >= latest.at, "{ran} is before {}", latest.at);
}

/// The longest time that the end may take in the test below.
const STOP_TIMEOUT: Duration = Duration::from_secs(60);

/// The test uses the system's time: a waiting thread would keep the paused time from continuing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_does_not_wait_for_maintenance() {
    let world = ServiceWorld::new("", &[("buyers", &cohort("real_time"))]);
    let settings = ServiceSettings {
        drain: true,
        stop_timeout: STOP_TIMEOUT,
        ..settings()
    };
    let service = world.start(settings).await;
    service.caught_up().await;
    let state = std::sync::Arc::clone(&service.service.state);
    let (held, is_held) = std::sync::mpsc::channel();
    let (release, released) = std::sync::mpsc::channel::<()>();
    let merging = std::thread::spawn(move || {
        let guard = state.faults.maintenance.lock();
        held.send(()).unwrap();
        // The thread waits here until the service has ended.
        let _ = released.recv();
        drop(guard);
    });
    is_held.recv().unwrap();
    service.purchase(&["ann"]);
    until("ann has entered", || service.members("buyers") == 1).await;
    let begun = tokio::time::Instant::now();
    service.stop().await;
    assert!(
        begun.elapsed() < STOP_TIMEOUT,
        "the end waited for the maintenance"
    );
    assert!(world.out().contains("\"ann\""), "{}", world.out());
    drop(release);
    merging.join().unwrap();
}
