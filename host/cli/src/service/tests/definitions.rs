//! Definitions that change while something is under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::world::{World, of_one_user_a_chunk, purchase, settings, until};
use crate::service::Settings;

fn cohort(least: u32) -> String {
    format!(
        "cadence: real_time\nsync: [out]\nwhere: {{did: Purchase, times: {{at_least: {least}}}, in_last: 30 days}}\n"
    )
}

#[tokio::test(start_paused = true)]
async fn an_edit_that_comes_while_the_service_starts_is_put_in_force() {
    let world = World::new("", &[("buyers", &cohort(1))]);
    let project = world.project();
    world.write("cohorts/buyers.yaml", &cohort(2));
    let service = world.open_with(project, settings()).await.go();
    service.purchase(&["ann", "bob", "bob"]);
    until("the edit is in force", || {
        let reasons = service.runs("buyers");
        (reasons.iter()).any(|run| run.reason == muster_engine::Reason::DefinitionChanged)
    })
    .await;
    assert_eq!(service.members("buyers"), 1);
    service.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_edit_that_comes_while_definitions_are_put_in_force_is_put_in_force_after_them() {
    let world = World::new("", &[("buyers", &cohort(1))]);
    let service = world.start(settings()).await;
    service.caught_up().await;
    service.purchase(&["ann", "bob", "bob", "cid", "cid", "cid"]);
    until("all are in", || service.members("buyers") == 3).await;
    let changing = service.service.changing.lock().await;
    world.write("cohorts/buyers.yaml", &cohort(2));
    // Two looks, and then it is read and waits to be put in force.
    tokio::time::sleep(Duration::from_secs(10)).await;
    world.write("cohorts/buyers.yaml", &cohort(3));
    tokio::time::sleep(Duration::from_secs(10)).await;
    drop(changing);
    until("the second edit is in force", || {
        service.members("buyers") == 1
    })
    .await;
    service.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_file_that_was_wrong_and_is_repaired_is_read_again() {
    let world = World::new("", &[("buyers", &cohort(1))]);
    let service = world.start(settings()).await;
    service.caught_up().await;
    // The list that it names is wrong, and the list is repaired, not the definition.
    world.write("cohorts/vip.csv", "ann\n\u{0}\n");
    world.write(
        "cohorts/vip.yaml",
        "cadence: real_time\nmembers: ./vip.csv\n",
    );
    until("the fault is noticed", || {
        service.service.host.live().definitions.is_some()
    })
    .await;
    let faults = service.service.host.live().definitions.clone().unwrap();
    assert!(faults.lines[0].contains("vip.csv"), "{faults:?}");
    service.purchase(&["ann"]);
    world.write("cohorts/vip.csv", "ann\n");
    until("it is in force", || service.members("vip") == 1).await;
    assert!(service.service.host.live().definitions.is_none());
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sync_during_a_reload_is_answered_by_the_new_definition() {
    let world = World::new("", &[("buyers", &cohort(1))]);
    let opened = world
        .open(Settings {
            runs: of_one_user_a_chunk(),
            ..settings()
        })
        .await;
    let host = Arc::clone(&opened.service.host);
    purchase(&host.store, &["ann", "bob", "bob"], super::world::START);
    // The first run does not go on before it is told.
    let (told, goes_on) = std::sync::mpsc::channel::<()>();
    let (goes_on, first) = (std::sync::Mutex::new(goes_on), AtomicBool::new(true));
    host.store.on_messages(move |_| {
        if first.swap(false, Ordering::Relaxed) {
            let _ = goes_on
                .lock()
                .unwrap()
                .recv_timeout(Duration::from_secs(60));
        }
    });
    let service = opened.go();
    let mut phase = service.service.phase.subscribe();
    until("the first commit is made", || service.members("buyers") > 0).await;
    let mut before = Box::pin(service.sync("buyers"));
    world.write("cohorts/buyers.yaml", &cohort(2));
    service.reload();
    let changing = async {
        let changing = phase.wait_for(|phase| *phase == crate::service::in_force::Phase::Changing);
        drop(changing.await.unwrap());
    };
    // One that was asked before the reload, and one during it.
    tokio::select! {
        () = changing => {}
        answer = &mut before => panic!("{answer:?}"),
    }
    let during = service.sync("buyers");
    let released = async {
        tokio::task::yield_now().await;
        drop(told);
    };
    let (before, during, ()) = tokio::join!(before, during, released);
    for answer in [before, during] {
        assert_eq!(answer.unwrap()["members"], 1);
    }
    service.stop().await;
}
