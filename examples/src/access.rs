//! Who may do what, said once for all hosts.

use tower_ready_auth::{ConfigError, Policy, PolicyTable};

/// To read an order.
pub(crate) const READ: &str = "orders:read";
/// To place an order.
pub(crate) const WRITE: &str = "orders:write";

/// What a route or a method asks of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Access {
    Anyone,
    Read,
    Write,
    Admin,
}

impl Access {
    pub(crate) fn policy(self) -> Policy {
        match self {
            Self::Anyone => Policy::anyone(),
            Self::Read => Policy::scope(READ),
            Self::Write => Policy::scope(WRITE),
            Self::Admin => Policy::role("admin"),
        }
    }
}

/// What each method asks. A new one is missed by a test until it has a line.
const METHODS: [(&str, Access); 6] = [
    ("/orders.v1.Orders/Get", Access::Read),
    ("/orders.v1.Orders/Create", Access::Write),
    ("/orders.v1.Orders/Watch", Access::Anyone),
    ("/orders.v1.Orders/Slow", Access::Anyone),
    ("/orders.v1.Orders/Fail", Access::Anyone),
    ("/orders.v1.Orders/Panic", Access::Anyone),
];

/// The methods, as paths.
pub(crate) fn methods_by_path() -> impl Iterator<Item = &'static str> {
    METHODS.into_iter().map(|(path, _)| path)
}

/// The policies of all methods over gRPC, where a path is a method.
pub(crate) fn methods() -> Result<PolicyTable, ConfigError> {
    // Health, reflection, and what tonic answers with UNIMPLEMENTED.
    let table = PolicyTable::builder().otherwise(Policy::anyone());
    let add = |table: tower_ready_auth::PolicyTableBuilder, (path, access): (&str, Access)| {
        table.at(path, access.policy())
    };
    METHODS.into_iter().fold(table, add).build()
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;

    #[test]
    fn every_method_says_what_it_asks() {
        let set = prost_types::FileDescriptorSet::decode(crate::proto::DESCRIPTORS).unwrap();
        let mut paths = Vec::new();
        for file in &set.file {
            for service in &file.service {
                let method = |name| format!("/{}.{}/{name}", file.package(), service.name());
                paths.extend(service.method.iter().map(|it| method(it.name())));
            }
        }
        let named: Vec<_> = METHODS.iter().map(|(path, _)| (*path).to_owned()).collect();
        assert_eq!(named, paths);
        methods().unwrap();
    }
}
