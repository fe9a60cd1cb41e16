//! A cache of compiled artefacts on disk, private to our user, so that a module is compiled once a
//! machine and not at each start.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::{Hash, Hasher};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use muster_model::to_hex;
use sha2::{Digest, Sha256};
use wasmtime::Engine;

use crate::error::SandboxError;
use crate::limits;

/// The first bytes of a file. The number is the version of the format: these bytes, a SHA-256 of
/// key and artefact, the artefact.
const MAGIC: &[u8; 8] = b"MUSTERA1";
const HEADER: usize = MAGIC.len() + 32;

const ENDING: &str = "artefact";
const UNFINISHED: &str = "unfinished";

/// The permission bits that let users other than the owner write.
const OTHERS_WRITE: u32 = 0o022;

/// A directory of artefacts.
#[derive(Debug)]
pub(crate) struct Cache {
    directory: PathBuf,
    user: u32,
    written: AtomicU64,
}

/// A key of everything that an artefact depends on: the module's bytes, and all that the engine
/// compiles by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CacheKey([u8; 32]);

/// The bytes of an artefact that Muster wrote as this user, checked. Only [`Cache::load`] and
/// [`Self::from_process`] make one.
#[derive(Debug)]
pub(crate) struct OwnArtefact(Vec<u8>);

impl OwnArtefact {
    /// Takes the output of the process that compiles. Returns `None` if it is not whole, or not the
    /// artefact of this key.
    pub(crate) fn from_process(key: CacheKey, bytes: Vec<u8>) -> Option<Self> {
        let (header, artefact) = bytes.split_at_checked(HEADER)?;
        (header == seal(key, artefact)).then_some(Self(bytes))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.get(HEADER..).unwrap_or_default()
    }
}

impl CacheKey {
    pub(crate) fn new(digest: &[u8; 32], engine: &Engine) -> Self {
        let mut hash = HashAll(Sha256::new_with_prefix(digest));
        engine.precompile_compatibility_hash().hash(&mut hash);
        Self(hash.0.finalize().into())
    }
}

/// A hasher that keeps all bits of a SHA-256, where a usual hasher would keep 64.
struct HashAll(Sha256);

impl Hasher for HashAll {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        // The trait requires this method, but nothing here calls it.
        0
    }
}

impl Cache {
    /// Opens a directory, and creates it with mode 0700 if it does not exist. Clears the unfinished
    /// files of killed processes.
    pub(crate) fn open(directory: &Path) -> Result<Self, SandboxError> {
        let failed = |error| SandboxError::Cache {
            path: directory.to_owned(),
            error,
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .map_err(failed)?;
        // The path is resolved once, so that no link in it can be changed later.
        let resolved = directory.canonicalize().map_err(failed)?;
        let metadata = fs::metadata(&resolved).map_err(failed)?;
        let user = rustix::process::geteuid().as_raw();
        let reason = if metadata.uid() != user {
            let owner = metadata.uid();
            Some(format!(
                "it belongs to user {owner}, and Muster runs as {user}"
            ))
        } else if metadata.mode() & OTHERS_WRITE != 0 {
            let mode = metadata.mode() & 0o7777;
            Some(format!("its mode {mode:04o} lets others write to it"))
        } else {
            None
        };
        if let Some(reason) = reason {
            return Err(SandboxError::CacheNotPrivate {
                path: directory.to_owned(),
                reason,
            });
        }
        let cache = Self {
            directory: resolved,
            user,
            written: AtomicU64::new(0),
        };
        cache.clear_unfinished();
        Ok(cache)
    }

    /// Returns the artefact of a key, if there is a sound one.
    pub(crate) fn load(&self, key: CacheKey) -> Option<OwnArtefact> {
        let mut file = File::open(self.path(key)).ok()?;
        let metadata = file.metadata().ok()?;
        // This checks the open file, so no one can put another in its place after the check.
        let ours = metadata.is_file()
            && metadata.uid() == self.user
            && metadata.mode() & OTHERS_WRITE == 0;
        if !ours || metadata.len() > limits::MAX_CACHE_BYTES {
            return None;
        }
        let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).ok()?);
        file.read_to_end(&mut bytes).ok()?;
        let (header, artefact) = bytes.split_at_checked(HEADER)?;
        if header != seal(key, artefact) {
            return None;
        }
        // The time marks artefacts that are used, so that eviction keeps them. A failure to set it
        // costs one compilation at most.
        let _ = file.set_modified(SystemTime::now());
        Some(OwnArtefact(bytes))
    }

    /// Stores an artefact, wholly or not at all, even if the process is killed. The file is not
    /// synced to disk: the checksum detects what a power failure leaves.
    pub(crate) fn store(&self, key: CacheKey, artefact: &[u8]) -> io::Result<()> {
        self.evict(artefact.len() as u64);
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        let process = std::process::id();
        let unfinished = self
            .directory
            .join(format!("{process}-{number}.{UNFINISHED}"));
        let result = write(&unfinished, &seal(key, artefact), artefact)
            .and_then(|()| fs::rename(&unfinished, self.path(key)));
        if result.is_err() {
            let _ = fs::remove_file(&unfinished);
        }
        result
    }

    fn path(&self, key: CacheKey) -> PathBuf {
        self.directory.join(format!("{}.{ENDING}", to_hex(&key.0)))
    }

    /// Removes artefacts, the longest unused first, until another of `bytes` fits.
    fn evict(&self, bytes: u64) {
        let mut files = self.files(ENDING);
        files.sort_by_key(|(_, metadata)| metadata.modified().ok());
        let mut total = bytes
            + files
                .iter()
                .map(|(_, metadata)| metadata.len())
                .sum::<u64>();
        for (path, metadata) in files {
            if total <= limits::MAX_CACHE_BYTES {
                break;
            }
            // Another process may have removed it meanwhile.
            let _ = fs::remove_file(path);
            total -= metadata.len();
        }
    }

    /// Removes unfinished files of processes that are gone. No process still writes a file that is
    /// an hour old, since writing takes milliseconds.
    fn clear_unfinished(&self) {
        for (path, metadata) in self.files(UNFINISHED) {
            let age = metadata
                .modified()
                .ok()
                .and_then(|time| time.elapsed().ok());
            if age.is_some_and(|age| age.as_secs() > 3_600) {
                let _ = fs::remove_file(path);
            }
        }
    }

    fn files(&self, ending: &str) -> Vec<(PathBuf, fs::Metadata)> {
        let Ok(entries) = fs::read_dir(&self.directory) else {
            return Vec::new();
        };
        entries
            .filter_map(Result::ok)
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|found| found == ending))
            .filter_map(|path| fs::metadata(&path).ok().map(|metadata| (path, metadata)))
            .collect()
    }
}

fn write(path: &Path, seal: &[u8; HEADER], artefact: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(seal)?;
    file.write_all(artefact)
}

/// Returns the header of an artefact's file, which the process that compiles writes too.
pub(crate) fn seal(key: CacheKey, artefact: &[u8]) -> [u8; HEADER] {
    let sum = Sha256::new_with_prefix(key.0)
        .chain_update(artefact)
        .finalize();
    let mut header = [0; HEADER];
    let (magic, rest) = header.split_at_mut(MAGIC.len());
    magic.copy_from_slice(MAGIC);
    rest.copy_from_slice(&sum);
    header
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    const KEY: CacheKey = CacheKey([7; 32]);

    fn cache() -> (tempfile::TempDir, Cache) {
        let directory = tempfile::tempdir().unwrap();
        let cache = Cache::open(&directory.path().join("deep/cache")).unwrap();
        (directory, cache)
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn a_stored_artefact_is_loaded_and_private() {
        let (_directory, cache) = cache();
        assert!(cache.load(KEY).is_none());
        cache.store(KEY, b"machine code").unwrap();
        assert_eq!(cache.load(KEY).unwrap().bytes(), b"machine code");
        assert!(cache.load(CacheKey([8; 32])).is_none());
        assert_eq!(mode(&cache.path(KEY)), 0o600);
        assert_eq!(mode(&cache.directory), 0o700);
    }

    #[test]
    fn no_altered_file_is_loaded() {
        let (_directory, cache) = cache();
        cache.store(KEY, b"machine code").unwrap();
        let path = cache.path(KEY);
        let sound = fs::read(&path).unwrap();
        for at in 0..sound.len() {
            let mut altered = sound.clone();
            altered[at] ^= 1;
            fs::write(&path, altered).unwrap();
            assert!(cache.load(KEY).is_none(), "altered at byte {at}");
            fs::write(&path, &sound[..at]).unwrap();
            assert!(cache.load(KEY).is_none(), "truncated to {at} bytes");
        }
        // The artefact of another module under the name of this one.
        cache.store(CacheKey([8; 32]), b"other code").unwrap();
        fs::rename(cache.path(CacheKey([8; 32])), &path).unwrap();
        assert!(cache.load(KEY).is_none());
    }

    #[test]
    fn no_file_that_others_can_write_to_is_loaded() {
        let (_directory, cache) = cache();
        cache.store(KEY, b"machine code").unwrap();
        fs::set_permissions(cache.path(KEY), fs::Permissions::from_mode(0o620)).unwrap();
        assert!(cache.load(KEY).is_none());
    }

    #[test]
    fn a_directory_that_others_can_write_to_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o770)).unwrap();
        let error = Cache::open(directory.path()).unwrap_err().to_string();
        assert!(
            error.contains("mode 0770") && error.contains("chmod go-w"),
            "{error}"
        );
        let file = directory.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(matches!(
            Cache::open(&file),
            Err(SandboxError::Cache { .. })
        ));
    }

    #[test]
    fn old_artefacts_are_evicted_and_unfinished_files_removed() {
        let (_directory, cache) = cache();
        let old = SystemTime::now() - std::time::Duration::from_secs(7_200);
        let large = limits::MAX_CACHE_BYTES / 2;
        for (number, age) in [(1, 3), (2, 1), (3, 2)] {
            // The file is sparse: it takes no space on the disk.
            let file = File::create(cache.path(CacheKey([number; 32]))).unwrap();
            file.set_len(large).unwrap();
            file.set_modified(old - std::time::Duration::from_secs(age))
                .unwrap();
        }
        let left = cache.directory.join(format!("1-1.{UNFINISHED}"));
        File::create(&left).unwrap().set_modified(old).unwrap();
        cache.store(KEY, b"machine code").unwrap();
        let there = |number: u8| cache.path(CacheKey([number; 32])).exists();
        assert_eq!([1, 2, 3, 7].map(there), [false, true, false, true]);
        Cache::open(&cache.directory).unwrap();
        assert!(!left.exists());
    }
}
