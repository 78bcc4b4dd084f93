use std::{sync::Arc, time::SystemTime};

use super::RedisStore;
use crate::{Lookup, ReplayStore, StoreError, digest::to_hex};

impl ReplayStore for RedisStore {
    fn is_first(&self, id: [u8; 32], until: SystemTime) -> Lookup<Result<bool, StoreError>> {
        let it = Arc::clone(&self.0);
        // For how long, and not until when: the server may have another clock than we.
        let kept = until.duration_since(SystemTime::now()).unwrap_or_default();
        let mut command = redis::cmd("SET");
        command.arg(it.key("proof", &to_hex(&id))).arg("1").arg("NX");
        command.arg("PX").arg(u64::try_from(kept.as_millis()).unwrap_or(u64::MAX).max(1));
        Lookup::later(async move {
            // `OK` to whoever set it, and nothing to all others.
            let set: Option<String> = it.ask(command).await?;
            Ok(set.is_some())
        })
    }
}
