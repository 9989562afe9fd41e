//! The lock that keeps a data directory to one writing process.

use std::fs::{File, TryLockError};
use std::path::Path;

use super::StoreError;

/// The lock on a data directory. Closing its file would do, but not while a child process that is
/// just being started still has a copy of it.
pub(super) struct DirectoryLock(File);

impl Drop for DirectoryLock {
    fn drop(&mut self) {
        if let Err(error) = self.0.unlock() {
            tracing::warn!(%error, "the lock on the data directory could not be given back");
        }
    }
}

/// Takes the lock.
pub(super) fn lock_directory(directory: &Path) -> Result<DirectoryLock, StoreError> {
    let folder_error = |source| StoreError::Folder {
        path: directory.to_owned(),
        source,
    };
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(directory.join("lock"))
        .map_err(folder_error)?;
    match file.try_lock() {
        Ok(()) => Ok(DirectoryLock(file)),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse(directory.to_owned())),
        Err(TryLockError::Error(source)) => Err(folder_error(source)),
    }
}
