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
    /// Few enough for a look at each to be quicker than a hash.
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
        self.0.find(Some(path.strip_prefix('/').unwrap_or(path)))
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
        let known = self.written.iter().position(|(written, _)| **written == *part);
        let at = known.unwrap_or_else(|| {
            self.written.push((part.into(), Self::default()));
            self.written.len() - 1
        });
        &mut self.written[at].1
    }

    /// No deeper than the longest template, whatever the path.
    fn find(&self, path: Option<&str>) -> Option<&Route> {
        let Some(path) = path else {
            return self.end.as_ref();
        };
        let (part, rest) = split(path);
        let written = self.written.iter().find(|(written, _)| **written == *part);
        let written = written.and_then(|(_, node)| node.find(rest));
        let any = || self.any.as_ref().filter(|_| !part.is_empty())?.find(rest);
        written.or_else(any).or_else(|| self.rest.as_ref().filter(|_| !path.is_empty()))
    }
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
        assert_eq!(find(&["/a"], "*"), None);
    }
}
