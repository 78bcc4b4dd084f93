use tower_service::Service;

/// Calls a service, and has its future written where it is to lie.
///
/// A future holds those of all services inside, and a layer that calls its inner service in one of
/// several branches, or has something to drop should that panic, would move all of it once more. So
/// this is never inlined: what a function returns has a place.
#[inline(never)]
pub fn called<S: Service<Q>, Q>(service: &mut S, request: Q) -> S::Future {
    service.call(request)
}
