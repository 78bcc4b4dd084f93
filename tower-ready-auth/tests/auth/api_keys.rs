//! API keys.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use serde_json::Value;
use tower_ready_auth::{
    ApiKey, ApiKeyRecord, ApiKeyStore, ApiKeys, ConfigErrorKind, CredentialKind, FileKeys, Lookup,
    MemoryKeys, Principal, Reason, StoreError, TokenError,
};

use crate::{keys::File, support::after};

fn new() -> (ApiKeys, MemoryKeys) {
    let store = MemoryKeys::new();
    let keys = ApiKeys::builder("acme", "live").store(store.clone()).build().unwrap();
    (keys, store)
}

fn verify(keys: &ApiKeys, key: &str, source: Option<&str>) -> Result<Principal, Reason> {
    let source = source.map(|source| source.parse::<IpAddr>().unwrap());
    match keys.verify(key.as_bytes(), source) {
        Lookup::Ready(result) => result.map_err(|error: TokenError| error.reason()),
        Lookup::Later(_) => panic!("a store in memory answers at once"),
    }
}

#[test]
fn a_key_is_its_owners() {
    let (keys, store) = new();
    let (key, record) = keys.generate("alice").unwrap();
    let record = record.scopes(["orders:read"]).roles(["clerk"]).plan("free");
    let id = record.id().to_owned();
    store.insert(record).unwrap();
    let principal = verify(&keys, key.as_str(), None).unwrap();
    assert_eq!(principal.kind(), CredentialKind::ApiKey);
    assert_eq!(principal.subject(), "alice");
    assert_eq!(principal.credential_id(), Some(&*id));
    assert_eq!(principal.plan(), Some("free"));
    assert!(principal.scopes().contains("orders:read") && principal.roles().contains("clerk"));
    assert!(store.remove(&id));
    assert_eq!(verify(&keys, key.as_str(), None).unwrap_err(), Reason::BadKey);
}

#[test]
fn a_key_has_its_time_and_its_place() {
    let (keys, store) = new();
    let add = |change: fn(ApiKeyRecord) -> ApiKeyRecord| -> ApiKey {
        let (key, record) = keys.generate(&format!("{}", rand())).unwrap();
        store.insert(change(record)).unwrap();
        key
    };
    let over = add(|it| it.expires(SystemTime::now() - Duration::from_secs(1)));
    let early = add(|it| it.not_before(after(60)));
    let bound = add(|it| {
        it.allow_from(["10.0.0.0/8", "2001:db8::7"]).unwrap().lives(Duration::from_secs(60))
    });
    assert_eq!(verify(&keys, over.as_str(), None).unwrap_err(), Reason::Expired);
    assert_eq!(verify(&keys, early.as_str(), None).unwrap_err(), Reason::NotYetValid);
    for (source, good) in [
        (Some("10.1.2.3"), true),
        (Some("::ffff:10.1.2.3"), true),
        (Some("2001:db8::7"), true),
        (Some("11.0.0.1"), false),
        (Some("2001:db8::8"), false),
        (None, false),
    ] {
        assert_eq!(verify(&keys, bound.as_str(), source).is_ok(), good, "{source:?}");
    }
    let (_, record) = keys.generate("x").unwrap();
    for text in ["10.1.2.3/8", "nowhere", "10.0.0.0/33"] {
        let error = record.clone().allow_from([text]).unwrap_err();
        assert_eq!(error.kind(), ConfigErrorKind::AddressRange);
    }
}

fn rand() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// What the store is asked.
struct Counting(MemoryKeys, Arc<AtomicUsize>);

impl ApiKeyStore for Counting {
    fn find(&self, id: &str) -> Lookup<Result<Option<Arc<ApiKeyRecord>>, StoreError>> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.find(id)
    }
}

#[test]
fn a_slip_or_a_stranger_never_reaches_the_store() {
    let (asked, store) = (Arc::new(AtomicUsize::new(0)), MemoryKeys::new());
    let counting = Counting(store.clone(), Arc::clone(&asked));
    let keys = ApiKeys::builder("acme", "live").store(counting).build().unwrap();
    let (key, record) = keys.generate("alice").unwrap();
    store.insert(record).unwrap();
    let key = key.as_str();
    let test = ApiKeys::builder("acme", "test").build().unwrap().generate("alice").unwrap().0;
    let mut typo = key.to_owned();
    let last = if typo.pop() == Some('a') { 'b' } else { 'a' };
    typo.push(last);
    for wrong in ["", "acme_live_", &key[..key.len() - 1], &typo, test.as_str(), &format!("{key}a")]
    {
        assert_eq!(verify(&keys, wrong, None).unwrap_err(), Reason::MalformedKey, "{wrong}");
    }
    assert_eq!(asked.load(Ordering::Relaxed), 0);
    verify(&keys, key, None).unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[test]
fn an_unknown_id_and_a_wrong_secret_are_the_same() {
    let (keys, store) = new();
    let (stranger, record) = keys.generate("bob").unwrap();
    assert_eq!(verify(&keys, stranger.as_str(), None).unwrap_err(), Reason::BadKey);
    // The id is known now, but under the digest of another secret.
    let (_, other) = keys.generate("bob").unwrap();
    let mut json: Value = serde_json::from_str(&other.to_json()).unwrap();
    json["id"] = record.id().into();
    store.insert(ApiKeyRecord::from_json(&json.to_string()).unwrap()).unwrap();
    assert_eq!(verify(&keys, stranger.as_str(), None).unwrap_err(), Reason::BadKey);
}

#[test]
fn an_owner_has_two_live_keys_at_most() {
    let (keys, store) = new();
    let make = || keys.generate("alice").unwrap().1;
    store.insert(make().expires(SystemTime::now())).unwrap();
    let first = make();
    store.insert(first.clone()).unwrap();
    assert_eq!(store.insert(first).unwrap_err().kind(), ConfigErrorKind::DuplicateKey);
    store.insert(make()).unwrap();
    assert_eq!(store.insert(make()).unwrap_err().kind(), ConfigErrorKind::ThirdKey);
}

#[test]
fn a_pepper_is_needed_to_check_what_it_made() {
    let store = MemoryKeys::new();
    let with = |pepper: Option<[u8; 32]>| {
        let builder = ApiKeys::builder("acme", "live").store(store.clone());
        let builder = match pepper {
            Some(pepper) => builder.pepper(pepper),
            None => builder,
        };
        builder.build().unwrap()
    };
    let (key, record) = with(Some([7; 32])).generate("alice").unwrap();
    assert!(record.to_json().contains("hmac_sha256"));
    store.insert(record).unwrap();
    verify(&with(Some([7; 32])), key.as_str(), None).unwrap();
    for other in [None, Some([8; 32])] {
        assert_eq!(verify(&with(other), key.as_str(), None).unwrap_err(), Reason::BadKey);
    }
}

#[test]
fn a_file_of_records_is_read_again() {
    let maker = ApiKeys::builder("acme", "live").build().unwrap();
    let (key, record) = maker.generate("alice").unwrap();
    let json = record.scopes(["a"]).lives(Duration::from_secs(60)).to_json();
    let file = File::new("api-keys.json", "[]");
    let store = FileKeys::open(&file.0).unwrap();
    let keys = ApiKeys::builder("acme", "live").store(store.clone()).build().unwrap();
    assert_eq!(verify(&keys, key.as_str(), None).unwrap_err(), Reason::BadKey);
    file.write(&format!("[{json}]"));
    store.reread().unwrap();
    assert!(verify(&keys, key.as_str(), None).unwrap().scopes().contains("a"));
    for broken in ["", "{}", "[{}]", &format!("[{json},{json}]"), &json.replace("alice", "")] {
        file.write(broken);
        assert!(store.reread().is_err(), "{broken}");
    }
    verify(&keys, key.as_str(), None).unwrap();
}

/// The members that the file of a service has, whoever wrote it.
#[test]
fn a_record_is_plain_json() {
    let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let json = format!(
        r#"{{"id":"0123456789abcdef","sha256":"{digest}","owner":"alice","scopes":["a"],"roles":[],"plan":null,"expires":"2099-01-01T00:00:00Z"}}"#
    );
    let record = ApiKeyRecord::from_json(&json).unwrap();
    assert_eq!(record.to_json(), json);
    assert!(!format!("{record:?}").contains(digest));
    // A word that is misspelled must not make a key good for longer, or from anywhere.
    for (from, to) in [
        ("2099-01-01", "2099-13-01"),
        ("ba78", "ba7"),
        ("alice", ""),
        ("expires", "expire"),
        ("\"plan\":null", "\"allowFrom\":[\"10.0.0.0/8\"]"),
    ] {
        assert!(ApiKeyRecord::from_json(&json.replacen(from, to, 1)).is_err(), "{to}");
    }
}
