//! The permissions of the store's folder. Only its owner may access it.

use std::fs::{DirBuilder, Permissions, set_permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

use crate::StoreError;

/// The permissions of a new folder: access for the owner only.
const FOLDER: u32 = 0o700;
/// The permissions of a new file.
pub(crate) const FILE: u32 = 0o600;
/// The permissions that other users must not have. Those of the group stay as they are: the
/// operator of the service may have granted them.
const OTHERS: u32 = 0o007;
/// The files of a store. LMDB gives its own files the owner's permissions only.
const FILES: [&str; 3] = ["data.mdb", "lock.mdb", "owner.lock"];

/// Creates the folder if it is missing. Missing parent folders get the usual permissions.
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

/// Removes the permissions of other users from an existing store. An earlier version, or a copy,
/// may have left them.
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
        // The file belongs to another user, who has let this one in. Only that user may change its
        // permissions.
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
