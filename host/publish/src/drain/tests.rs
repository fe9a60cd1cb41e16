//! Drains into a scripted destination, with every acknowledgement watched.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Mutex;

use muster_store::StoreError;
use proptest::prelude::*;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::batch::CallLimits;

/// An outbox in memory that refuses to acknowledge a message twice, and records each commit.
#[derive(Default)]
struct WatchedOutbox {
    messages: Mutex<Vec<Outgoing>>,
    commits: Mutex<Vec<Vec<u64>>>,
    broken: bool,
}

impl WatchedOutbox {
    fn of(count: u64) -> Arc<Self> {
        let message = |sequence: u64| Outgoing {
            sequence,
            id: format!("run:{sequence}"),
            body: vec![b'x'; 10],
        };
        Arc::new(Self {
            messages: Mutex::new((1..=count).map(message).collect()),
            ..Self::default()
        })
    }

    fn left(&self) -> Vec<u64> {
        let messages = self.messages.lock().unwrap();
        messages.iter().map(|message| message.sequence).collect()
    }

    fn commits(&self) -> Vec<Vec<u64>> {
        self.commits.lock().unwrap().clone()
    }
}

impl Outbox for WatchedOutbox {
    fn read(
        &self,
        _: &str,
        after: u64,
        limit: usize,
        bytes: usize,
    ) -> Result<Vec<Outgoing>, StoreError> {
        let messages = self.messages.lock().unwrap();
        let mut read = 0;
        Ok(messages
            .iter()
            .filter(|message| message.sequence > after)
            .take(limit)
            .take_while(|message| {
                let more = read < bytes;
                read += message.body.len();
                more
            })
            .cloned()
            .collect())
    }

    fn acknowledge(&self, _: &str, sequences: &[u64]) -> Result<(), StoreError> {
        if self.broken {
            return Err(StoreError::DiskFull);
        }
        assert!(!sequences.is_empty(), "an empty commit");
        let mut messages = self.messages.lock().unwrap();
        for sequence in sequences {
            let place = messages
                .iter()
                .position(|message| message.sequence == *sequence);
            messages.remove(place.expect("acknowledged twice"));
        }
        self.commits.lock().unwrap().push(sequences.to_vec());
        Ok(())
    }
}

/// The reaction of the destination to a call.
#[derive(Clone, Debug)]
enum ScriptedAnswer {
    /// One verdict per message, as a letter: `.` sent, `t` throttled, `f` failed, `p` poison.
    /// Messages beyond the letters are sent.
    Answer(&'static str),
    /// The messages arrive, but the answer is lost.
    Lost,
    Throttled,
    Denied,
    Cancel(CancellationToken),
}

/// A destination that follows a script, and then accepts everything.
#[derive(Default)]
struct Scripted {
    turns: VecDeque<ScriptedAnswer>,
    calls: Vec<Vec<u64>>,
    arrived: Vec<u64>,
    refused: BTreeSet<u64>,
    limits: Option<CallLimits>,
}

impl Scripted {
    fn new(turns: impl IntoIterator<Item = ScriptedAnswer>) -> Self {
        Self {
            turns: turns.into_iter().collect(),
            ..Self::default()
        }
    }
}

impl Sink for Scripted {
    fn limits(&self) -> CallLimits {
        self.limits.unwrap_or(CallLimits {
            messages: 4,
            bytes: 1_000,
            overhead: 2,
        })
    }

    fn refuses(&self, message: &Outgoing) -> Option<String> {
        self.refused
            .contains(&message.sequence)
            .then(|| "too large".to_owned())
    }

    async fn send(&mut self, messages: &[Outgoing]) -> Result<Vec<Verdict>, CallFailure> {
        let sequences: Vec<_> = messages.iter().map(|message| message.sequence).collect();
        self.calls.push(sequences.clone());
        let letters = match self.turns.pop_front() {
            None => "",
            Some(ScriptedAnswer::Answer(letters)) => letters,
            Some(ScriptedAnswer::Lost) => {
                self.arrived.extend(sequences);
                return Err(CallFailure::Transient(
                    "the connection was closed".to_owned(),
                ));
            }
            Some(ScriptedAnswer::Throttled) => {
                return Err(CallFailure::Throttled("slow down".to_owned()));
            }
            Some(ScriptedAnswer::Denied) => {
                return Err(CallFailure::Stop(Cause::Denied {
                    reason: "no".to_owned(),
                    hint: "ask",
                }));
            }
            Some(ScriptedAnswer::Cancel(token)) => {
                token.cancel();
                ""
            }
        };
        let letters = letters.chars().chain(std::iter::repeat('.'));
        let mut verdicts = Vec::new();
        for (sequence, letter) in sequences.into_iter().zip(letters) {
            verdicts.push(match letter {
                't' => Verdict::Throttled("slow down".to_owned()),
                'f' => Verdict::Failed("internal".to_owned()),
                'p' => Verdict::Poison("malformed".to_owned()),
                _ => {
                    self.arrived.push(sequence);
                    Verdict::Sent
                }
            });
        }
        Ok(verdicts)
    }
}

async fn run(
    outbox: &Arc<WatchedOutbox>,
    sink: &mut Scripted,
    options: &DrainOptions,
) -> Result<DrainReport, PublishError> {
    drain_with(outbox, "growth", sink, options, &|_| {}).await
}

#[tokio::test(start_paused = true)]
async fn messages_go_in_order_with_a_commit_per_call() {
    let (outbox, mut sink) = (WatchedOutbox::of(10), Scripted::default());
    let report = run(&outbox, &mut sink, &DrainOptions::default())
        .await
        .unwrap();
    let calls = [vec![1, 2, 3, 4], vec![5, 6, 7, 8], vec![9, 10]];
    assert_eq!(sink.calls, calls);
    assert_eq!(outbox.commits(), calls);
    assert_eq!(
        report,
        DrainReport {
            messages: 10,
            bytes: 100,
            attempts: 3,
            complete: true,
            ..DrainReport::default()
        }
    );
}

#[tokio::test(start_paused = true)]
async fn only_failed_messages_are_sent_again_and_first() {
    let turns = [
        ScriptedAnswer::Answer(".t.f"),
        ScriptedAnswer::Answer("f."),
        ScriptedAnswer::Answer(""),
    ];
    let (outbox, mut sink) = (WatchedOutbox::of(6), Scripted::new(turns));
    let report = run(&outbox, &mut sink, &DrainOptions::default())
        .await
        .unwrap();
    // No new message is added while something fails.
    assert_eq!(
        sink.calls,
        [vec![1, 2, 3, 4], vec![2, 4], vec![2], vec![5, 6]]
    );
    assert_eq!(outbox.commits(), [vec![1, 3], vec![4], vec![2], vec![5, 6]]);
    assert_eq!(
        (report.messages, report.retried, report.throttled),
        (6, 3, 1)
    );
    assert_eq!(sink.arrived.len(), 6, "each arrived once");
}

#[tokio::test(start_paused = true)]
async fn calls_are_filled_whatever_the_outbox_reads_at_a_time() {
    // The outbox stops one message past the bytes of a call; that message is not sent alone.
    let limits = CallLimits {
        messages: 100,
        bytes: 48,
        overhead: 2,
    };
    let (outbox, mut sink) = (WatchedOutbox::of(12), Scripted::default());
    sink.limits = Some(limits);
    run(&outbox, &mut sink, &DrainOptions::default())
        .await
        .unwrap();
    assert_eq!(
        sink.calls,
        [vec![1, 2, 3, 4], vec![5, 6, 7, 8], vec![9, 10, 11, 12]]
    );
}

#[tokio::test(start_paused = true)]
async fn throttling_slows_and_drops_nothing() {
    let turns = (0..8).map(|_| ScriptedAnswer::Throttled);
    let (outbox, mut sink) = (WatchedOutbox::of(3), Scripted::new(turns));
    let begun = Instant::now();
    let report = run(&outbox, &mut sink, &DrainOptions::default())
        .await
        .unwrap();
    assert_eq!(
        (report.messages, report.retried, report.throttled),
        (3, 24, 24)
    );
    // 0.1 s doubled, eight times: 22.7 s, of which jitter takes up to half.
    let waited = begun.elapsed().as_secs_f64();
    assert!((11.0..23.0).contains(&waited), "{waited}");
}

#[tokio::test(start_paused = true)]
async fn a_destination_that_takes_little_at_a_time_is_not_given_up() {
    let turns = (0..999).map(|_| ScriptedAnswer::Answer(".ttt"));
    let (outbox, mut sink) = (WatchedOutbox::of(400), Scripted::new(turns));
    let options = DrainOptions {
        give_up_after: Duration::from_secs(2),
        ..DrainOptions::default()
    };
    let report = run(&outbox, &mut sink, &options).await.unwrap();
    assert!(report.complete && report.messages == 400);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_sent_again_with_the_same_messages() {
    let (outbox, mut sink) = (WatchedOutbox::of(2), Scripted::new([ScriptedAnswer::Lost]));
    let report = run(&outbox, &mut sink, &DrainOptions::default())
        .await
        .unwrap();
    assert_eq!(sink.arrived, [1, 2, 1, 2]);
    assert_eq!(outbox.commits(), [vec![1, 2]]);
    assert_eq!(report.messages, 2, "counted once");
}

#[tokio::test(start_paused = true)]
async fn a_denial_stops_at_once_and_keeps_the_backlog() {
    let (outbox, mut sink) = (
        WatchedOutbox::of(6),
        Scripted::new([ScriptedAnswer::Answer("..t."), ScriptedAnswer::Denied]),
    );
    let error = run(&outbox, &mut sink, &DrainOptions::default())
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "destination `growth`: no");
    assert_eq!(
        (error.cause.kind(), error.cause.hint()),
        ("denied", Some("ask"))
    );
    assert_eq!((error.report.messages, error.report.complete), (3, false));
    assert_eq!(outbox.left(), [3, 5, 6]);
}

#[tokio::test(start_paused = true)]
async fn a_destination_that_is_away_is_given_up_after_a_while() {
    let turns = (0..99).map(|_| ScriptedAnswer::Answer("ffff"));
    let (outbox, mut sink) = (WatchedOutbox::of(4), Scripted::new(turns));
    let begun = Instant::now();
    let error = run(&outbox, &mut sink, &DrainOptions::default())
        .await
        .unwrap_err();
    assert_eq!(begun.elapsed().as_secs(), crate::GIVE_UP_AFTER.as_secs());
    assert_eq!(error.cause.kind(), "unavailable");
    assert!(
        error.to_string().ends_with("the last error: internal"),
        "{error}"
    );
    assert_eq!(outbox.left(), [1, 2, 3, 4]);
}

#[tokio::test(start_paused = true)]
async fn poison_is_kept_and_reported_after_all_other_messages_were_sent() {
    let (outbox, mut sink) = (
        WatchedOutbox::of(9),
        Scripted::new([ScriptedAnswer::Answer(".p.")]),
    );
    sink.refused = BTreeSet::from([5, 6]);
    let error = run(&outbox, &mut sink, &DrainOptions::default())
        .await
        .unwrap_err();
    let Cause::Poison { messages } = &*error.cause else {
        panic!("{error}");
    };
    let sequences: BTreeSet<_> = messages.iter().map(|message| message.sequence).collect();
    assert_eq!(sequences, BTreeSet::from([2, 5, 6]));
    assert_eq!(outbox.left(), [2, 5, 6]);
    assert_eq!(error.report.messages, 6);
    assert!(
        error
            .to_string()
            .contains("message `run:2` is not taken: malformed"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_cancellation_ends_after_the_call_under_way() {
    let options = DrainOptions::default();
    let (outbox, mut sink) = (
        WatchedOutbox::of(9),
        Scripted::new([ScriptedAnswer::Cancel(options.cancel.clone())]),
    );
    let report = run(&outbox, &mut sink, &options).await.unwrap();
    assert_eq!((report.messages, report.complete), (4, false));
    assert_eq!(outbox.left(), [5, 6, 7, 8, 9]);
    assert_eq!(sink.calls.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_with_the_cancellation_or_the_deadline() {
    let begun = Instant::now();
    let options = DrainOptions {
        deadline: Some(begun + Duration::from_secs(5)),
        ..DrainOptions::default()
    };
    let (outbox, mut sink) = (
        WatchedOutbox::of(1),
        Scripted::new((0..99).map(|_| ScriptedAnswer::Throttled)),
    );
    let report = run(&outbox, &mut sink, &options).await.unwrap();
    assert_eq!((report.complete, begun.elapsed().as_secs()), (false, 5));

    let begun = Instant::now();
    let options = DrainOptions::default();
    let token = options.cancel.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(3)).await;
        token.cancel();
    });
    let report = run(&outbox, &mut sink, &options).await.unwrap();
    assert_eq!((report.complete, begun.elapsed().as_secs()), (false, 3));
    assert_eq!(outbox.left(), [1]);
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_under_the_store_is_reported() {
    let outbox = Arc::new(WatchedOutbox {
        messages: Mutex::new(WatchedOutbox::of(1).messages.lock().unwrap().clone()),
        broken: true,
        ..WatchedOutbox::default()
    });
    let error = run(&outbox, &mut Scripted::default(), &DrainOptions::default())
        .await
        .unwrap_err();
    assert!(
        (error.to_string()).starts_with("destination `growth`: no space is left for the store"),
        "{error}"
    );
    assert_eq!(error.report.messages, 0, "sent, but not acknowledged");
}

fn turn() -> impl Strategy<Value = ScriptedAnswer> {
    prop_oneof![
        2 => Just(ScriptedAnswer::Throttled),
        2 => Just(ScriptedAnswer::Lost),
        5 => prop::sample::select(vec!["t", "f", ".f.t", "tt", "ffff", "..tf", "f"]).prop_map(ScriptedAnswer::Answer),
    ]
}

proptest! {
    #[test]
    fn each_message_arrives_and_is_acknowledged_once_despite_faults(
        count in 0_u64..30,
        turns in prop::collection::vec(turn(), 0..12),
    ) {
        let lost = turns.iter().filter(|turn| matches!(turn, ScriptedAnswer::Lost)).count();
        let (outbox, mut sink) = (WatchedOutbox::of(count), Scripted::new(turns));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let options = DrainOptions { give_up_after: Duration::MAX, ..DrainOptions::default() };
        let report = runtime.block_on(run(&outbox, &mut sink, &options)).unwrap();
        prop_assert!(report.complete);
        prop_assert_eq!(report.messages, count);
        prop_assert_eq!(outbox.left(), Vec::<u64>::new());
        let distinct: BTreeSet<_> = sink.arrived.iter().copied().collect();
        prop_assert_eq!(distinct.len() as u64, count);
        // Only lost answers make a message arrive more than once.
        prop_assert!(sink.arrived.len() <= count as usize + lost * 4);
        for call in &sink.calls {
            prop_assert!(call.len() <= 4 && call.is_sorted());
        }
    }
}

#[test]
fn waits_double_up_to_the_longest() {
    let millis = |failures| BACKOFF.spread(failures, 1.0).as_millis();
    assert_eq!([0, 1, 2, 3].map(millis), [100, 100, 200, 400]);
    assert_eq!(
        [7, 8, 40, u32::MAX].map(millis),
        [6_400, 10_000, 10_000, 10_000]
    );
    assert_eq!(BACKOFF.spread(3, 0.0).as_millis(), 200);
    assert_eq!(BACKOFF.spread(3, 0.5).as_millis(), 300);
}
