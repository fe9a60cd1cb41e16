//! Drains into a scripted destination, with every acknowledgement watched.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Mutex;

use muster_store::{RejectedMessage, StoreError};
use proptest::prelude::*;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::batch::CallLimits;

/// An outbox in memory that refuses to acknowledge a message twice, and records each commit.
#[derive(Default)]
struct WatchedOutbox {
    messages: Mutex<Vec<Outgoing>>,
    commits: Mutex<Vec<Vec<u64>>>,
    dead: Mutex<Vec<RejectedMessage>>,
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

    fn dead(&self) -> BTreeSet<u64> {
        let dead = self.dead.lock().unwrap();
        dead.iter().map(|message| message.sequence).collect()
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

    fn ids(&self, _: &str, after: u64, limit: usize) -> Result<Vec<(u64, String)>, StoreError> {
        let messages = self.messages.lock().unwrap();
        let later = messages.iter().filter(|message| message.sequence > after);
        let ids = later.map(|message| (message.sequence, message.id.clone()));
        Ok(ids.take(limit).collect())
    }

    fn settle(
        &self,
        _: &str,
        sent: &[u64],
        rejected: &[RejectedMessage],
    ) -> Result<(), StoreError> {
        if self.broken {
            return Err(StoreError::DiskFull);
        }
        assert!(!sent.is_empty() || !rejected.is_empty(), "an empty commit");
        let mut messages = self.messages.lock().unwrap();
        let dead = rejected.iter().map(|message| message.sequence);
        for sequence in sent.iter().copied().chain(dead) {
            let place = messages
                .iter()
                .position(|message| message.sequence == sequence);
            messages.remove(place.expect("acknowledged twice"));
        }
        if !sent.is_empty() {
            self.commits.lock().unwrap().push(sent.to_vec());
        }
        self.dead.lock().unwrap().extend_from_slice(rejected);
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
    turns: Mutex<VecDeque<ScriptedAnswer>>,
    calls: Mutex<Vec<Vec<u64>>>,
    arrived: Mutex<Vec<u64>>,
    /// Messages that are too large, as the drain can see.
    refused: BTreeSet<u64>,
    /// Messages because of which a call is refused as a whole.
    invalid: BTreeSet<u64>,
    limits: Option<CallLimits>,
    takes_turns: bool,
    /// The time of a call.
    latency: Duration,
}

impl Scripted {
    fn new(turns: impl IntoIterator<Item = ScriptedAnswer>) -> Self {
        Self {
            turns: Mutex::new(turns.into_iter().collect()),
            ..Self::default()
        }
    }

    fn calls(&self) -> Vec<Vec<u64>> {
        self.calls.lock().unwrap().clone()
    }

    fn arrived(&self) -> Vec<u64> {
        self.arrived.lock().unwrap().clone()
    }
}

impl Sink for Scripted {
    fn limits(&self) -> CallLimits {
        self.limits.unwrap_or(CallLimits {
            messages: 4,
            bytes: 1_000,
            overhead: 2,
            calls: 1,
        })
    }

    fn takes_turns(&self) -> bool {
        self.takes_turns
    }

    fn refuses(&self, message: &Outgoing) -> Option<String> {
        self.refused
            .contains(&message.sequence)
            .then(|| "too large".to_owned())
    }

    async fn send(&self, messages: &[Outgoing]) -> Result<CallAnswer, CallFailure> {
        let sequences: Vec<_> = messages.iter().map(|message| message.sequence).collect();
        self.calls.lock().unwrap().push(sequences.clone());
        let turn = self.turns.lock().unwrap().pop_front();
        tokio::time::sleep(self.latency).await;
        if sequences
            .iter()
            .any(|sequence| self.invalid.contains(sequence))
        {
            return Err(CallFailure::Refused("malformed".to_owned()));
        }
        let letters = match turn {
            None => "",
            Some(ScriptedAnswer::Answer(letters)) => letters,
            Some(ScriptedAnswer::Lost) => {
                self.arrived.lock().unwrap().extend(sequences);
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
                    self.arrived.lock().unwrap().push(sequence);
                    Verdict::Sent
                }
            });
        }
        Ok(CallAnswer::of(verdicts))
    }
}

fn scripted(turns: impl IntoIterator<Item = ScriptedAnswer>) -> Arc<Scripted> {
    Arc::new(Scripted::new(turns))
}

async fn run(
    outbox: &Arc<WatchedOutbox>,
    sink: &Arc<Scripted>,
    options: &DrainOptions,
) -> Result<DrainReport, PublishError> {
    let mut experience = Experience::new(SendPace::unlimited());
    drain_with(outbox, "growth", sink, &mut experience, options, &|_| {}).await
}

#[tokio::test(start_paused = true)]
async fn messages_go_in_order_with_a_commit_per_call() {
    let (outbox, sink) = (WatchedOutbox::of(10), Arc::<Scripted>::default());
    let report = run(&outbox, &sink, &DrainOptions::default()).await.unwrap();
    let calls = [vec![1, 2, 3, 4], vec![5, 6, 7, 8], vec![9, 10]];
    assert_eq!(sink.calls(), calls);
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
async fn only_failed_messages_are_sent_again_and_new_ones_do_not_wait_for_them() {
    let (outbox, sink) = (
        WatchedOutbox::of(6),
        scripted([ScriptedAnswer::Answer(".t.f")]),
    );
    let report = run(&outbox, &sink, &DrainOptions::default()).await.unwrap();
    let calls = sink.calls();
    assert_eq!(calls[0], [1, 2, 3, 4]);
    assert!(calls[1].contains(&5), "{calls:?}");
    let sent: Vec<_> = calls.into_iter().flatten().collect();
    let times = |sequence| sent.iter().filter(|other| **other == sequence).count();
    assert_eq!([1, 2, 3, 4, 5, 6].map(times), [1, 2, 1, 2, 1, 1]);
    assert_eq!(
        (report.messages, report.retried, report.throttled),
        (6, 2, 1)
    );
    assert_eq!(report.maybe_duplicates, 1, "not the one that was throttled");
    assert_eq!(sink.arrived().len(), 6, "each arrived once");
}

#[tokio::test(start_paused = true)]
async fn retries_keep_their_order_before_new_messages() {
    let limits = CallLimits {
        messages: 6,
        bytes: 1_000,
        overhead: 2,
        calls: 1,
    };
    // The second call comes after all retries are due.
    let (outbox, mut sink) = (
        WatchedOutbox::of(9),
        Scripted::new([ScriptedAnswer::Answer("ttt.tt")]),
    );
    sink.limits = Some(limits);
    sink.latency = Duration::from_secs(2);
    let sink = Arc::new(sink);
    run(&outbox, &sink, &DrainOptions::default()).await.unwrap();
    let calls = sink.calls();
    let of_retries = |call: &Vec<u64>| {
        let retries: Vec<_> = call
            .iter()
            .copied()
            .filter(|sequence| *sequence < 7)
            .collect();
        (retries.is_sorted(), call.is_sorted())
    };
    assert!(
        calls[1..]
            .iter()
            .all(|call| of_retries(call) == (true, true)),
        "{calls:?}"
    );
}

/// Returns the time in which a number of messages are sent, of which one in `fails` fails.
async fn time_with(fails: Option<usize>, calls: usize) -> Duration {
    let letters: &'static str = match fails {
        None => "",
        Some(fails) => {
            let letters = (0..500).map(|place| if place % fails == fails - 1 { 'f' } else { '.' });
            Box::leak(letters.collect::<String>().into_boxed_str())
        }
    };
    let mut sink = Scripted::new(vec![ScriptedAnswer::Answer(letters); 2_000]);
    sink.latency = Duration::from_millis(10);
    sink.limits = Some(CallLimits {
        messages: 500,
        bytes: 1 << 20,
        overhead: 0,
        calls,
    });
    let (outbox, sink) = (WatchedOutbox::of(30_000), Arc::new(sink));
    let begun = Instant::now();
    let report = run(&outbox, &sink, &DrainOptions::default()).await.unwrap();
    assert_eq!(report.messages, 30_000);
    begun.elapsed()
}

#[tokio::test(start_paused = true)]
async fn one_failure_in_a_hundred_costs_less_than_a_tenth_of_the_throughput() {
    let (none, some) = (time_with(None, 1).await, time_with(Some(100), 1).await);
    assert!(
        some.as_secs_f64() < none.as_secs_f64() * 1.1 + 0.5,
        "{none:?} {some:?}"
    );
    let at_once = time_with(None, 8).await;
    assert!(
        at_once.as_secs_f64() < none.as_secs_f64() / 7.0,
        "{none:?} {at_once:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn calls_are_filled_whatever_the_outbox_reads_at_a_time() {
    // The outbox stops one message past the bytes of a call; that message is not sent alone.
    let limits = CallLimits {
        messages: 100,
        bytes: 48,
        overhead: 2,
        calls: 1,
    };
    let (outbox, mut sink) = (WatchedOutbox::of(12), Scripted::default());
    sink.limits = Some(limits);
    let sink = Arc::new(sink);
    run(&outbox, &sink, &DrainOptions::default()).await.unwrap();
    assert_eq!(
        sink.calls(),
        [vec![1, 2, 3, 4], vec![5, 6, 7, 8], vec![9, 10, 11, 12]]
    );
}

#[tokio::test(start_paused = true)]
async fn throttling_slows_and_drops_nothing() {
    let turns = (0..8).map(|_| ScriptedAnswer::Throttled);
    let (outbox, sink) = (WatchedOutbox::of(3), scripted(turns));
    let begun = Instant::now();
    let report = run(&outbox, &sink, &DrainOptions::default()).await.unwrap();
    assert_eq!(
        (report.messages, report.retried, report.throttled),
        (3, 24, 24)
    );
    // 0.1 s doubled, eight times: 22.7 s, of which jitter takes a part.
    let waited = begun.elapsed().as_secs_f64();
    assert!((1.0..23.0).contains(&waited), "{waited}");
}

#[tokio::test(start_paused = true)]
async fn a_destination_that_takes_little_at_a_time_is_not_given_up() {
    let turns = (0..999).map(|_| ScriptedAnswer::Answer(".ttt"));
    let (outbox, sink) = (WatchedOutbox::of(400), scripted(turns));
    let options = DrainOptions {
        give_up_after: Duration::from_secs(2),
        ..DrainOptions::default()
    };
    let report = run(&outbox, &sink, &options).await.unwrap();
    assert!(report.complete && report.messages == 400);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_sent_again_with_the_same_messages() {
    let (outbox, sink) = (WatchedOutbox::of(2), scripted([ScriptedAnswer::Lost]));
    let report = run(&outbox, &sink, &DrainOptions::default()).await.unwrap();
    assert_eq!(sink.arrived(), [1, 2, 1, 2]);
    assert_eq!(outbox.commits(), [vec![1, 2]]);
    assert_eq!(report.messages, 2, "counted once");
}

#[tokio::test(start_paused = true)]
async fn a_denial_stops_at_once_and_keeps_the_backlog() {
    let (outbox, sink) = (
        WatchedOutbox::of(6),
        scripted([ScriptedAnswer::Answer("..t."), ScriptedAnswer::Denied]),
    );
    let error = run(&outbox, &sink, &DrainOptions::default())
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
    let (outbox, sink) = (WatchedOutbox::of(4), scripted(turns));
    let begun = Instant::now();
    let error = run(&outbox, &sink, &DrainOptions::default())
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
async fn refused_messages_become_dead_letters_and_all_others_are_sent() {
    let mut sink = Scripted::new([ScriptedAnswer::Answer(".p.")]);
    sink.refused = BTreeSet::from([5, 6]);
    let (outbox, sink) = (WatchedOutbox::of(9), Arc::new(sink));
    let report = run(&outbox, &sink, &DrainOptions::default()).await.unwrap();
    assert_eq!((report.messages, report.dead), (6, 3));
    assert_eq!(
        (outbox.dead(), outbox.left()),
        (BTreeSet::from([2, 5, 6]), Vec::new())
    );
    let dead = outbox.dead.lock().unwrap().clone();
    let reason = |sequence| {
        let mut dead = dead.iter();
        dead.find(|message| message.sequence == sequence)
            .unwrap()
            .reason
            .clone()
    };
    assert_eq!(
        (reason(2), reason(5)),
        ("malformed".to_owned(), "too large".to_owned())
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_refused_as_a_whole_is_halved_until_the_fault_stands_alone() {
    let sink = Scripted {
        invalid: BTreeSet::from([3, 30, 31]),
        limits: Some(CallLimits {
            messages: 40,
            bytes: 10_000,
            overhead: 0,
            calls: 3,
        }),
        ..Scripted::default()
    };
    let (outbox, sink) = (WatchedOutbox::of(100), Arc::new(sink));
    let report = run(&outbox, &sink, &DrainOptions::default()).await.unwrap();
    assert_eq!((report.messages, report.dead), (97, 3));
    assert_eq!(outbox.dead(), sink.invalid);
    assert!(sink.calls().len() < 40, "{}", sink.calls().len());
    assert_eq!(
        report.maybe_duplicates, 0,
        "nothing of a refused call is stored"
    );
}

#[tokio::test(start_paused = true)]
async fn a_destination_that_refuses_everything_loses_nothing() {
    let sink = Scripted {
        invalid: (1..=60).collect(),
        ..Scripted::default()
    };
    let (outbox, sink) = (WatchedOutbox::of(60), Arc::new(sink));
    let error = run(&outbox, &sink, &DrainOptions::default())
        .await
        .unwrap_err();
    assert_eq!(error.cause.kind(), "misconfigured");
    assert!(
        error
            .to_string()
            .contains("malformed (for 11 messages one after the other)"),
        "{error}"
    );
    assert_eq!((outbox.left().len(), outbox.dead().len()), (60, 0));

    // With fewer messages than that, nothing proves that they are at fault either.
    let outbox = WatchedOutbox::of(2);
    let error = run(&outbox, &sink, &DrainOptions::default())
        .await
        .unwrap_err();
    let Cause::Poison { messages } = &*error.cause else {
        panic!("{error}");
    };
    assert_eq!(messages.len(), 2);
    assert_eq!((outbox.left(), outbox.dead().len()), (vec![1, 2], 0));
    // A destination that has taken others before proves it.
    let mut experience = Experience::new(SendPace::unlimited());
    experience.has_delivered = true;
    let options = DrainOptions::default();
    let result = drain_with(&outbox, "growth", &sink, &mut experience, &options, &|_| {}).await;
    assert_eq!((result.unwrap().dead, outbox.left()), (2, Vec::new()));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_hangs_does_not_hold_up_new_messages() {
    struct Hanging;
    impl Sink for Hanging {
        fn limits(&self) -> CallLimits {
            CallLimits {
                messages: 1,
                bytes: 100,
                overhead: 0,
                calls: 2,
            }
        }
        fn refuses(&self, _: &Outgoing) -> Option<String> {
            None
        }
        async fn send(&self, messages: &[Outgoing]) -> Result<CallAnswer, CallFailure> {
            if messages[0].sequence == 1 {
                tokio::time::sleep(Duration::from_secs(20)).await;
            }
            Ok(CallAnswer::of(vec![Verdict::Sent]))
        }
    }
    let outbox = WatchedOutbox::of(2);
    let later = Arc::clone(&outbox);
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(5)).await;
        let mut message = later.messages.lock().unwrap()[0].clone();
        message.sequence = 3;
        later.messages.lock().unwrap().push(message);
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(later.left(), [1], "the one that hangs");
    });
    let mut experience = Experience::new(SendPace::unlimited());
    let options = DrainOptions::default();
    let sink = Arc::new(Hanging);
    let report = drain_with(&outbox, "growth", &sink, &mut experience, &options, &|_| {}).await;
    assert_eq!(report.unwrap().messages, 3);
}

#[tokio::test(start_paused = true)]
async fn a_drain_holds_little_of_a_large_backlog() {
    let mut sink = Scripted::new((0..50).map(|_| ScriptedAnswer::Answer("tttttttttt")));
    sink.limits = Some(CallLimits {
        messages: 10,
        bytes: 1_000,
        overhead: 0,
        calls: 4,
    });
    sink.latency = Duration::from_millis(1);
    let (outbox, sink) = (WatchedOutbox::of(30_000), Arc::new(sink));
    let options = DrainOptions {
        deadline: Some(Instant::now() + Duration::from_secs(3)),
        ..DrainOptions::default()
    };
    // At the least pace two seconds of it are less than two calls, which are the window.
    let mut experience = Experience::new(SendPace::of_a_shard());
    let _ = drain_with(&outbox, "growth", &sink, &mut experience, &options, &|_| {}).await;
    let read: BTreeSet<_> = sink.calls().into_iter().flatten().collect();
    assert!(read.len() < 5_000, "{}", read.len());

    // Without a pace, the window limits it. One message of each call is taken, so that the drain
    // goes on with many calls.
    let letters: &'static str = Box::leak(format!(".{}", "t".repeat(499)).into_boxed_str());
    let mut sink = Scripted::new(vec![ScriptedAnswer::Answer(letters); 400]);
    sink.limits = Some(CallLimits {
        messages: 500,
        bytes: 1_000_000,
        overhead: 0,
        calls: 16,
    });
    sink.latency = Duration::from_millis(1);
    let (outbox, sink) = (WatchedOutbox::of(30_000), Arc::new(sink));
    let options = DrainOptions {
        deadline: Some(Instant::now() + Duration::from_millis(300)),
        ..DrainOptions::default()
    };
    let report = run(&outbox, &sink, &options).await.unwrap();
    let read: BTreeSet<_> = sink.calls().into_iter().flatten().collect();
    let held = read.len() - usize::try_from(report.messages).unwrap();
    assert!(
        (WINDOW_MESSAGES - 500..=WINDOW_MESSAGES + 500).contains(&held),
        "{held}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_cancellation_ends_after_the_call_under_way() {
    let options = DrainOptions::default();
    let (outbox, sink) = (
        WatchedOutbox::of(9),
        scripted([ScriptedAnswer::Cancel(options.cancel.clone())]),
    );
    let report = run(&outbox, &sink, &options).await.unwrap();
    assert_eq!((report.messages, report.complete), (4, false));
    assert_eq!(outbox.left(), [5, 6, 7, 8, 9]);
    assert_eq!(sink.calls().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_with_the_cancellation_or_the_deadline() {
    let begun = Instant::now();
    let options = DrainOptions {
        deadline: Some(begun + Duration::from_secs(5)),
        ..DrainOptions::default()
    };
    let (outbox, sink) = (
        WatchedOutbox::of(1),
        scripted((0..99).map(|_| ScriptedAnswer::Throttled)),
    );
    let report = run(&outbox, &sink, &options).await.unwrap();
    assert_eq!((report.complete, begun.elapsed().as_secs()), (false, 5));

    let begun = Instant::now();
    let options = DrainOptions::default();
    let token = options.cancel.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(3)).await;
        token.cancel();
    });
    let report = run(&outbox, &sink, &options).await.unwrap();
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
    let error = run(&outbox, &Arc::default(), &DrainOptions::default())
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
        let (outbox, sink) = (WatchedOutbox::of(count), scripted(turns));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let options = DrainOptions { give_up_after: Duration::MAX, ..DrainOptions::default() };
        let report = runtime.block_on(run(&outbox, &sink, &options)).unwrap();
        prop_assert!(report.complete);
        prop_assert_eq!(report.messages, count);
        prop_assert_eq!(outbox.left(), Vec::<u64>::new());
        let distinct: BTreeSet<_> = sink.arrived().iter().copied().collect();
        prop_assert_eq!(distinct.len() as u64, count);
        // Only lost answers make a message arrive more than once.
        prop_assert!(sink.arrived().len() <= count as usize + lost * 4);
        prop_assert!(report.maybe_duplicates <= report.retried);
        for call in &sink.calls() {
            prop_assert!(call.len() <= 4 && call.is_sorted());
        }
    }
}
