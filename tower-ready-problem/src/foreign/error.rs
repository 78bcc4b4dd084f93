use std::{error::Error, io};

use http_body_util::LengthLimitError;

use crate::{Problem, types};

/// The problem that an error of a common layer is.
///
/// These say what they are by their type, so there is nothing to hide and nothing to log: an
/// overload must not become a flood of error lines.
pub(crate) fn known_error(error: &(dyn Error + 'static)) -> Option<Problem> {
    if error.is::<LengthLimitError>() {
        return Some(Problem::new(&types::CONTENT_TOO_LARGE));
    }
    if error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == io::ErrorKind::TimedOut)
    {
        return Some(Problem::new(&types::TIMEOUT));
    }
    None.or_else(|| of_tower(error)).or_else(|| of_hyper(error)).or_else(|| of_tonic(error))
}

#[cfg(feature = "tower")]
fn of_tower(error: &(dyn Error + 'static)) -> Option<Problem> {
    use std::time::Duration;

    use tower::{buffer, load_shed, timeout};

    if error.is::<timeout::error::Elapsed>() {
        Some(Problem::new(&types::TIMEOUT))
    } else if error.is::<load_shed::error::Overloaded>() {
        // `UNAVAILABLE` over gRPC, so that clients back off and try another instance.
        Some(Problem::new(&types::OVERLOADED).retry_after(Duration::from_secs(1)))
    } else if error.is::<buffer::error::Closed>() {
        Some(Problem::new(&types::UNAVAILABLE))
    } else {
        None
    }
}

#[cfg(feature = "hyper")]
fn of_hyper(error: &(dyn Error + 'static)) -> Option<Problem> {
    // A request that hyper cannot parse, or that breaks off, never gets as far as a service: a
    // service that fails so has called another, and that one is at fault.
    let error = error.downcast_ref::<hyper::Error>()?;
    error.is_timeout().then(|| Problem::new(&types::TIMEOUT))
}

#[cfg(feature = "tonic")]
fn of_tonic(error: &(dyn Error + 'static)) -> Option<Problem> {
    error.downcast_ref().map(crate::tonic::of_failure)
}

#[cfg(not(feature = "tower"))]
fn of_tower(_: &(dyn Error + 'static)) -> Option<Problem> {
    None
}

#[cfg(not(feature = "hyper"))]
fn of_hyper(_: &(dyn Error + 'static)) -> Option<Problem> {
    None
}

#[cfg(not(feature = "tonic"))]
fn of_tonic(_: &(dyn Error + 'static)) -> Option<Problem> {
    None
}
