use std::borrow::Cow;

use super::target::{Target, check, malformed};
use crate::health::Check;

impl Check {
    /// That something accepts connections at `host:port`.
    ///
    /// It proves less than a question that is answered: the kernel accepts for a process that
    /// hangs. Where there is a protocol, ask.
    pub fn tcp(name: impl Into<Cow<'static, str>>, address: impl AsRef<str>) -> Self {
        let name = name.into();
        let target = Target::parse(address.as_ref());
        let target = target.ok_or_else(|| malformed(&name, "the address", "db.internal:5432"));
        check(name, target, async |target: Target| {
            target.connect().await?;
            Ok(())
        })
    }
}
