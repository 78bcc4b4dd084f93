//! What was revoked, on every host, over real sockets.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use http::StatusCode;
use serde_json::json;
use tower_ready_auth::{
    Auth, Event, EventKind, Lookup, Principal, Reason, Revocation, RevocationFile, RevocationList,
    StoreError,
};
use tower_ready_testing::each_host;

use crate::{
    callers::{UNAUTHENTICATED, alice, assert_rejected, auth, bearer, subject},
    keys::File,
    support::{EC, HMAC, after, hmac_verifier, now, verifier, with},
};

each_host! {
    async fn what_is_revoked_is_refused_though_it_was_good(host) {
        let revoked = RevocationList::new();
        let auth = Auth::builder().jwt(verifier(&EC)).revocation(revoked.clone()).build().unwrap();
        let server = host.serve(auth.layer()).await;
        let token = |id: &str, subject: &str| {
            EC.token(&with(&[("jti", json!(id)), ("sub", json!(subject))]))
        };
        let (one, two, bob) = (token("1", "alice"), token("2", "alice"), token("3", "bob"));
        for token in [&one, &two, &bob] {
            server.call(bearer(token)).await.assert_ok();
        }
        revoked.credential("1", after(300));
        server.call(bearer(&one)).await.assert_rejected(StatusCode::UNAUTHORIZED, UNAUTHENTICATED);
        server.call(bearer(&two)).await.assert_ok();
        revoked.subject("alice");
        server.call(bearer(&two)).await.assert_rejected(StatusCode::UNAUTHORIZED, UNAUTHENTICATED);
        server.call(bearer(&bob)).await.assert_ok();
        // Without an id it could not be revoked.
        let nameless = EC.token(&with(&[("jti", json!(null))]));
        let reply = server.call(bearer(&nameless)).await;
        reply.assert_rejected(StatusCode::UNAUTHORIZED, UNAUTHENTICATED);
    }

    async fn a_store_that_is_down_lets_nobody_pass_unless_told_to(host) {
        struct Down;

        impl Revocation for Down {
            fn is_revoked(&self, _: &Principal) -> Lookup<Result<bool, StoreError>> {
                Lookup::later(async { Err(StoreError::new("password=K-4711 refused")) })
            }
        }

        let server = host.serve(auth().revocation(Down).build().unwrap().layer()).await;
        let reply = server.call(alice()).await;
        assert_rejected(&reply, 503, 14, None);
        assert!(!format!("{reply:?}").contains("password=K-4711"));
        let heard = Arc::new(Mutex::new(Vec::new()));
        let hearing = Arc::clone(&heard);
        let open = auth().revocation(Down).fail_open(true).on_event(move |event: &Event<'_>| {
            hearing.lock().unwrap().push((event.kind, event.reason));
        });
        let server = host.serve(open.build().unwrap().layer()).await;
        assert_eq!(subject(&server, alice()).await, "alice");
        let unchecked = (EventKind::Admitted, Some(Reason::StoreUnavailable));
        assert_eq!(*heard.lock().unwrap(), [unchecked]);
    }

    async fn a_file_revokes_by_each_of_its_values(host) {
        let name = format!("revoked-{}", std::any::type_name_of_val(&host).len() + now() as usize);
        let file = File::new(&format!("{name}-{:p}", &host), "# none\n\n");
        let revoked = RevocationFile::open(&file.0).unwrap();
        let server = host.serve(auth().revocation(revoked.clone()).build().unwrap().layer()).await;
        server.call(alice()).await.assert_ok();
        for value in ["jti-1", "alice"] {
            file.write(&format!("x\n{value}\n"));
            revoked.reread().unwrap();
            let reply = server.call(alice()).await;
            reply.assert_rejected(StatusCode::UNAUTHORIZED, UNAUTHENTICATED);
        }
        file.write("x\n");
        revoked.reread().unwrap();
        server.call(alice()).await.assert_ok();
    }
}

#[test]
fn revocation_by_subject_spares_newer_tokens() {
    let revoked = RevocationList::new();
    revoked.subject_before("alice", SystemTime::now() - Duration::from_secs(60));
    let verifier = hmac_verifier();
    let is_revoked = |claims: &serde_json::Value| {
        let principal = verifier.verify(HMAC.token(claims).as_bytes()).unwrap();
        match revoked.is_revoked(&principal) {
            Lookup::Ready(revoked) => revoked.unwrap(),
            Lookup::Later(_) => panic!("a list answers at once"),
        }
    };
    assert!(!is_revoked(&with(&[])));
    assert!(is_revoked(&with(&[("iat", json!(now() - 61))])));
    assert!(is_revoked(&with(&[("iat", json!(null))])));
    assert!(!is_revoked(&with(&[("sub", json!("bob"))])));
    revoked.restore("alice");
    assert!(revoked.is_empty());
}
