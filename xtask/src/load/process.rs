//! The service as a process, and the resources that it uses.

use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

/// The units of time of `/proc/PID/stat` in a second, on Linux.
const UNITS_PER_SECOND: f64 = 100.0;

/// Bytes of a page in `/proc/PID/statm`.
const PAGE: u64 = 4096;

pub(super) struct ServiceProcess(Child);

/// The resources that a process has used so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Usage {
    /// Seconds of processor time.
    pub(super) cpu: f64,
    /// The resident bytes of the process itself: mapped pages of the store's file belong to the
    /// system's cache.
    pub(super) memory: u64,
}

impl ServiceProcess {
    /// Starts the service, and waits until it listens.
    pub(super) fn start(
        binary: &Path,
        project: &Path,
        address: SocketAddr,
    ) -> anyhow::Result<Self> {
        let mut command = Command::new(binary);
        command
            .arg("run")
            .arg(project)
            .args(["--log-level", "warn"])
            .stdout(Stdio::null());
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot start {}", binary.display()))?;
        let began = Instant::now();
        while TcpStream::connect(address).is_err() {
            if let Some(status) = child.try_wait()? {
                bail!("the service ended: {status}");
            }
            if began.elapsed() > Duration::from_secs(60) {
                bail!("the service does not listen");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(Self(child))
    }

    pub(super) fn usage(&mut self) -> anyhow::Result<Usage> {
        if let Some(status) = self.0.try_wait()? {
            bail!("the service ended: {status}");
        }
        let proc = |file: &str| std::fs::read_to_string(format!("/proc/{}/{file}", self.0.id()));
        let stat = proc("stat")?;
        // The fields after the name, which may contain anything: user and system time are the 12th
        // and 13th fields.
        let fields: Vec<&str> = stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .split_whitespace()
            .collect();
        let units = |place: usize| {
            fields
                .get(place)
                .and_then(|units| units.parse::<f64>().ok())
        };
        let cpu = units(11)
            .zip(units(12))
            .map(|(user, system)| (user + system) / UNITS_PER_SECOND);
        let statm = proc("statm")?;
        let pages: Vec<u64> = statm
            .split_whitespace()
            .filter_map(|pages| pages.parse().ok())
            .collect();
        let own = pages
            .get(1)
            .zip(pages.get(2))
            .map(|(all, shared)| all.saturating_sub(*shared) * PAGE);
        Ok(Usage {
            cpu: cpu.context("/proc says no times")?,
            memory: own.context("/proc says no memory")?,
        })
    }

    /// Ends the service in order.
    pub(super) fn stop(mut self) -> anyhow::Result<()> {
        crate::tools::run(Command::new("kill").arg(self.0.id().to_string()))?;
        let status = self.0.wait()?;
        if !status.success() {
            bail!("the service ended badly: {status}");
        }
        Ok(())
    }
}

impl Drop for ServiceProcess {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
