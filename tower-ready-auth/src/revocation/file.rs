use std::{collections::HashSet, fmt, path::Path, sync::Arc};

use arc_swap::ArcSwap;

use super::Revocation;
use crate::{ConfigError, Lookup, Principal, StoreError, watch::Watch};

/// Revoked credentials in a file, one a line: the `jti` or `sub` of a token, the id of the key that
/// signed it, or the id of an API key. It is noticed within ten seconds when it changes; one that
/// is gone changes nothing. Empty lines, and those that begin with `#`, say nothing.
///
/// Write another file and rename it: one that is half written revokes half of what it should.
#[derive(Clone)]
pub struct RevocationFile {
    lines: Arc<ArcSwap<HashSet<Box<str>>>>,
    watch: Watch,
}

impl RevocationFile {
    /// The values in this file.
    ///
    /// # Errors
    ///
    /// When it cannot be read now.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let lines = Arc::new(ArcSwap::from_pointee(HashSet::new()));
        let kept = Arc::clone(&lines);
        let watch = Watch::start(path.as_ref(), move |content| {
            let text = String::from_utf8_lossy(content);
            let lines = text.lines().map(str::trim);
            let values = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
            kept.store(Arc::new(values.map(Box::from).collect()));
            Ok(())
        })?;
        Ok(Self { lines, watch })
    }

    /// Looks at the file now, instead of at the next of its turns.
    ///
    /// # Errors
    ///
    /// What is wrong with the file; what was revoked stays so.
    pub fn reread(&self) -> Result<(), ConfigError> {
        self.watch.check()
    }
}

impl Revocation for RevocationFile {
    fn is_revoked(&self, principal: &Principal) -> Lookup<Result<bool, StoreError>> {
        let lines = self.lines.load();
        let inner = principal.inner();
        let values =
            [inner.credential_id.as_deref(), inner.key_id.as_deref(), Some(principal.subject())];
        let revoked = !lines.is_empty() && values.iter().flatten().any(|it| lines.contains(*it));
        Lookup::Ready(Ok(revoked))
    }
}

impl fmt::Debug for RevocationFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RevocationFile")
            .field("file", &self.watch)
            .field("values", &self.lines.load().len())
            .finish()
    }
}
