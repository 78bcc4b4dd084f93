//! Keys of several parts.

use super::{Found, Key, KeyBuf};
use crate::{Head, error::ConfigErrorKind};

macro_rules! tuple {
    ($($name:ident $place:tt),+) => {
        /// A key of several parts. It is missing when one of them is, and exempt when one of them is.
        impl<$($name: Key),+> Key for ($($name,)+) {
            fn write(&self, head: &Head<'_>, key: &mut KeyBuf) -> Found {
                $(
                    match key.part(|key| self.$place.write(head, key)) {
                        Found::Key => {}
                        other => return other,
                    }
                )+
                Found::Key
            }

            fn check(&self) -> Result<(), ConfigErrorKind> {
                $(self.$place.check()?;)+
                Ok(())
            }
        }
    };
}

tuple!(A 0, B 1);
tuple!(A 0, B 1, C 2);
tuple!(A 0, B 1, C 2, D 3);
