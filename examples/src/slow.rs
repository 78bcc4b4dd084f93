//! Work that takes its time, and says in the log how it ended.

use std::time::Duration;

/// Works for so long. When the caller leaves or a deadline strikes, the work is dropped.
pub(crate) async fn work(ms: u32, request_id: &str) {
    let mut end = End { request_id, finished: false };
    tokio::time::sleep(Duration::from_millis(ms.into())).await;
    end.finished = true;
}

struct End<'a> {
    request_id: &'a str,
    finished: bool,
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        let request_id = self.request_id;
        if self.finished {
            tracing::info!(request_id, "slow finished");
        } else {
            tracing::info!(request_id, "slow abandoned");
        }
    }
}
