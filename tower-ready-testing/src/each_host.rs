//! The macro that runs one test on every host.

/// Runs each test it holds once per host, over a real socket with a real client.
///
/// A test `async fn name(host) { … }` becomes a module `name` with the tests `axum`, `hyper`,
/// `tonic` and `tonic_in_axum`, so that a failure says where: `name::tonic`. `host` has one
/// method that matters, `serve(layer).await`, and a concrete type on each host, since each wants
/// other bounds of a layer; what compiles here compiles for users of that host.
///
/// Two attributes belong to the macro, every other goes to the module:
///
/// - `#[hosts(axum, hyper)]` runs only there, for behaviours that one protocol lacks.
/// - `#[multi_thread]` runs on two workers instead of on the test's own thread.
///
/// ```
/// # mod tests {
/// use tower_ready_testing::{Call, each_host};
///
/// each_host! {
///     /// The layer does not disturb what it lets through.
///     async fn an_answer_passes(host) {
///         let server = host.serve(tower_layer::Identity::new()).await;
///         assert!(server.call(Call::ok()).await.is_ok());
///     }
///
///     #[hosts(axum, hyper)]
///     async fn an_answer_has_a_length(host) {
///         let server = host.serve(tower_layer::Identity::new()).await;
///         assert_eq!(server.call(Call::ok()).await.header("content-length"), Some("2"));
///     }
/// }
/// # }
/// ```
#[macro_export]
macro_rules! each_host {
    (@read $hosts:tt $flavor:tt [$($kept:tt)*] #[hosts($($host:ident),+ $(,)?)] $($rest:tt)*) => {
        $crate::each_host! { @read [$($host)+] $flavor [$($kept)*] $($rest)* }
    };
    (@read $hosts:tt $flavor:tt [$($kept:tt)*] #[multi_thread] $($rest:tt)*) => {
        $crate::each_host! { @read $hosts [flavor = "multi_thread", worker_threads = 2,] [$($kept)*] $($rest)* }
    };
    (@read $hosts:tt $flavor:tt [$($kept:tt)*] #[$other:meta] $($rest:tt)*) => {
        $crate::each_host! { @read $hosts $flavor [$($kept)* #[$other]] $($rest)* }
    };
    (@read [$($host:ident)+] $flavor:tt [$($kept:tt)*]
        async fn $name:ident($value:ident) $body:block $($rest:tt)*
    ) => {
        $($kept)*
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            $crate::each_host! { @tests [$($host)+] $flavor $value $body }
        }

        $crate::each_host! { $($rest)* }
    };
    (@tests [$($host:ident)+] $flavor:tt $value:ident $body:block) => {
        $( $crate::each_host! { @test $host $flavor $value $body } )+
    };
    (@test $host:ident [$($flavor:tt)*] $value:ident $body:block) => {
        #[$crate::__tokio::test($($flavor)* crate = "::tower_ready_testing::__tokio")]
        async fn $host() {
            let $value = $crate::each_host!(@value $host);
            $body
        }
    };
    (@value axum) => { $crate::hosts::Axum };
    (@value hyper) => { $crate::hosts::Hyper };
    (@value tonic) => { $crate::hosts::Tonic };
    (@value tonic_in_axum) => { $crate::hosts::TonicInAxum };
    () => {};
    ($($tests:tt)+) => {
        $crate::each_host! { @read [axum hyper tonic tonic_in_axum] [] [] $($tests)+ }
    };
}
