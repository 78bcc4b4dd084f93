use proptest::prelude::*;

use super::*;

fn nested(depth: usize) -> String {
    format!("{}{}", "[".repeat(depth), "]".repeat(depth))
}

#[test]
fn a_name_twice_is_refused_at_any_depth_and_however_it_is_written() {
    for text in [
        r#"{"alg":1,"alg":1}"#,
        r#"{"alg":1,"\u0061lg":2}"#,
        r#"{"\u0061lg":1,"alg":2}"#,
        r#"{"a":{"b":1,"b":2}}"#,
        r#"[{"b":1,"c":0,"b":2}]"#,
    ] {
        assert_eq!(Json::parse(text.as_bytes()), None, "{text}");
    }
    let many = |last: &str| {
        let members: String = (0..40).map(|n| format!("\"m{n}\":1,")).collect();
        format!("{{{members}\"{last}\":1}}")
    };
    assert!(Json::parse(many("m40").as_bytes()).is_some());
    assert_eq!(Json::parse(many("m7").as_bytes()), None);
}

#[test]
fn depth_has_a_bound() {
    assert!(Json::parse(nested(16).as_bytes()).is_some());
    assert_eq!(Json::parse(nested(17).as_bytes()), None);
    assert_eq!(Json::parse(nested(100_000).as_bytes()), None);
}

#[test]
fn what_is_not_json_is_refused() {
    let texts: [&[u8]; 10] = [
        b"",
        b"{}{}",
        b"{} x",
        b"{\"a\":1,}",
        b"\xef\xbb\xbf{}",
        b"{\"a\":\"\xff\"}",
        b"{\"a\":NaN}",
        b"{\"a\":1e400}",
        b"{\"a\":01}",
        b"{'a':1}",
    ];
    for text in texts {
        assert_eq!(Json::parse(text), None, "{}", text.escape_ascii());
    }
}

/// As serde_json hands numbers over when another crate has turned on `arbitrary_precision`.
#[test]
fn numbers_are_numbers_whatever_features_serde_json_has() {
    fn read(text: &str) -> Option<Json<'_>> {
        let wrapped = format!(r#"{{"{NUMBER}":"{text}"}}"#);
        assert_eq!(Json::parse(wrapped.as_bytes()), Json::parse(text.as_bytes()), "{text}");
        Json::parse(text.as_bytes())
    }
    assert_eq!(read("7"), Some(Json::Integer(7)));
    assert_eq!(read("-7"), Some(Json::Integer(-7)));
    assert_eq!(read("18446744073709551615"), Some(Json::Integer(u64::MAX.into())));
    assert_eq!(read("1.5e3"), Some(Json::Float(1_500.0)));
    assert!(matches!(read("1e19"), Some(Json::Float(_))));
    assert_eq!(read("1e400"), None);
}

#[test]
fn plain_texts_are_borrowed() {
    let object = Object::parse(br#"{"a":"plain","b":"\n"}"#).unwrap();
    assert!(matches!(object.get("a"), Some(Json::Text(Cow::Borrowed("plain")))));
    assert!(matches!(object.get("b"), Some(Json::Text(Cow::Owned(_)))));
}

proptest! {
    /// What is taken here, serde_json takes as well, and nothing panics.
    #[test]
    fn nothing_is_laxer_than_serde_json(text in r#"[\[\]{}":,a-c0-9 \\.e+-]{0,24}"#) {
        if Json::parse(text.as_bytes()).is_some() {
            prop_assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
        }
    }
}
