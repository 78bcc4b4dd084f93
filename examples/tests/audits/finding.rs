//! How a finding is shown, and shown to be answered.

use std::time::Duration;

use crate::server::PATIENCE;

/// What an audit would write down.
#[derive(Debug)]
pub(crate) struct Finding(String);

pub(crate) type Audited = Result<(), Finding>;

/// How long an unprotected service gets to do what it never does. The protected one has
/// [`PATIENCE`], so that nothing depends on how busy the machine is.
const LONG_ENOUGH: Duration = Duration::from_secs(1);

/// Finds something unless this holds. What has to hold for either service is asserted instead.
pub(crate) fn holds(condition: bool, finding: impl Into<String>) -> Audited {
    if condition { Ok(()) } else { Err(Finding(finding.into())) }
}

/// Whether this comes true in time.
pub(crate) async fn comes_true(patience: Duration, is_so: impl AsyncFn() -> bool) -> bool {
    let comes = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(patience, comes).await.is_ok()
}

/// The audit finds something on the unprotected service, and nothing on the protected one.
pub(crate) async fn finding<T>(unprotected: T, protected: T, audit: impl AsyncFn(T) -> Audited) {
    finding_in_time(unprotected, protected, async |service, _| audit(service).await).await;
}

/// The same for what may never happen: the audit is told how long to wait for it.
pub(crate) async fn finding_in_time<T>(
    unprotected: T,
    protected: T,
    audit: impl AsyncFn(T, Duration) -> Audited,
) {
    let found = audit(unprotected, LONG_ENOUGH).await;
    assert!(
        found.is_err(),
        "an audit that finds nothing on the unprotected service proves nothing"
    );
    if let Err(Finding(finding)) = audit(protected, PATIENCE).await {
        panic!("the protected service: {finding}");
    }
}
