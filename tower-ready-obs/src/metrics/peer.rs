use http::Uri;

use super::state::Lane;
use crate::{labels::UrlScheme, series::names::Name};

/// Whom a client calls: `orders.example.com:443`.
pub(super) fn peer(lane: &Lane, uri: &Uri, scheme: UrlScheme) -> Name {
    let Some(host) = uri.host() else {
        return Name::NONE;
    };
    let port = uri.port();
    let port = port.as_ref().map_or_else(|| scheme.port(), |port| port.as_str());
    let mut text = [0; 280];
    let mut len = 0;
    for part in [host, ":", port] {
        let Some(place) = text.get_mut(len..len + part.len()) else {
            return Name::OTHER;
        };
        place.copy_from_slice(part.as_bytes());
        len += part.len();
    }
    let Ok(text) = std::str::from_utf8(&text[..len]) else {
        return Name::OTHER;
    };
    lane.state.peers.get_or_insert(text, || text.into())
}
