use std::{collections::HashMap, fmt, sync::Arc};

use super::{Policy, PolicyLayer};
use crate::{ConfigError, ConfigErrorKind};

/// Policies by exact path: for gRPC, where a path is a method, and for services without a router.
///
/// A path that is not in the table is denied, so that a new method is closed until somebody opens
/// it, and so that no other spelling of a path gets past its policy.
///
/// ```
/// use tower_ready_auth::{Policy, PolicyTable};
///
/// let table = PolicyTable::builder()
///     .at("/orders.v1.Orders/Get", Policy::scope("orders:read"))
///     .at("/orders.v1.Orders/Create", Policy::scope("orders:write"))
///     .at("/grpc.health.v1.Health/Check", Policy::anyone())
///     .build()?;
/// let layer = table.layer();
/// # Ok::<(), tower_ready_auth::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct PolicyTable(Arc<Inner>);

/// Sets up a [`PolicyTable`].
#[derive(Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct PolicyTableBuilder {
    entries: Vec<(Box<str>, Policy)>,
    otherwise: Policy,
}

struct Inner {
    entries: HashMap<Box<str>, Policy>,
    otherwise: Policy,
}

impl PolicyTable {
    /// A table in which everything is denied.
    pub fn builder() -> PolicyTableBuilder {
        PolicyTableBuilder { entries: Vec::new(), otherwise: Policy::nobody() }
    }

    /// A layer that holds requests to it. It belongs inside of an [`AuthLayer`](crate::AuthLayer).
    pub fn layer(&self) -> PolicyLayer {
        PolicyLayer::of_table(self.clone())
    }

    pub(super) fn get(&self, path: &str) -> &Policy {
        self.0.entries.get(path).unwrap_or(&self.0.otherwise)
    }
}

impl PolicyTableBuilder {
    /// The policy of a path, which is compared exactly and without its query.
    pub fn at(mut self, path: impl Into<Box<str>>, policy: Policy) -> Self {
        self.entries.push((path.into(), policy));
        self
    }

    /// The policy of all other paths. Default: nobody.
    ///
    /// Beware of a router inside that takes a part of a path for a value: `/users/{name}` is found
    /// under spellings such as `/users/%61dmin`, which are other paths here. Put policies on the
    /// routes there, not on names of values.
    pub fn otherwise(mut self, policy: Policy) -> Self {
        self.otherwise = policy;
        self
    }

    /// Checks the table.
    ///
    /// # Errors
    ///
    /// When a path is not absolute, or stands there twice.
    pub fn build(self) -> Result<PolicyTable, ConfigError> {
        let mut entries = HashMap::with_capacity(self.entries.len());
        for (path, policy) in self.entries {
            if !path.starts_with('/') {
                return Err(ConfigError::new(ConfigErrorKind::Path).about(&path));
            }
            if entries.contains_key(&path) {
                return Err(ConfigError::new(ConfigErrorKind::DuplicatePath).about(&path));
            }
            entries.insert(path, policy);
        }
        Ok(PolicyTable(Arc::new(Inner { entries, otherwise: self.otherwise })))
    }
}

impl fmt::Debug for PolicyTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(&self.0.entries).entry(&"otherwise", &self.0.otherwise).finish()
    }
}
