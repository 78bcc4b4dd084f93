use std::{
    borrow::Cow,
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::AcqRel, Ordering::Release},
    },
};

use crate::health::{Check, check::BoxError};

impl Check {
    /// That the file system of a path has so many bytes to spare for whoever is not root.
    ///
    /// It looks from a thread for blocking work, and only from one: where a network file system
    /// hangs, the check fails and does not take a thread more each time.
    pub fn disk(
        name: impl Into<Cow<'static, str>>,
        path: impl Into<PathBuf>,
        min_free_bytes: u64,
    ) -> Self {
        let path: Arc<PathBuf> = Arc::new(path.into());
        let is_busy = Arc::new(AtomicBool::new(false));
        Self::new(name, move || {
            let (path, is_busy) = (Arc::clone(&path), Arc::clone(&is_busy));
            async move {
                if is_busy.swap(true, AcqRel) {
                    return Err("the file system still hangs".into());
                }
                let looked = tokio::task::spawn_blocking(move || {
                    let free = free_bytes(&path);
                    is_busy.store(false, Release);
                    free
                });
                enough(looked.await??, min_free_bytes)
            }
        })
    }
}

fn free_bytes(path: &PathBuf) -> io::Result<u64> {
    let stat = rustix::fs::statvfs(path)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

fn enough(free: u64, min: u64) -> Result<(), BoxError> {
    if free < min {
        return Err(format!("{free} bytes free of {min}").into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_disk_of_this_folder_has_space_and_not_all_of_it() {
        let free = free_bytes(&PathBuf::from(".")).unwrap();
        assert!(enough(free, 1).is_ok());
        assert!(enough(free, u64::MAX).is_err());
        assert!(free_bytes(&PathBuf::from("/no/such/folder")).is_err());
    }
}
