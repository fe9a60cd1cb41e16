//! Tests the `file` destination with a real store.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::time::{Duration, Instant};

use muster_publish::{Destination, DrainOptions, drain, drain_all};

use muster_testkit::server::{ScriptedServer, ServerReply};

use crate::support::{Base, TestOutbox, bodies, destination, in_clean_environment};

fn lines(bodies: &[Vec<u8>]) -> Vec<u8> {
    bodies
        .iter()
        .flat_map(|body| [body, &b"\n"[..]].concat())
        .collect()
}

#[tokio::test]
async fn a_torn_last_line_is_cut_off_and_sent_whole() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("out/growth.ndjson");
    let destination = Destination::File { path: path.clone() };
    let backlog = TestOutbox::of(bodies(2_500));
    let options = DrainOptions::default();

    // Some messages are written and acknowledged before the drain is cancelled.
    let cancel = options.cancel.clone();
    let report = drain(
        &backlog.store,
        "growth",
        &destination,
        &options,
        move |_| cancel.cancel(),
    )
    .await
    .unwrap();
    assert_eq!((report.messages, report.complete), (1_000, false));
    assert_eq!(fs::read(&path).unwrap(), lines(&bodies(1_000)));

    // A crash in the next write leaves whole lines and half a line, none of them acknowledged.
    let mut file = OpenOptions::new().append(true).open(&path).unwrap();
    let next = lines(&bodies(1_002)[1_000..]);
    file.write_all(&next[..next.len() - 5]).unwrap();
    drop(file);

    let report = drain(
        &backlog.store,
        "growth",
        &destination,
        &DrainOptions::default(),
        |_| {},
    )
    .await
    .unwrap();
    assert_eq!((report.messages, report.complete), (1_500, true));
    assert!(backlog.left("growth").is_empty());
    // The whole line that was not acknowledged is there twice, as delivery at least once allows;
    // the torn line is there once.
    let expected = [lines(&bodies(1_001)), lines(&bodies(2_500)[1_000..])].concat();
    assert!(fs::read(&path).unwrap() == expected);
}

#[tokio::test]
async fn a_message_of_two_lines_is_a_dead_letter() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("growth.ndjson");
    let backlog = TestOutbox::of([b"{}".to_vec(), b"{\n}".to_vec(), b"[]".to_vec()]);
    let destination = Destination::File { path: path.clone() };
    let options = DrainOptions::default();
    let report = drain(&backlog.store, "growth", &destination, &options, |_| {})
        .await
        .unwrap();
    assert_eq!((report.messages, report.dead), (2, 1));
    assert_eq!(fs::read(&path).unwrap(), b"{}\n[]\n");
    assert!(backlog.left("growth").is_empty());
    let dead = backlog.store.snapshot().unwrap().dead_letters(9).unwrap();
    assert_eq!(
        dead[0].reason,
        "it contains a line feed, but this destination takes one message a line"
    );
}

#[test]
fn a_slow_or_broken_destination_does_not_delay_others() {
    in_clean_environment(
        "file::a_slow_or_broken_destination_does_not_delay_others",
        Base::Key,
        async {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("crm.ndjson");
            let slow = ScriptedServer::start(|_, _| {
                std::thread::sleep(Duration::from_secs(3));
                ServerReply::Hangup
            });
            let backlog = TestOutbox::of(bodies(3));
            fs::write(directory.path().join("not-a-directory"), "").unwrap();
            backlog.add("crm", bodies(5_000));
            backlog.add("broken", bodies(1));
            let destinations = [
                ("growth".to_owned(), destination(&slow.endpoint)),
                ("crm".to_owned(), Destination::File { path: path.clone() }),
                (
                    "broken".to_owned(),
                    Destination::File {
                        path: directory.path().join("not-a-directory/out.ndjson"),
                    },
                ),
            ];
            let options = DrainOptions {
                give_up_after: Duration::from_secs(1),
                ..DrainOptions::default()
            };
            let begun = Instant::now();
            let (sender, done) = std::sync::mpsc::channel();
            let results = drain_all(
                &backlog.store,
                &destinations,
                &options,
                move |name, report| {
                    if name == "crm" && report.complete {
                        sender.send(begun.elapsed()).unwrap();
                    }
                },
            )
            .await;
            let names: Vec<_> = results.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(names, ["growth", "crm", "broken"]);
            assert_eq!(
                results[0].1.as_ref().unwrap_err().cause.kind(),
                "unavailable"
            );
            assert_eq!(results[1].1.as_ref().unwrap().messages, 5_000);
            assert_eq!(results[2].1.as_ref().unwrap_err().cause.kind(), "io");
            assert!(done.try_recv().unwrap() < Duration::from_secs(3));
            assert_eq!(fs::read(&path).unwrap(), lines(&bodies(5_000)));
            assert_eq!(
                (backlog.left("growth").len(), backlog.left("broken").len()),
                (3, 1)
            );
        },
    );
}
