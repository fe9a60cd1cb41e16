//! Sends events over HTTP at a steady rate, with probes among them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use muster_model::Millis;
use parking_lot::Mutex;

use super::{BATCH, KEY, PROBES, SENDERS};

/// The probes that were acknowledged and those that have come back, with their instants.
#[derive(Default)]
pub(super) struct Probes {
    acknowledged: Mutex<BTreeMap<String, Instant>>,
    back: Mutex<BTreeMap<String, Instant>>,
}

impl Probes {
    /// Notes that a probe's record has arrived.
    pub(super) fn came_back(&self, user: &str) {
        let mut back = self.back.lock();
        back.entry(user.to_owned()).or_insert_with(Instant::now);
    }

    pub(super) fn back(&self) -> usize {
        self.back.lock().len()
    }

    pub(super) fn missing(&self) -> usize {
        let acknowledged = self.acknowledged.lock().len();
        acknowledged.saturating_sub(self.back())
    }

    /// Returns the times from the acknowledgement of a probe to its record.
    pub(super) fn times(&self) -> Vec<Duration> {
        let back = self.back.lock();
        let acknowledged = self.acknowledged.lock();
        let time = |(user, at): (&String, &Instant)| {
            back.get(user)
                .map(|back| back.saturating_duration_since(*at))
        };
        acknowledged.iter().filter_map(time).collect()
    }
}

/// A connection and the events that it sends.
pub(super) struct Sender {
    pub(super) address: SocketAddr,
    pub(super) number: u64,
    /// The events a second.
    pub(super) rate: f64,
    pub(super) users: u64,
    pub(super) began: Instant,
    pub(super) length: Duration,
    pub(super) probes: Arc<Probes>,
    pub(super) sent: Arc<AtomicU64>,
    pub(super) refused: Arc<AtomicU64>,
}

impl Sender {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let mut stream = self.connect()?;
        let (mut count, mut probes) = (0, 0);
        while self.began.elapsed() < self.length {
            let due = Duration::from_secs_f64((count + BATCH) as f64 / self.rate);
            std::thread::sleep(due.saturating_sub(self.began.elapsed()));
            let mut body = format!(r#"{{"api_key":"{KEY}","events":["#);
            let now = Millis::now();
            for nth in count..count + BATCH {
                self.event(&mut body, nth, now)?;
            }
            let wanted = self.began.elapsed().as_secs_f64() * PROBES as f64 / SENDERS as f64;
            let mut probing = Vec::new();
            while (probes as f64) < wanted {
                let user = format!("probe-{}-{probes}", self.number);
                write!(
                    body,
                    r#"{{"user_id":"{user}","event_type":"Probe","time":{},"insert_id":"{user}"}},"#,
                    now.0
                )?;
                probing.push(user);
                probes += 1;
            }
            body.pop();
            body.push_str("]}");
            // Like the SDKs, the sender sends a refused request again.
            while !self.post(&mut stream, &body)? {
                self.refused.fetch_add(1, Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(200));
            }
            let at = Instant::now();
            let mut acknowledged = self.probes.acknowledged.lock();
            acknowledged.extend(probing.into_iter().map(|user| (user, at)));
            drop(acknowledged);
            self.sent.fetch_add(BATCH, Ordering::Relaxed);
            count += BATCH;
        }
        Ok(())
    }

    /// Writes one event. Users differ much in activity, and a twentieth of the events are
    /// purchases.
    fn event(&self, body: &mut String, nth: u64, now: Millis) -> std::fmt::Result {
        let random = (nth * SENDERS + self.number + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let share = (random >> 40) as f64 / f64::from(1 << 24);
        let user = (share * share * self.users as f64) as u64;
        let (what, insert) = (random % 100, nth * SENDERS + self.number);
        write!(
            body,
            r#"{{"user_id":"user-{user}","time":{},"insert_id":"e{insert}","event_type":"#,
            now.0
        )?;
        if what < 5 {
            let (amount, item) = (random >> 8 & 127, random >> 16 & 31);
            write!(
                body,
                r#""Purchase","event_properties":{{"amount":{amount},"item":"item-{item}"}},"user_properties":{{"city":"City {}"}}}},"#,
                user % 20
            )
        } else {
            write!(
                body,
                r#""Event {}","event_properties":{{"page":"/p/{}","ms":{}}}}},"#,
                what % 5,
                random >> 8 & 255,
                random >> 16 & 1023
            )
        }
    }

    fn connect(&self) -> anyhow::Result<TcpStream> {
        let stream = TcpStream::connect(self.address).context("cannot connect to the service")?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// Returns true if the events were accepted; if not, the sender has to send them again.
    fn post(&self, stream: &mut TcpStream, body: &str) -> anyhow::Result<bool> {
        let head = format!(
            "POST /2/httpapi HTTP/1.1\r\nhost: load\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes())?;
        stream.write_all(body.as_bytes())?;
        let mut answer = Vec::new();
        let mut piece = [0; 4096];
        loop {
            let count = stream.read(&mut piece)?;
            if count == 0 {
                bail!("the service closed a connection");
            }
            answer.extend_from_slice(piece.get(..count).unwrap_or_default());
            let text = String::from_utf8_lossy(&answer);
            let Some((head, rest)) = text.split_once("\r\n\r\n") else {
                continue;
            };
            let length = head.lines().find_map(|line| {
                line.to_ascii_lowercase()
                    .strip_prefix("content-length: ")?
                    .parse()
                    .ok()
            });
            if rest.len() < length.unwrap_or(0) {
                continue;
            }
            return match head.split(' ').nth(1) {
                Some("200") => Ok(true),
                Some("429" | "503") => Ok(false),
                _ => bail!("the service answered {text}"),
            };
        }
    }
}
