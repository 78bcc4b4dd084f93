//! Tokens that no verifier takes, by their form, their header and their signature.

use aws_lc_rs::{
    rsa::KeySize,
    signature::{RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaKeyPair},
};
use proptest::prelude::*;
use serde_json::{Value, json};
use tower_ready_auth::{Algorithm, JwtVerifier, Key, KeyError, Reason, verify_compact};

use crate::support::{
    EC, ED, HMAC, RSA, Signer, b64, builder, hmac_verifier, key_set, reason, verifier, with,
};

fn good() -> String {
    EC.of("alice", "orders:read")
}

/// Tests of tokens that are refused, each with its name.
macro_rules! refused {
    ($($name:ident: $token:expr => $reason:ident;)+) => {$(
        #[test]
        fn $name() {
            let verifier = verifier(&EC);
            for token in $token {
                assert_eq!(reason(&verifier, &token), Reason::$reason, "{token}");
            }
        }
    )+};
}

fn header(header: &str) -> [String; 1] {
    [EC.raw_token(header.as_bytes(), with(&[]).to_string().as_bytes())]
}

fn unsigned(alg: &str, signature: &str) -> String {
    let header = b64(json!({ "alg": alg }).to_string());
    format!("{header}.{}.{signature}", b64(with(&[]).to_string()))
}

/// Whatever it is, with a signature that is good.
fn signed(text: &str) -> String {
    format!("{text}.{}", b64(EC.sign(text.as_bytes())))
}

fn payload(payload: &[u8]) -> [String; 1] {
    [EC.raw_token(br#"{"alg":"ES256"}"#, payload)]
}

refused! {
    alg_none: ["none", "None", "NONE", "nOnE"].map(|alg| unsigned(alg, "")) => MalformedToken;
    alg_none_with_sig: ["none", "NoNe"].map(|alg| unsigned(alg, "AAAA"))
        => UnsupportedAlgorithm;
    empty_signature: [unsigned("ES256", "")] => MalformedToken;
    two_segments: [good().rsplit_once('.').unwrap().0.to_owned()] => MalformedToken;
    four_or_more_segments: [format!("{}.x", good()), format!(".{}", good())] => MalformedToken;
    jwe_five_segments: ["a.b.c.d.e".to_owned()] => MalformedToken;
    json_serialization: [json!({"payload": "", "signatures": []}).to_string()] => MalformedToken;
    many_dots: [".".repeat(8_000)] => MalformedToken;
    token_over_limit: [".".repeat(8_193), format!("{}{}", good(), "A".repeat(8_192))] => TooLong;
    header_over_limit: header(&format!(r#"{{"alg":"ES256","x":"{}"}}"#, "x".repeat(1_000)))
        => TooLong;
    padding_eq: [format!("{}=", good()), good().replace('.', "=.")] => MalformedToken;
    whitespace_or_newline_inside: [
        format!("{} ", good()),
        format!("\n{}", good()),
        good().replacen('.', " .", 1),
        format!("{}\r\n{}", &good()[..10], &good()[10..]),
        signed(&format!("{}.{}\n", b64(r#"{"alg":"ES256"}"#), b64(with(&[]).to_string()))),
        signed(&format!("{}.\t{}", b64(r#"{"alg":"ES256"}"#), b64(with(&[]).to_string()))),
    ] => MalformedToken;
    std_base64_alphabet: [good().replacen(|byte| "-_".contains(byte), "+", 1) + "/"]
        => MalformedToken;
    bom_prefix_of_payload: payload(format!("\u{feff}{}", with(&[])).as_bytes())
        => MalformedToken;
    bom_prefix: header("\u{feff}{\"alg\":\"ES256\"}") => MalformedToken;
    trailing_json_garbage: payload(format!("{} {{}}", with(&[])).as_bytes()) => MalformedToken;
    payload_not_object: payload(b"[1]") => MalformedToken;
    invalid_utf8_payload: payload(b"{\"sub\":\"\xff\"}") => MalformedToken;
    depth_over_limit: payload(format!("{{\"a\":{}{}}}", "[".repeat(17), "]".repeat(17)).as_bytes())
        => MalformedToken;
    dup_claim: payload(br#"{"sub":"alice","sub":"bob"}"#) => MalformedToken;
    dup_claim_of_another_kind: payload(br#"{"exp":"x","sub":"alice","exp":9999999999}"#)
        => MalformedToken;
    dup_claim_escaped: payload(br#"{"sub":"alice","\u0073ub":"bob"}"#) => MalformedToken;
    dup_header_member: header(r#"{"alg":"ES256","alg":"none"}"#) => MalformedToken;
    dup_header_member_in_the_other_order: header(r#"{"alg":"none","alg":"ES256"}"#)
        => MalformedToken;
    dup_header_member_escaped: header(r#"{"\u0061lg":"none","alg":"ES256"}"#)
        => MalformedToken;
    invalid_utf8_header: [EC.raw_token(b"{\"alg\":\"ES256\",\"x\":\"\xff\"}", b"{}")] => MalformedToken;
    alg_missing: header("{}") => MalformedToken;
    alg_unknown: header(r#"{"alg":"ES256K"}"#) => UnsupportedAlgorithm;
    curve_alg_mismatch: header(r#"{"alg":"ES384"}"#) => UnsupportedAlgorithm;
    alg_of_another_kind: header(r#"{"alg":"EdDSA"}"#) => UnsupportedAlgorithm;
    es256_as_hs256: header(r#"{"alg":"HS256"}"#) => UnsupportedAlgorithm;
    jwk_embedded: header(&json!({"alg": "ES256", "jwk": EC.jwk(None)}).to_string())
        => ForbiddenHeader;
    jku: header(r#"{"alg":"ES256","jku":"https://evil.example/jwks"}"#) => ForbiddenHeader;
    x5u: header(r#"{"alg":"ES256","x5u":"https://evil.example/cert"}"#) => ForbiddenHeader;
    x5c: header(r#"{"alg":"ES256","x5c":["MII"]}"#) => ForbiddenHeader;
    crit_unknown: header(r#"{"alg":"ES256","crit":["x"],"x":1}"#) => ForbiddenHeader;
    crit_empty: header(r#"{"alg":"ES256","crit":[]}"#) => ForbiddenHeader;
    crit_registered_name: header(r#"{"alg":"ES256","crit":["alg"]}"#) => ForbiddenHeader;
    crit_missing_member: header(r#"{"alg":"ES256","crit":["exp"]}"#) => ForbiddenHeader;
    b64_false: header(r#"{"alg":"ES256","crit":["b64"],"b64":false}"#) => ForbiddenHeader;
    zip_def: header(r#"{"alg":"ES256","zip":"DEF"}"#) => ForbiddenHeader;
    cty_nested: header(r#"{"alg":"ES256","cty":"JWT"}"#) => WrongType;
    typ_of_other_tokens: ["logout+jwt", "dpop+jwt", "application/secevent+jwt", "JOSE", ""]
        .map(|typ| EC.token_with(&json!({ "typ": typ }), &with(&[]))) => WrongType;
    kid_too_long: header(&format!(r#"{{"alg":"ES256","kid":"{}"}}"#, "k".repeat(600))) => TooLong;
    kid_10k: header(&format!(r#"{{"alg":"ES256","kid":"{}"}}"#, "k".repeat(10_000))) => TooLong;
    kid_non_string: header(r#"{"alg":"ES256","kid":["a"]}"#) => MalformedToken;
}

#[test]
fn a_good_token_of_each_kind_passes() {
    for curve in ["P-256", "P-384", "P-521"] {
        let signer = Signer::ec(curve);
        verifier(&signer).verify(signer.of("alice", "a").as_bytes()).unwrap();
    }
    for signer in [&*ED, &*RSA, &*HMAC] {
        let principal = verifier(signer).verify(signer.of("alice", "a b").as_bytes()).unwrap();
        assert_eq!(principal.subject(), "alice");
        assert!(principal.scopes().contains("b"));
        // A second time, from the cache where there is one.
        verifier(signer).verify(signer.of("alice", "a").as_bytes()).unwrap();
    }
    let ed = ED.raw_token(br#"{"alg":"Ed25519"}"#, with(&[]).to_string().as_bytes());
    verifier(&ED).verify(ed.as_bytes()).unwrap();
    for kind in ["JWT", "jwt", "at+jwt", "application/at+jwt", "AT+JWT"] {
        let token = EC.token_with(&json!({ "typ": kind }), &with(&[]));
        verifier(&EC).verify(token.as_bytes()).unwrap();
    }
}

/// 8 KiB are allowed, and not a byte more.
#[test]
fn token_at_the_limit() {
    let verifier = hmac_verifier();
    let sized = |length: usize| {
        (5_500..6_200).find_map(|n| {
            let token = HMAC.token(&with(&[("pad", json!("x".repeat(n)))]));
            (token.len() == length).then_some(token)
        })
    };
    verifier.verify(sized(8_192).unwrap().as_bytes()).unwrap();
    assert_eq!(reason(&verifier, sized(8_193).unwrap()), Reason::TooLong);
}

#[test]
fn noncanonical_trailing_bits() {
    let token = ED.of("alice", "a");
    let last = token.chars().last().unwrap();
    let verifier = verifier(&ED);
    // 64 bytes leave four bits over, which have to be zero.
    for other in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".chars() {
        if other != last {
            let changed = format!("{}{other}", &token[..token.len() - 1]);
            assert!(verifier.verify(changed.as_bytes()).is_err(), "{other}");
        }
    }
}

#[test]
fn rs256_to_hs256_with_public_key() {
    let verifier = verifier(&RSA);
    let spki = RSA.spki();
    let jwk = RSA.jwk(None).to_string();
    for secret in [RSA.pem().as_bytes(), &spki, jwk.as_bytes()] {
        let forger = Signer::hs256(secret);
        assert_eq!(reason(&verifier, forger.of("a", "b")), Reason::UnsupportedAlgorithm);
    }
    let indented = format!(" \n{}", RSA.pem());
    for secret in [RSA.pem().as_bytes(), indented.as_bytes(), &spki, jwk.as_bytes()] {
        let refused = Key::secret(Algorithm::HS256, secret);
        assert_eq!(refused.unwrap_err(), KeyError::PublicAsSecret);
    }
}

#[test]
fn a_pinned_algorithm_is_the_only_one() {
    let signed = |alg: &str| {
        let header = b64(json!({ "alg": alg }).to_string());
        let signed = format!("{header}.{}", b64(with(&[]).to_string()));
        let signature = match alg {
            "PS256" => RSA.sign_rsa(&RSA_PSS_SHA256, signed.as_bytes()),
            _ => RSA.sign_rsa(&RSA_PKCS1_SHA256, signed.as_bytes()),
        };
        format!("{signed}.{}", b64(signature))
    };
    let (rs, ps) = (signed("RS256"), signed("PS256"));
    let mut jwk = RSA.jwk(None);
    let verifies = |jwk: &Value, token: &str| {
        let keys = key_set(std::slice::from_ref(jwk));
        verify_compact(&keys, token.as_bytes()).map_err(|error| error.reason())
    };
    assert!(verifies(&jwk, &rs).is_ok() && verifies(&jwk, &ps).is_ok());
    jwk["alg"] = "RS256".into();
    assert!(verifies(&jwk, &rs).is_ok());
    assert_eq!(verifies(&jwk, &ps), Err(Reason::UnsupportedAlgorithm));

    let only_ps = builder(&RSA).algorithms([Algorithm::PS256]).build().unwrap();
    assert_eq!(reason(&only_ps, &rs), Reason::UnsupportedAlgorithm);
    only_ps.verify(ps.as_bytes()).unwrap();
}

#[test]
fn psychic_signature() {
    let verifier = verifier(&EC);
    let token = good();
    let signed = token.rsplit_once('.').unwrap().0;
    let order = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc,
        0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let mut r_is_order = [0_u8; 64];
    r_is_order[..32].copy_from_slice(&order);
    r_is_order[63] = 1;
    let der = [&[0x30, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x01][..], &[0; 56]].concat();
    for signature in [&[0; 64][..], &r_is_order, &der, &der[..8], &[1; 63], &[1; 65], &[1; 128]] {
        let forged = format!("{signed}.{}", b64(signature));
        assert_eq!(reason(&verifier, forged), Reason::BadSignature);
    }
}

/// S has to be below the order of the group (RFC 8032 §5.1.7), or each signature has a twin.
#[test]
fn ed25519_s_not_reduced() {
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let token = ED.of("alice", "a");
    let (signed, _) = token.rsplit_once('.').unwrap();
    let good = ED.sign(signed.as_bytes());
    let (mut high, mut twin, mut carry) = (good.clone(), good, 0);
    high[63] |= 0xe0;
    for (digit, of_order) in twin[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*digit) + u16::from(of_order) + carry;
        (*digit, carry) = (sum as u8, sum >> 8);
    }
    for signature in [high, twin] {
        let forged = format!("{signed}.{}", b64(signature));
        assert_eq!(reason(&verifier(&ED), forged), Reason::BadSignature);
    }
}

/// A signature of RSA is as long as the modulus.
#[test]
fn rsa_sig_leading_zero_or_longer() {
    let token = RSA.of("alice", "a");
    let (signed, _) = token.rsplit_once('.').unwrap();
    let signature = RSA.sign(signed.as_bytes());
    let longer = [&[0], &*signature].concat();
    let verifier = verifier(&RSA);
    for signature in [&longer, &signature[1..], &[0; 256], &[0xff; 256]] {
        assert_eq!(reason(&verifier, format!("{signed}.{}", b64(signature))), Reason::BadSignature);
    }
}

/// With an exponent of 3, a cube root is a signature for whoever does not look at all of the padding.
#[test]
fn pkcs1_forgery() {
    let modulus = "x6VNyhglMLsdbRMs3tYjey7ZHj9yH8sZcRdElNZJPJ1cNGC-MSAeaf7aoO7ouZl_XHwpmf2v5ZMlPNZU\
        r0361xQnoK6z_ukjL4ryIR-e5JHFsQvstVY7_B5vk0J-y8j-KVXlzY5G3I7Ut8J2TSpaTXZ3BvhdhpAC\
        Sta9o0Ab6cjLzMk19s0fYSJq4VM4rho0AE0zug0kasBMgbG68j47-e71958rSTSvh_VSC2m5Sw2YLoW7\
        VbZyqHJjes10Zvy2Dg6P8YRjsOSyuilwNHTwZKxo9wD1sCs9xmb0W96qLMrtzStRV0EOTe5K8rNPQwoH\
        NEfeY2wOgGyVe6aE1kMfWw";
    let token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJtYWxsb3J5In0.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
        AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
        AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
        AAAAAAAAAAAAAAAAAAAAAMsv9SnrceQVYPXZ1IPUWQHWRdtN4JvLvY649x6oleGJ21TjfQM2IPeQk6Ao\
        y2jDvKPMt2Mu_FgD5JaEHoh36e6MxuVbl8TP_P2R-rL6sOiL9ZbnQMA";
    let keys = key_set(&[json!({"kty": "RSA", "n": modulus, "e": "Aw"})]);
    let error = verify_compact(&keys, token.as_bytes()).unwrap_err();
    assert_eq!(error.reason(), Reason::BadSignature);
}

/// Points of small order make signatures that fit every message, if the key is one.
#[test]
fn ed25519_small_order() {
    let token = ED.of("alice", "a");
    let (signed, _) = token.rsplit_once('.').unwrap();
    for low in [0_u8, 1, 0xec, 0xed, 0xee] {
        let mut signature = [0; 64];
        signature[0] = low;
        if low > 1 {
            signature[1..31].fill(0xff);
            signature[31] = 0x7f;
        }
        let forged = format!("{signed}.{}", b64(signature));
        assert_eq!(reason(&verifier(&ED), forged), Reason::BadSignature);
    }
}

#[test]
fn a_key_id_only_names_a_key() {
    let keys = key_set(&[EC.jwk(Some("a")), Signer::ec("P-256").jwk(Some("b"))]);
    let verifier = JwtVerifier::builder().any_issuer().any_audience().keys(keys).build().unwrap();
    let token = |id: &str| EC.token_with(&json!({ "kid": id }), &with(&[]));
    assert_eq!(verifier.verify(token("a").as_bytes()).unwrap().key_id(), Some("a"));
    assert_eq!(reason(&verifier, token("b")), Reason::BadSignature);
    for id in ["", "A", "../../etc/passwd", "a' OR '1'='1", "https://evil.example", "a\0"] {
        assert_eq!(reason(&verifier, token(id)), Reason::UnknownKey, "{id}");
    }
    // Without an id, those that fit are tried.
    verifier.verify(EC.token(&with(&[])).as_bytes()).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_flipped_bit_is_refused(at in 0_usize..4_000, bit in 0_u8..8) {
        static TOKEN: std::sync::LazyLock<(JwtVerifier, String)> =
            std::sync::LazyLock::new(|| (hmac_verifier(), HMAC.of("alice", "orders:read")));
        let (verifier, token) = &*TOKEN;
        let mut bytes = token.clone().into_bytes();
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        prop_assert!(verifier.verify(&bytes).is_err());
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(hmac_verifier().verify(&bytes).is_err());
    }

    #[test]
    fn no_parts_make_it_panic(header in "\\PC{0,60}", payload in "\\PC{0,60}") {
        let token = HMAC.raw_token(header.as_bytes(), payload.as_bytes());
        prop_assert!(hmac_verifier().verify(token.as_bytes()).is_err());
    }
}

/// Its signature is longer than most.
#[test]
fn a_long_key_signs_as_well_as_a_short_one() {
    let signer = Signer::Rsa(RsaKeyPair::generate(KeySize::Rsa4096).unwrap());
    let (verifier, token) = (verifier(&signer), signer.of("alice", "a"));
    for _ in 0..2 {
        verifier.verify(token.as_bytes()).unwrap();
    }
    let mut other = token.into_bytes();
    let at = other.len() - 100;
    other[at] = if other[at] == b'A' { b'B' } else { b'A' };
    assert_eq!(reason(&verifier, &other), Reason::BadSignature);
}

/// The header of a good token is remembered, to save reading it; that must open nothing.
#[test]
fn a_header_that_was_good_once_proves_nothing() {
    let verifier = hmac_verifier();
    for _ in 0..3 {
        verifier.verify(HMAC.of("alice", "a").as_bytes()).unwrap();
        let stranger = Signer::hs256(&[9; 32]);
        assert_eq!(reason(&verifier, stranger.of("alice", "a")), Reason::BadSignature);
        let other = HMAC.token_with(&json!({"typ": "dpop+jwt"}), &with(&[]));
        assert_eq!(reason(&verifier, other), Reason::WrongType);
        let at = HMAC.token_with(&json!({"typ": "at+jwt"}), &with(&[("nonce", json!("n"))]));
        verifier.verify(at.as_bytes()).unwrap();
        let id = HMAC.token(&with(&[("nonce", json!("n"))]));
        assert_eq!(reason(&verifier, id), Reason::WrongType);
    }
    // Without a key id each key of the set may be meant, so nothing is remembered.
    let second = Signer::ec("P-256");
    let keys = key_set(&[EC.jwk(Some("a")), second.jwk(Some("b"))]);
    let verifier = builder(&EC).keys(keys).cache(0).build().unwrap();
    for signer in [&*EC, &second, &*EC, &second] {
        verifier.verify(signer.of("alice", "a").as_bytes()).unwrap();
    }
}

/// What is remembered of a token is of that token alone.
#[test]
fn a_remembered_token_opens_nothing_for_one_that_is_like_it() {
    for signer in [&*EC, &*HMAC] {
        let (verifier, token) = (verifier(signer), signer.of("alice", "a"));
        verifier.verify(token.as_bytes()).unwrap();
        assert_eq!(verifier.cached(), 1);
        for at in 0..token.len() {
            let mut other = token.clone().into_bytes();
            other[at] ^= 1;
            assert!(verifier.verify(&other).is_err(), "{at}");
        }
        assert!(verifier.verify(&token.as_bytes()[..token.len() - 1]).is_err());
        verifier.verify(token.as_bytes()).unwrap();
        assert_eq!(verifier.cached(), 1);
    }
}
