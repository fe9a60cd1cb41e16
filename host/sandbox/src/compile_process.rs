//! Compilation of hand-written rules in a process of its own, which is stopped at its limits.
//!
//! The parent writes [`Header`] and then the rule to the process's standard input. The process
//! writes the artefact to its standard output, in the format of a cache file. On failure it writes
//! the reason to its standard error, and exits with a status other than 0.

use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, Signal, setrlimit};

use crate::cache::{CacheKey, OwnArtefact, seal};
use crate::ceilings::Ceilings;
use crate::engine::{self, Allocation};
use crate::error::LoadError;
use crate::options::{CompileProcess, Origin};
use crate::validate::ValidatedModule;
use crate::{limits, text};

/// The interval at which the parent checks if the process has ended.
const POLL: Duration = Duration::from_millis(10);

/// The most bytes of its standard error that are read.
const MAX_ERROR_OUTPUT: u64 = 64 << 10;

/// The decrease of its priority, so that a service beside it is not slowed down.
const NICE: i32 = 10;

/// The data that the process reads before the rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) allocation: Allocation,
    pub(crate) metered: bool,
    /// Processor time, in seconds.
    pub(crate) seconds: u64,
    /// Address space, in bytes.
    pub(crate) memory: u64,
    /// The ceiling of the rule's size, in bytes.
    pub(crate) size: u64,
    /// The ceiling of nested components.
    pub(crate) nested_components: u64,
}

impl Header {
    const BYTES: usize = 34;

    fn encode(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let flags = [self.allocation == Allocation::OnDemand, self.metered];
        let numbers = [self.seconds, self.memory, self.size, self.nested_components];
        let fields = (flags.iter().map(|flag| u8::from(*flag)))
            .chain(numbers.iter().flat_map(|number| number.to_le_bytes()));
        for (byte, field) in bytes.iter_mut().zip(fields) {
            *byte = field;
        }
        bytes
    }

    fn decode(bytes: &[u8; Self::BYTES]) -> Self {
        let [on_demand, metered, rest @ ..] = bytes;
        let mut numbers = rest.chunks_exact(8);
        let mut number = || {
            let bytes = numbers.next().and_then(|bytes| bytes.try_into().ok());
            bytes.map_or(0, u64::from_le_bytes)
        };
        Self {
            allocation: match on_demand {
                0 => Allocation::Pooled,
                _ => Allocation::OnDemand,
            },
            metered: *metered != 0,
            seconds: number(),
            memory: number(),
            size: number(),
            nested_components: number(),
        }
    }

    /// Returns the ceilings that concern the bytes of a rule.
    fn ceilings(&self) -> Ceilings {
        let number = |number| usize::try_from(number).unwrap_or(usize::MAX);
        Ceilings {
            size: number(self.size),
            nested_components: number(self.nested_components),
            ..Ceilings::default()
        }
    }
}

/// The reason why the process did not compile.
#[derive(Debug, thiserror::Error)]
pub enum CompileProcessError {
    /// The process could not read or write.
    #[error("cannot exchange data with the process that started this one")]
    Io(#[from] std::io::Error),
    /// The process could not set its own limits.
    #[error("cannot limit this process: {0}")]
    Limits(rustix::io::Errno),
    /// The rule may not be compiled, or cannot be.
    #[error("{0}")]
    Rule(String),
}

/// Compiles the rule that [`crate::Sandbox::load`] of another process writes to `input`, and writes
/// its artefact to `output`. It limits the time and memory of this whole process permanently, so a
/// process that calls it should do nothing else.
///
/// # Errors
/// When there is no such rule, or it cannot be compiled. The process ends at its limits.
pub fn compile_process(
    input: &mut dyn Read,
    output: &mut dyn Write,
) -> Result<(), CompileProcessError> {
    let mut header = [0; Header::BYTES];
    input.read_exact(&mut header)?;
    let header = Header::decode(&header);
    limit(&header).map_err(CompileProcessError::Limits)?;
    let mut bytes = Vec::new();
    let most = header.size.saturating_add(1);
    input.take(most).read_to_end(&mut bytes)?;
    let failed = |error: &dyn std::fmt::Display| {
        CompileProcessError::Rule(text::short(&format!("{error:#}"), 600))
    };
    let valid = ValidatedModule::new(&bytes, Origin::HandWritten, &header.ceilings())
        .map_err(|error| failed(&error))?;
    let engine =
        engine::compiler(header.allocation, header.metered).map_err(|error| failed(&error))?;
    let artefact = engine
        .precompile_component(valid.bytes())
        .map_err(|error| failed(&error))?;
    output.write_all(&seal(CacheKey::new(&valid.digest(), &engine), &artefact))?;
    output.write_all(&artefact)?;
    output.flush()?;
    Ok(())
}

fn limit(header: &Header) -> Result<(), rustix::io::Errno> {
    let within = |number, maximum| Rlimit {
        current: Some(number),
        maximum: Some(maximum),
    };
    let most = |number| within(number, number);
    // No core dump is needed of this process.
    setrlimit(Resource::Core, most(0))?;
    // The first limit sends a signal of its own, which gives the parent the reason.
    setrlimit(Resource::Cpu, within(header.seconds, header.seconds + 1))?;
    setrlimit(Resource::As, most(header.memory))?;
    // Without its parent the artefact is useless. A failure here does no harm: the limits hold in
    // any case.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
    let _ = rustix::process::nice(NICE);
    // Linux: if memory is short, the kernel kills this process rather than the one that waits for
    // it.
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
    Ok(())
}

/// Compiles a rule in a process of its own.
pub(crate) fn run(
    process: &CompileProcess,
    ceilings: &Ceilings,
    allocation: Allocation,
    metered: bool,
    module: &[u8],
    key: CacheKey,
) -> Result<OwnArtefact, LoadError> {
    let factor = ceilings.compile_factor();
    let process = &CompileProcess {
        time: process.time * factor,
        memory: process.memory.saturating_mul(factor.into()),
        ..process.clone()
    };
    let most = limits::MAX_ARTEFACT_BYTES * u64::from(factor);
    let header = Header {
        allocation,
        metered,
        seconds: process.time.as_secs().max(1),
        memory: process.memory,
        size: ceilings.size as u64,
        nested_components: ceilings.nested_components as u64,
    };
    let failed = |error: std::io::Error| {
        let program = process.program.display();
        LoadError::Compile(format!("cannot start `{program}` to compile it: {error}"))
    };
    let mut child = Command::new(&process.program)
        .args(&process.arguments)
        // The process needs nothing of this process's environment.
        .env_clear()
        .env("RAYON_NUM_THREADS", limits::COMPILE_THREADS.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (ended, artefact, error_output) = std::thread::scope(|scope| {
        scope.spawn(move || {
            if let Some(mut stdin) = stdin {
                // A process that has ended reports the reason elsewhere.
                let _ = stdin
                    .write_all(&header.encode())
                    .and_then(|()| stdin.write_all(module));
            }
        });
        let artefact = scope.spawn(move || read(stdout, most));
        let error_output = scope.spawn(move || read(stderr, MAX_ERROR_OUTPUT));
        let ended = wait(&mut child, process.time * limits::COMPILE_WALL_FACTOR);
        (
            ended,
            artefact.join().unwrap_or_default(),
            error_output.join().unwrap_or_default(),
        )
    });
    match ended.map_err(failed)? {
        Some(status) if status.success() => {}
        status => return Err(stopped(process, status, &error_output)),
    }
    OwnArtefact::from_process(key, artefact).ok_or_else(|| {
        LoadError::Compile(format!(
            "`{}` returned no machine code, or more than {most} bytes",
            process.program.display()
        ))
    })
}

/// Reads at most `most` bytes, and ignores the rest.
fn read(from: Option<impl Read>, most: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        // The checksum detects an incomplete output.
        let _ = from.take(most).read_to_end(&mut bytes);
    }
    bytes
}

/// Waits for the end of a process. Kills it when its time is over, and returns `None`.
fn wait(child: &mut Child, time: Duration) -> std::io::Result<Option<ExitStatus>> {
    let until = Instant::now() + time;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= until {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(POLL);
    }
}

/// Returns the reason why there is no artefact.
fn stopped(process: &CompileProcess, status: Option<ExitStatus>, error_output: &[u8]) -> LoadError {
    let error_output = String::from_utf8_lossy(error_output);
    let error_output = error_output.trim();
    let error_output = error_output.strip_prefix("error: ").unwrap_or(error_output);
    let signal = status.and_then(|status| status.signal());
    let is = |of: Signal| signal == Some(of.as_raw());
    let seconds = process.time.as_secs().max(1);
    if is(Signal::XCPU) {
        return LoadError::CompileLimit {
            limit: format!("{seconds} s of processor time"),
        };
    }
    if status.is_none() {
        let seconds = seconds * u64::from(limits::COMPILE_WALL_FACTOR);
        return LoadError::CompileLimit {
            limit: format!("{seconds} s"),
        };
    }
    if is(Signal::KILL) {
        return LoadError::Compile(
            "the process that compiled it was killed; perhaps the machine has too little memory"
                .to_owned(),
        );
    }
    // The allocator of Rust ends the process with this text.
    if error_output.contains("memory allocation of")
        || error_output.contains("Cannot allocate memory")
    {
        let bytes = process.memory;
        return LoadError::CompileLimit {
            limit: format!("{bytes} bytes of memory"),
        };
    }
    let what = match signal {
        Some(signal) => format!("signal {signal}: {error_output}"),
        None => error_output.to_owned(),
    };
    LoadError::Compile(text::short(&what, 600))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_as_it_was_written() {
        for allocation in [Allocation::Pooled, Allocation::OnDemand] {
            for metered in [false, true] {
                let header = Header {
                    allocation,
                    metered,
                    seconds: 90,
                    memory: u64::MAX,
                    size: 32 << 20,
                    nested_components: 6,
                };
                assert_eq!(Header::decode(&header.encode()), header);
            }
        }
    }
}
