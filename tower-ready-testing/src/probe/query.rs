//! The query string that carries a call over HTTP.

use form_urlencoded::{Serializer, parse};

use super::proto::{Behaviour, Ending, Header};

/// `gated=1&chunks=3&ending=BREAK`: only what differs from answering `ok`.
pub(crate) fn to_query(wish: &Behaviour) -> String {
    let mut query = Serializer::new(String::new());
    for (name, wanted) in [("gated", wish.gated), ("panic", wish.panic), ("fail", wish.fail)] {
        if wanted {
            query.append_pair(name, "1");
        }
    }
    if wish.fail {
        query.append_pair("status", &wish.status.to_string());
        query.append_pair("message", &wish.message);
    }
    if let Some(chunks) = wish.chunks {
        query.append_pair("chunks", &chunks.to_string());
        query.append_pair("ending", wish.ending().as_str_name());
    }
    for Header { name, value } in &wish.headers {
        query.append_pair("header", &format!("{name}: {value}"));
    }
    query.finish()
}

/// Reads what [`to_query`] wrote; a test may also write it by hand.
pub(super) fn from_query(query: &str) -> Behaviour {
    let mut wish = Behaviour::default();
    for (name, value) in parse(query.as_bytes()) {
        match &*name {
            "gated" => wish.gated = true,
            "panic" => wish.panic = true,
            "fail" => wish.fail = true,
            "status" => wish.status = value.parse().expect("a status"),
            "message" => wish.message = value.into_owned(),
            "chunks" => wish.chunks = Some(value.parse().expect("a number of chunks")),
            "ending" => wish.set_ending(Ending::from_str_name(&value).expect("an ending")),
            "header" => wish.headers.push(to_header(&value)),
            // Whatever else a test puts into a query is its own.
            _ => {}
        }
    }
    wish
}

fn to_header(text: &str) -> Header {
    let (name, value) = text.split_once(": ").expect("a header");
    Header { name: name.to_owned(), value: value.to_owned() }
}
