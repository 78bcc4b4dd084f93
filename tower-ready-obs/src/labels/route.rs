//! Where the name of a route comes from.

use http::Request;
use tower_ready_core::{Head, Route, RouteSlot};

use super::RouteTable;
use crate::series::names::{Name, Names};

type Choice = Box<dyn Fn(&Head<'_>) -> Option<Route> + Send + Sync>;

/// The sources of names, in the order in which they are asked.
#[derive(Default)]
pub(crate) struct Routes {
    pub(crate) choose: Option<Choice>,
    pub(crate) table: Option<RouteTable>,
}

impl Routes {
    /// The number of the route that a request takes, if that is known already.
    #[inline]
    pub(crate) fn name<Q>(&self, request: &Request<Q>, names: &Names) -> Option<Name> {
        if let Some(choose) = &self.choose
            && let Some(route) = choose(&Head::of(request))
        {
            return Some(names.get_or_insert(route.as_str(), || route.clone()));
        }
        let extensions = request.extensions();
        if !extensions.is_empty() {
            if let Some(route) = extensions.get::<Route>() {
                return Some(of_route(route, names));
            }
            #[cfg(feature = "axum")]
            if let Some(path) = extensions.get::<axum::extract::MatchedPath>() {
                let path = path.as_str();
                return Some(names.get_or_insert(path, || Route::from(path)));
            }
            if let Some(route) = extensions.get::<RouteSlot>().and_then(RouteSlot::get) {
                return Some(of_route(route, names));
            }
        }
        let route = self.table.as_ref()?.find(request.uri().path())?;
        Some(of_route(route, names))
    }
}

/// The number of a route.
#[inline]
pub(crate) fn of_route(route: &Route, names: &Names) -> Name {
    names.get_or_insert(route.as_str(), || route.clone())
}
