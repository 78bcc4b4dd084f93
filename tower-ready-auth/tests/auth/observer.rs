//! What an observer hears, on every host, over real sockets.

use std::sync::{Arc, Mutex};

use tower::ServiceBuilder;
use tower_ready_auth::{Event, EventKind, Policy, Reason};
use tower_ready_testing::{Call, each_host};

use crate::callers::{alice, auth};

each_host! {
    async fn an_observer_hears_what_was_decided(host) {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (auth_heard, policy_heard) = (Arc::clone(&heard), Arc::clone(&heard));
        let hear = |heard: &Mutex<Vec<_>>, event: &Event<'_>| {
            let subject = event.principal.map(|it| it.subject().to_owned());
            heard.lock().unwrap().push((event.kind, event.reason, subject));
        };
        let auth = auth().on_event(move |event: &Event<'_>| hear(&auth_heard, event));
        let policy = Policy::scope("orders:write").layer();
        let stack = ServiceBuilder::new()
            .layer(auth.build().unwrap().layer())
            .layer(policy.on_event(move |event: &Event<'_>| hear(&policy_heard, event)));
        let server = host.serve(stack).await;
        server.call(Call::ok()).await;
        server.call(alice()).await;
        assert_eq!(*heard.lock().unwrap(), [
            (EventKind::Refused, Some(Reason::MissingCredentials), None),
            (EventKind::Admitted, None, Some("alice".to_owned())),
            (EventKind::Denied, Some(Reason::InsufficientScope), Some("alice".to_owned())),
        ]);
    }
}
