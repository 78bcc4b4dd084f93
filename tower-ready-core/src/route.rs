use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use http::Extensions;

/// The name of the route that a request took: a template such as `/orders/{id}`, never a path.
///
/// Whoever labels by route needs a set of names that callers cannot grow.
#[derive(Clone)]
pub struct Route(Text);

#[derive(Clone)]
enum Text {
    Static(&'static str),
    Shared(Arc<str>),
}

/// A place for the route, which an inner layer fills for an outer one.
///
/// Metrics sit outside of the router and learn of the route only after the router has looked. The
/// outer layer leaves a slot in the extensions, keeps a clone, and reads it when the answer comes.
#[derive(Clone, Debug, Default)]
pub struct RouteSlot(Arc<OnceLock<Route>>);

impl Route {
    /// A name known at compile time.
    #[must_use]
    pub const fn from_static(name: &'static str) -> Self {
        Self(Text::Static(name))
    }

    /// The route that a request is known to take: its own, or the one in its slot.
    #[must_use]
    pub fn of(extensions: &Extensions) -> Option<Self> {
        let own = extensions.get::<Self>();
        own.or_else(|| extensions.get::<RouteSlot>().and_then(RouteSlot::get)).cloned()
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Text::Static(name) => name,
            Text::Shared(name) => name,
        }
    }
}

impl RouteSlot {
    /// Fills the slot. The first name stays, since the innermost router names the whole route and
    /// layers are left from the inside.
    pub fn fill(&self, route: Route) {
        // A slot that is full is no error: nested routers each may try.
        let _ = self.0.set(route);
    }

    /// The route, once it is known.
    #[must_use]
    pub fn get(&self) -> Option<&Route> {
        self.0.get()
    }
}

impl From<&str> for Route {
    fn from(name: &str) -> Self {
        Self(Text::Shared(name.into()))
    }
}

impl PartialEq for Route {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Route {}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Route({:?})", self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inner_layer_names_the_route_for_an_outer_one() {
        let slot = RouteSlot::default();
        let mut extensions = Extensions::new();
        extensions.insert(slot.clone());
        assert_eq!(Route::of(&extensions), None);

        extensions.get::<RouteSlot>().unwrap().fill(Route::from("/orders/{id}"));
        extensions.get::<RouteSlot>().unwrap().fill(Route::from_static("/too/late"));
        assert_eq!(slot.get().map(Route::as_str), Some("/orders/{id}"));
        assert_eq!(Route::of(&extensions), slot.get().cloned());
    }

    #[test]
    fn a_route_of_the_requests_own_wins() {
        let mut extensions = Extensions::new();
        extensions.insert(RouteSlot::default());
        extensions.insert(Route::from_static("/own"));
        assert_eq!(Route::of(&extensions), Some(Route::from("/own")));
    }
}
