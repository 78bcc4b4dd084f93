//! Nothing passes here that jsonwebtoken refuses.

use jsonwebtoken::{DecodingKey, Validation, crypto::aws_lc::DEFAULT_PROVIDER};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{HMAC, ISSUER, SECRET, hmac_verifier, now, with};

/// The oracle: jsonwebtoken with everything required that it can require.
fn oracle(token: &str) -> bool {
    let _ = DEFAULT_PROVIDER.install_default();
    let mut validation = Validation::new(jsonwebtoken::Algorithm::HS256);
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&["orders"]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    validation.validate_nbf = true;
    validation.leeway = 31; // it counts whole seconds
    let key = DecodingKey::from_secret(&SECRET);
    jsonwebtoken::decode::<Value>(token, &key, &validation).is_ok()
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (-400_i64..400).prop_map(|offset| json!(now() as i64 + offset)),
        "[a-z:/.]{0,8}".prop_map(Value::from),
        Just(json!(ISSUER)),
        Just(json!([ISSUER])),
        Just(json!("orders")),
        Just(json!(["orders", "other"])),
        Just(json!(["orders", 7])),
        Just(json!({"orders": true})),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn claims_that_it_refuses_are_refused(
        name in prop_oneof![
            Just("iss"), Just("aud"), Just("exp"), Just("nbf"), Just("iat"), Just("sub"), Just("x"),
        ],
        value in value(),
    ) {
        let mut claims = with(&[]);
        claims[name] = value;
        let token = HMAC.token(&claims);
        let passes = hmac_verifier().verify(token.as_bytes()).is_ok();
        prop_assert!(!passes || oracle(&token), "{}", claims);
    }

    #[test]
    fn headers_that_it_refuses_are_refused(
        name in prop_oneof![Just("alg"), Just("typ"), Just("kid"), Just("crit"), Just("x")],
        value in value(),
    ) {
        let header = json!({"alg": "HS256", name: value}).to_string();
        let token = HMAC.raw_token(header.as_bytes(), with(&[]).to_string().as_bytes());
        let passes = hmac_verifier().verify(token.as_bytes()).is_ok();
        prop_assert!(!passes || oracle(&token), "{}", header);
    }

    #[test]
    fn texts_that_it_refuses_are_refused(at in 0_usize..1_000, byte in any::<u8>()) {
        let mut token = HMAC.of("alice", "a").into_bytes();
        let at = at % token.len();
        token[at] = byte;
        if let Ok(token) = String::from_utf8(token) {
            let passes = hmac_verifier().verify(token.as_bytes()).is_ok();
            prop_assert!(!passes || oracle(&token), "{}", token);
        }
    }
}
