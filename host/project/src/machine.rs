//! The memory of the machine.

use std::path::Path;

use muster_sandbox::limits;

/// The divisor of the memory that one large user may take: a quarter for the module's instance.
/// Building the user's columns takes as much again.
const PART: u64 = 4;

/// Returns the memory of an instance for one large user, in bytes.
///
/// On a machine with little memory it is less than [`limits::MAX_LARGE_MEMORY_BYTES`], because the
/// senders of events decide how large users are.
pub fn large_memory() -> usize {
    part_of(memory(Path::new("/")))
}

fn part_of(memory: Option<u64>) -> usize {
    let most = limits::MAX_LARGE_MEMORY_BYTES;
    let part = memory.map_or(most, |memory| {
        usize::try_from(memory / PART).unwrap_or(most)
    });
    part.clamp(limits::MAX_MEMORY_BYTES, most)
}

/// Returns the memory that this process may use, in bytes: that of the machine, or the limit of its
/// control group if that is smaller.
fn memory(root: &Path) -> Option<u64> {
    let read = |path: &str| std::fs::read_to_string(root.join(path)).ok();
    let machine = read("proc/meminfo").and_then(|text| {
        let total = text
            .lines()
            .find_map(|line| line.strip_prefix("MemTotal:"))?;
        let kib: u64 = total.trim().strip_suffix(" kB")?.parse().ok()?;
        Some(kib * 1024)
    });
    let group = read("proc/self/cgroup").and_then(|text| {
        let path = text.lines().find_map(|line| line.strip_prefix("0::/"))?;
        read(&format!("sys/fs/cgroup/{path}/memory.max"))
    });
    // If the group's own file cannot be read, the first file holds the container's limit. The
    // second file is that of control groups version 1.
    let group = group
        .or_else(|| read("sys/fs/cgroup/memory.max"))
        .or_else(|| read("sys/fs/cgroup/memory/memory.limit_in_bytes"));
    let group = group.and_then(|text| text.trim().parse().ok());
    machine.into_iter().chain(group).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    #[test]
    fn the_smaller_of_machine_and_control_group_counts() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = directory.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let found = || memory(directory.path());
        assert_eq!(found(), None);
        write(
            "proc/meminfo",
            "MemTotal:       8388608 kB\nMemFree: 1 kB\n",
        );
        assert_eq!(found(), Some(8 * GIB));
        write(
            "sys/fs/cgroup/memory/memory.limit_in_bytes",
            "9223372036854771712\n",
        );
        assert_eq!(found(), Some(8 * GIB));
        write("sys/fs/cgroup/memory.max", "max\n");
        assert_eq!(found(), Some(8 * GIB));
        write("sys/fs/cgroup/memory.max", "2147483648\n");
        assert_eq!(found(), Some(2 * GIB));
        write("proc/self/cgroup", "0::/muster.service\n");
        write("sys/fs/cgroup/muster.service/memory.max", "1073741824\n");
        assert_eq!(found(), Some(GIB));
    }

    #[test]
    fn a_large_user_takes_half_of_the_memory_at_most() {
        assert_eq!(part_of(None), limits::MAX_LARGE_MEMORY_BYTES);
        assert_eq!(part_of(Some(64 * GIB)), limits::MAX_LARGE_MEMORY_BYTES);
        assert_eq!(part_of(Some(2 * GIB)), 512 << 20);
        assert_eq!(part_of(Some(GIB / 2)), limits::MAX_MEMORY_BYTES);
    }
}
