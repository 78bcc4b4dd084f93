//! Who calls, in a header for whoever stands behind this service.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::Principal;

pub(crate) struct Forward {
    pub(crate) header: HeaderName,
    pub(crate) value: Box<Value>,
}

type Value = dyn Fn(&Principal) -> Option<String> + Send + Sync;

impl Forward {
    /// Puts the header in place of what a caller may have put there. What no header can carry is
    /// left out.
    pub(crate) fn apply(&self, headers: &mut HeaderMap, principal: Option<&Principal>) {
        headers.remove(&self.header);
        let value = principal.and_then(|principal| (self.value)(principal));
        if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
            headers.insert(self.header.clone(), value);
        }
    }
}
