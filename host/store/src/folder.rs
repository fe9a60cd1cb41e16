//! The store's folder is its owner's: other users of the machine have no business in it.

use std::fs::{DirBuilder, Permissions, set_permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

use crate::StoreError;

/// The rights of a folder that is made: the owner's alone.
const FOLDER: u32 = 0o700;
/// The rights of a file that is made.
pub(crate) const FILE: u32 = 0o600;
/// The rights that others may not have. Those of the group stay as they are: whoever runs the
/// service may have given them.
const OTHERS: u32 = 0o007;
/// The files of a store. LMDB makes its own with the owner's rights alone.
const FILES: [&str; 3] = ["data.mdb", "lock.mdb", "owner.lock"];

/// Makes the folder, if it is missing. Folders above it that are missing get the rights that
/// folders usually have.
pub(crate) fn make(directory: &Path) -> Result<(), StoreError> {
    let above = directory.parent().map_or(Ok(()), std::fs::create_dir_all);
    let made = above.and_then(
        |()| match DirBuilder::new().mode(FOLDER).create(directory) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists && directory.is_dir() => Ok(()),
            made => made,
        },
    );
    made.map_err(|source| failed("make the directory", directory, source))
}

/// Takes the rights of others away from a store that is there: an earlier version, or a copy, may
/// have left them.
pub(crate) fn close_to_others(directory: &Path) -> Result<(), StoreError> {
    close(directory)?;
    for file in FILES {
        close(&directory.join(file))?;
    }
    Ok(())
}

fn close(path: &Path) -> Result<(), StoreError> {
    let closed = std::fs::metadata(path).and_then(|metadata| {
        let mode = metadata.permissions().mode() & 0o7777;
        if mode & OTHERS == 0 {
            return Ok(());
        }
        set_permissions(path, Permissions::from_mode(mode & !OTHERS))
    });
    match closed {
        // It is another user's, who has let this one in: the rights are theirs to give.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(()),
        closed => closed.map_err(|source| failed("close to other users", path, source)),
    }
}

fn failed(action: &'static str, path: &Path, source: io::Error) -> StoreError {
    StoreError::Io {
        action,
        path: path.to_owned(),
        source,
    }
}
