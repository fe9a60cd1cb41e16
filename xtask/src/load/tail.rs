//! Reads the destination's file while it grows.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::sender::Probes;

/// The interval of reads, which is the precision of the measured times.
const INTERVAL: Duration = Duration::from_millis(2);

/// Reads until `end` is set, and notes the probes that have arrived.
pub(super) fn follow(path: &Path, probes: &Probes, end: &AtomicBool) -> anyhow::Result<()> {
    let mut reader = loop {
        match File::open(path) {
            Ok(file) => break BufReader::new(file),
            Err(_) if end.load(Ordering::Relaxed) => return Ok(()),
            Err(_) => std::thread::sleep(INTERVAL),
        }
    };
    let mut line = String::new();
    while !end.load(Ordering::Relaxed) {
        // A line may be incomplete: the rest comes with the next read.
        if reader.read_line(&mut line)? == 0 || !line.ends_with('\n') {
            std::thread::sleep(INTERVAL);
            continue;
        }
        if line.contains(r#""cohort_id":"probe""#) {
            for user in line.split(r#""user_id":""#).skip(1) {
                probes.came_back(user.split('"').next().unwrap_or_default());
            }
        }
        line.clear();
    }
    Ok(())
}
