//! The socket: a file in the store's folder.

use std::io::ErrorKind;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use tokio::net::{UnixListener, UnixStream};

/// The name of the socket in the store's folder.
pub(super) const SOCKET: &str = "control.sock";

/// The longest path of a socket (Linux: 108 bytes with the terminating zero).
const MAX_SOCKET_PATH: usize = 100;

/// Returns the path of the socket. If the path is too long for a socket, the folder is reached
/// through its descriptor; the caller must keep the returned file open meanwhile.
fn address(store: &Path) -> std::io::Result<(PathBuf, Option<std::fs::File>)> {
    let path = store.join(SOCKET);
    if path.as_os_str().len() <= MAX_SOCKET_PATH {
        return Ok((path, None));
    }
    let folder = std::fs::File::open(store)?;
    let path = Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string());
    Ok((path.join(SOCKET), Some(folder)))
}

/// Connects to the service that runs on a store; `None`: no service runs.
///
/// # Errors
/// If it cannot be determined whether one runs.
pub(super) async fn connect(store: &Path) -> std::io::Result<Option<UnixStream>> {
    let connected = match address(store) {
        Ok((path, _folder)) => UnixStream::connect(path).await,
        Err(error) => Err(error),
    };
    match connected {
        Ok(stream) => Ok(Some(stream)),
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::ConnectionRefused
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Takes the socket. A previous owner has ended, because the store has one owner at a time.
///
/// # Errors
/// If the socket cannot be made.
pub(crate) fn bind(store: &Path) -> anyhow::Result<UnixListener> {
    let listen = || {
        let (path, _folder) = address(store)?;
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&path)?;
        // A user who may not write to the store may not send requests either.
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        Ok(listener)
    };
    let socket = store.join(SOCKET);
    listen().with_context(|| format!("cannot listen on {}", socket.display()))
}
