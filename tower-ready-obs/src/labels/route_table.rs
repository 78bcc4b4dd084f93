use tower_ready_core::Route;

/// The routes of a service that has no router which tells: templates, found by path.
///
/// `{name}` stands for one part of a path, `{*name}` for all the rest of it. A part that is
/// written out comes before one that is not.
///
/// ```
/// use tower_ready_obs::RouteTable;
///
/// let routes = RouteTable::new(["/", "/orders", "/orders/{id}", "/files/{*path}"]);
/// assert_eq!(routes.find("/orders/4711").unwrap().as_str(), "/orders/{id}");
/// assert_eq!(routes.find("/files/a/b").unwrap().as_str(), "/files/{*path}");
/// assert!(routes.find("/wp-login.php").is_none());
/// ```
#[derive(Clone, Debug, Default)]
pub struct RouteTable(Node);

#[derive(Clone, Debug, Default)]
struct Node {
    /// In the order of `rank`.
    written: Vec<(Box<str>, Self)>,
    any: Option<Box<Self>>,
    /// The route that takes all the rest.
    rest: Option<Route>,
    /// The route that ends here.
    end: Option<Route>,
}

impl RouteTable {
    /// A table of these templates.
    #[must_use]
    pub fn new<T: AsRef<str>>(templates: impl IntoIterator<Item = T>) -> Self {
        let mut root = Node::default();
        for template in templates {
            let template = template.as_ref();
            root.insert(template.trim_start_matches('/'), Route::from(template));
        }
        Self(root)
    }

    /// The route of a path.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<&Route> {
        // That of `CONNECT` is empty, and `OPTIONS` may ask for `*`.
        self.0.find(Some(path.strip_prefix('/')?))
    }
}

impl Node {
    fn insert(&mut self, template: &str, route: Route) {
        let (part, rest) = split(template);
        let node = match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
            Some(name) if name.starts_with('*') => {
                self.rest = Some(route);
                return;
            }
            Some(_) => &mut **self.any.get_or_insert_default(),
            None => self.written(part),
        };
        match rest {
            Some(rest) => node.insert(rest, route),
            None => node.end = Some(route),
        }
    }

    fn written(&mut self, part: &str) -> &mut Self {
        let at = self.place(part).unwrap_or_else(|place| {
            self.written.insert(place, (part.into(), Self::default()));
            place
        });
        &mut self.written[at].1
    }

    /// Where a part that is written out lies, or else would.
    fn place(&self, part: &str) -> Result<usize, usize> {
        self.written.binary_search_by(|(written, _)| rank(written).cmp(&rank(part)))
    }

    /// No deeper than the longest template, whatever the path.
    fn find(&self, path: Option<&str>) -> Option<&Route> {
        let Some(path) = path else {
            return self.end.as_ref();
        };
        let (part, rest) = split(path);
        let written = self.place(part).ok().and_then(|at| self.written[at].1.find(rest));
        let any = || self.any.as_ref().filter(|_| !part.is_empty())?.find(rest);
        written.or_else(any).or_else(|| self.rest.as_ref().filter(|_| !path.is_empty()))
    }
}

/// By length first, which is quick to see.
const fn rank(part: &str) -> (usize, &[u8]) {
    (part.len(), part.as_bytes())
}

fn split(path: &str) -> (&str, Option<&str>) {
    path.split_once('/').map_or((path, None), |(part, rest)| (part, Some(rest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(templates: &[&str], path: &str) -> Option<String> {
        RouteTable::new(templates).find(path).map(|route| route.as_str().to_owned())
    }

    #[test]
    fn the_written_part_comes_before_any_other() {
        let templates = ["/", "/a/{x}", "/a/b", "/a/{x}/c", "/{*rest}", "/a/b/d"];
        for (path, route) in [
            ("/", "/"),
            ("/a/b", "/a/b"),
            ("/a/z", "/a/{x}"),
            ("/a/b/c", "/a/{x}/c"),
            ("/a/b/d", "/a/b/d"),
            ("/a/b/e", "/{*rest}"),
            ("/a/", "/{*rest}"),
            ("/else", "/{*rest}"),
        ] {
            assert_eq!(find(&templates, path).as_deref(), Some(route), "{path}");
        }
        assert_eq!(find(&["/a/{x}"], "/a/"), None);
        assert_eq!(find(&["/a/{x}"], "/a/b/"), None);
        for none in ["*", "", "a"] {
            assert_eq!(find(&["/", "/{any}", "/{*rest}"], none), None, "{none:?}");
        }
    }

    #[test]
    fn of_many_routes_each_is_found_in_whatever_order_they_came() {
        let templates: Vec<_> =
            (0..1_000).map(|n| format!("/{}/{{id}}", n * 7_919 % 10_007)).collect();
        let table = RouteTable::new(&templates);
        for template in &templates {
            let path = template.replace("{id}", "4711");
            assert_eq!(table.find(&path).map(Route::as_str), Some(&**template));
        }
        assert!(table.find("/10008/4711").is_none());
        assert!(table.find("/1").is_none());
    }
}
