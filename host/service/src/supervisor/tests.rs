use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

/// The task fails twice, and then waits until it is stopped.
#[tokio::test(start_paused = true)]
async fn a_part_that_panics_or_fails_is_shown_and_started_again() {
    let parts = Arc::new(ServiceParts::default());
    let supervisor = Supervisor::new(Arc::clone(&parts));
    let (begun, stop) = (Arc::new(AtomicU32::new(0)), CancellationToken::new());
    let reported = Arc::new(Mutex::new(Vec::new()));
    let work = {
        let (begun, stop) = (Arc::clone(&begun), stop.clone());
        move || {
            let (begun, stop) = (Arc::clone(&begun), stop.clone());
            async move {
                match begun.fetch_add(1, Ordering::Relaxed) {
                    0 => panic!("of a number: {}", 7),
                    1 => anyhow::bail!("no space"),
                    _ => stop.cancelled().await,
                }
                Ok(())
            }
        }
    };
    let task = Task {
        name: "it".to_owned(),
        stop: stop.clone(),
        work,
    };
    let down = {
        let reported = Arc::clone(&reported);
        move |why: &str| reported.lock().unwrap().push(why.to_owned())
    };
    let running = supervisor.start(task, down);
    let failures = |count: u32| {
        let (parts, begun) = (Arc::clone(&parts), Arc::clone(&begun));
        async move {
            while begun.load(Ordering::Relaxed) < count
                || parts.all().get("it").is_none_or(|part| !part.down)
            {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            parts.all().remove("it").unwrap()
        }
    };
    let first = failures(1).await;
    assert_eq!(
        (first.failures, first.why.as_str()),
        (1, "panicked: of a number: 7")
    );
    let second = failures(2).await;
    assert_eq!((second.failures, second.why.as_str()), (2, "no space"));
    while parts.all()["it"].down {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(
        *reported.lock().unwrap(),
        ["panicked: of a number: 7", "no space"]
    );
    stop.cancel();
    running.await.unwrap();
    assert_eq!(parts.all(), [].into());
    supervisor.ended().await;
}

#[tokio::test(start_paused = true)]
async fn a_part_that_waits_to_be_started_again_ends_when_it_is_stopped() {
    let supervisor = Supervisor::new(Arc::default());
    let stop = CancellationToken::new();
    let task = Task {
        name: "it".to_owned(),
        stop: stop.clone(),
        work: || async { anyhow::bail!("for ever") },
    };
    supervisor.start(task, |_| {});
    tokio::time::sleep(Duration::from_secs(300)).await;
    let begun = Instant::now();
    stop.cancel();
    supervisor.ended().await;
    assert_eq!(begun.elapsed(), Duration::ZERO);
}
