//! Tests of definitions that change while other work is under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::world::{ServiceWorld, of_one_user_a_chunk, purchase, settings, until};
use crate::ServiceSettings;
use crate::requests::CohortRequest;

fn cohort(least: u32) -> String {
    format!(
        "cadence: real_time\nsync: [out]\nwhere: {{did: Purchase, times: {{at_least: {least}}}, in_last: 30 days}}\n"
    )
}

#[tokio::test(start_paused = true)]
async fn an_edit_while_the_service_starts_is_activated() {
    let world = ServiceWorld::new("", &[("buyers", &cohort(1))]);
    let project = world.project();
    world.write("cohorts/buyers.yaml", &cohort(2));
    let service = world.open_with(project, settings()).await.run();
    service.purchase(&["ann", "bob", "bob"]);
    until("the edit is active", || {
        let reasons = service.runs("buyers");
        (reasons.iter()).any(|run| run.reason == muster_engine::Reason::DefinitionChanged)
    })
    .await;
    assert_eq!(service.members("buyers"), 1);
    service.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_edit_during_an_activation_is_activated_after_it() {
    let world = ServiceWorld::new("", &[("buyers", &cohort(1))]);
    let service = world.start(settings()).await;
    service.caught_up().await;
    service.purchase(&["ann", "bob", "bob", "cid", "cid", "cid"]);
    until("all users have entered", || service.members("buyers") == 3).await;
    let changing = service.service.changing.lock().await;
    world.write("cohorts/buyers.yaml", &cohort(2));
    // After two checks the edit is read, and waits for its activation.
    tokio::time::sleep(Duration::from_secs(10)).await;
    world.write("cohorts/buyers.yaml", &cohort(3));
    tokio::time::sleep(Duration::from_secs(10)).await;
    drop(changing);
    until("the second edit is active", || {
        service.members("buyers") == 1
    })
    .await;
    service.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_file_that_was_wrong_and_is_repaired_is_read_again() {
    let world = ServiceWorld::new("", &[("buyers", &cohort(1))]);
    let service = world.start(settings()).await;
    service.caught_up().await;
    // The list that the definition names is wrong. The test repairs the list and not the
    // definition.
    world.write("cohorts/vip.csv", "ann\n\u{0}\n");
    world.write(
        "cohorts/vip.yaml",
        "cadence: real_time\nmembers: ./vip.csv\n",
    );
    until("the fault is noticed", || {
        service.service.state.active().definitions.is_some()
    })
    .await;
    let faults = service.service.state.active().definitions.clone().unwrap();
    assert!(faults.lines[0].contains("vip.csv"), "{faults:?}");
    service.purchase(&["ann"]);
    world.write("cohorts/vip.csv", "ann\n");
    until("the repaired list is active", || {
        service.members("vip") == 1
    })
    .await;
    assert!(service.service.state.active().definitions.is_none());
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sync_during_a_reload_is_answered_by_the_new_definition() {
    let world = ServiceWorld::new("", &[("buyers", &cohort(1))]);
    let opened = world
        .open(ServiceSettings {
            runs: of_one_user_a_chunk(),
            ..settings()
        })
        .await;
    let state = Arc::clone(&opened.service.state);
    purchase(&state.store, &["ann", "bob", "bob"], super::world::START);
    // The first run continues only when the test lets it.
    let (release, goes_on) = std::sync::mpsc::channel::<()>();
    let (goes_on, first) = (std::sync::Mutex::new(goes_on), AtomicBool::new(true));
    state.store.on_messages(move |_| {
        if first.swap(false, Ordering::Relaxed) {
            let _ = goes_on
                .lock()
                .unwrap()
                .recv_timeout(Duration::from_secs(60));
        }
    });
    let service = opened.run();
    let mut phase = service.service.phase.subscribe();
    until("the first commit is made", || service.members("buyers") > 0).await;
    let mut before = Box::pin(service.sync("buyers"));
    world.write("cohorts/buyers.yaml", &cohort(2));
    service.reload();
    let changing = async {
        let changing = phase.wait_for(|phase| *phase == crate::phase::Phase::Changing);
        drop(changing.await.unwrap());
    };
    // One request comes before the reload, and one during it.
    tokio::select! {
        () = changing => {}
        answer = &mut before => panic!("{answer:?}"),
    }
    let during = service.sync("buyers");
    let released = async {
        tokio::task::yield_now().await;
        drop(release);
    };
    let (before, during, ()) = tokio::join!(before, during, released);
    for answer in [before, during] {
        assert_eq!(answer.unwrap().members, 1);
    }
    service.stop().await;
}

/// Bytes that begin like a component and are none.
const GARBAGE: &[u8] = b"\0asm\x0d\0\x01\0garbage";

#[tokio::test(start_paused = true)]
async fn a_rule_that_cannot_be_loaded_leaves_the_earlier_one_active() {
    let world = ServiceWorld::new(
        "",
        &[
            ("buyers", &cohort(1)),
            ("vip", "cadence: real_time\nrule: ./vip.wasm\n"),
        ],
    );
    let module = muster_compiler::compile(
        &[(
            muster_model::CohortId::new("vip").unwrap(),
            &muster_definition::Clause::Everyone,
        )],
        &|cohort| cohort.to_string(),
    );
    let module = module.modules.into_iter().next().unwrap().wasm;
    std::fs::write(world.path().join("cohorts/vip.wasm"), &module).unwrap();
    let service = world.start(settings()).await;
    service.caught_up().await;
    service.purchase(&["ann"]);
    until("ann is in both", || {
        service.members("buyers") + service.members("vip") == 2
    })
    .await;
    assert!(service.metrics().contains("muster_definitions_up 1"));
    std::fs::write(world.path().join("cohorts/vip.wasm"), GARBAGE).unwrap();
    until("the fault is noticed", || {
        service.service.state.active().definitions.is_some()
    })
    .await;
    let faults = service.service.state.active().definitions.clone().unwrap();
    assert!(
        faults.lines[0].starts_with("the module of vip: "),
        "{faults:?}"
    );
    assert!(service.metrics().contains("muster_definitions_up 0"));
    service.purchase(&["bob"]);
    until("the earlier rule continues", || service.members("vip") == 2).await;
    std::fs::write(world.path().join("cohorts/vip.wasm"), &module).unwrap();
    until("the fault is repaired", || {
        service.service.state.active().definitions.is_none()
    })
    .await;
    service.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_rule_that_cannot_be_loaded_at_the_start_is_reported() {
    let world = ServiceWorld::new(
        "",
        &[
            ("buyers", &cohort(1)),
            ("vip", "cadence: real_time\nrule: ./vip.wasm\n"),
        ],
    );
    std::fs::write(world.path().join("cohorts/vip.wasm"), GARBAGE).unwrap();
    let service = world.start(settings()).await;
    service.caught_up().await;
    service.purchase(&["ann"]);
    until("other cohorts continue", || service.members("buyers") == 1).await;
    assert!(service.metrics().contains("muster_definitions_up 0"));
    service.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_folder_that_cannot_be_listed_ends_no_cohort() {
    let world = ServiceWorld::new(
        "cohorts: [\"cohorts/*.yaml\", \"more/*.yaml\"]\n",
        &[("buyers", &cohort(1))],
    );
    world.write(
        "more/others.yaml",
        &format!("{}on_remove: exit\n", cohort(1)),
    );
    let service = world.start(settings()).await;
    service.caught_up().await;
    service.purchase(&["ann"]);
    until("ann is in both", || {
        service.members("buyers") + service.members("others") == 2
    })
    .await;
    // No user, not even root, can list a folder whose name is a link to itself.
    std::fs::rename(world.path().join("more"), world.path().join("away")).unwrap();
    std::os::unix::fs::symlink("more", world.path().join("more")).unwrap();
    until("the fault is noticed", || {
        service.service.state.active().definitions.is_some()
    })
    .await;
    let faults = service.service.state.active().definitions.clone().unwrap();
    assert!(faults.lines[0].contains("more/*.yaml"), "{faults:?}");
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(service.members("others"), 1);
    assert!(!world.out().contains("\"in_cohort\":false"));
    std::fs::remove_file(world.path().join("more")).unwrap();
    std::fs::rename(world.path().join("away"), world.path().join("more")).unwrap();
    until("the fault is repaired", || {
        service.service.state.active().definitions.is_none()
    })
    .await;
    // An empty folder is a different case: its cohort is gone.
    world.remove("more/others.yaml");
    until("all members have left", || service.members("others") == 0).await;
    service.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_guard_can_hold_the_removal_of_a_cohort() {
    let settings_text = "guard: {percent: 50, members: 1}\n";
    let world = ServiceWorld::new(settings_text, &[("buyers", &cohort(1))]);
    world.write(
        "cohorts/others.yaml",
        &format!("{}on_remove: exit\n", cohort(1)),
    );
    let service = world.start(settings()).await;
    service.caught_up().await;
    service.purchase(&["ann", "bob"]);
    until("both users have entered", || service.members("others") == 2).await;
    world.remove("cohorts/others.yaml");
    let held = "muster_cohort_held{cohort=\"others\"} 1";
    until("the removal is held", || service.metrics().contains(held)).await;
    assert_eq!(service.members("others"), 2);
    let answer = service.ask("others", CohortRequest::Approve).await;
    assert_eq!(answer.unwrap().ran().unwrap().exited, 2);
    assert_eq!(service.members("others"), 0);
    until("the exits arrive", || {
        world.out().contains("\"in_cohort\":false")
    })
    .await;
    let again = service.ask("others", CohortRequest::Approve).await;
    assert!(again.unwrap_err().message.contains("others"));
    service.stop().await;
}
