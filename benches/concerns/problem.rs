//! Errors: what a good answer pays for them, and what they cost themselves.

use std::{
    convert::Infallible,
    future::{self, Ready},
    hint::black_box,
    panic,
    task::{Context, Poll},
    time::Duration,
};

use axum::{error_handling::HandleErrorLayer, response::IntoResponse};
use bytes::Bytes;
use http::{Request, Response, StatusCode, Uri};
use http_api_problem::HttpApiProblem;
use http_body_util::Full;
use problem_details::ProblemDetails;
use tonic_types::{ErrorDetails, StatusExt};
use tower::{BoxError, timeout::error::Elapsed, util::BoxService};
use tower_http::catch_panic::CatchPanicLayer;
use tower_layer::Layer;
use tower_ready_benches::{Cases, NoOp, Repeat, call};
use tower_ready_core::LocalRejection;
use tower_ready_problem::{Caller, Problem, ProblemLayer, ProblemType, types};
use tower_service::Service;

use crate::requests::{get, grpc, with_ids};

static OUT_OF_STOCK: ProblemType =
    ProblemType::new("out-of-stock", StatusCode::CONFLICT, "The item is out of stock");

const DETAIL: &str = "no teapot is left, and the next ones come in three days";
const PATH: &str = "/orders/42";

pub(crate) fn cases(cases: &mut Cases) {
    silence_our_own_panics();
    success(cases);
    callers(cases);
    build(cases);
    rejection(cases);
    conversion(cases);
}

fn success(cases: &mut Cases) {
    let ours = || ProblemLayer::default().layer(NoOp);
    let request = get();
    cases
        .over("success", "a no-op service", call(&request, NoOp))
        .ours("ProblemLayer", call(&request, ours()))
        .peer("CatchPanic", call(&request, CatchPanicLayer::new().layer(NoOp)))
        .peer("HandleErrorLayer", call(&request, HandleErrorLayer::new(handle).layer(NoOp)));

    let request = with_ids(get());
    cases
        .over("success, with ids", "a no-op service", call(&request, NoOp))
        .ours("ProblemLayer", call(&request, ours()));

    let boxed = || BoxService::new(NoOp);
    let request = with_ids(get());
    cases
        .over("success, boxed", "a boxed service", call(&request, boxed()))
        .ours("ProblemLayer", call(&request, ProblemLayer::default().layer(boxed())))
        .peer("CatchPanic", call(&request, CatchPanicLayer::new().layer(boxed())));

    let request = with_ids(grpc());
    cases
        .over("success, gRPC", "a no-op service", call(&request, NoOp))
        .ours("ProblemLayer", call(&request, ours()))
        .peer("CatchPanic", call(&request, CatchPanicLayer::new().layer(NoOp)));
}

fn callers(cases: &mut Cases) {
    let caller = |request| Repeat::of(move || Caller::of(black_box(&request)));
    cases
        .operations("Caller::of")
        .ours("GET", caller(get()))
        .ours("GET, with ids", caller(with_ids(get())))
        .ours("gRPC, with ids", caller(with_ids(grpc())));
}

fn build(cases: &mut Cases) {
    cases
        .operations("JSON")
        .ours("Problem, built", Repeat::of(ours))
        .ours("Problem, built and written", Repeat::of(|| ours().to_json()))
        .peer("http-api-problem", Repeat::of(|| http_api_problem().json_bytes()))
        .peer("problem_details", Repeat::of(|| serde_json::to_vec(&problem_details()).unwrap()));
}

fn ours() -> Problem {
    Problem::new(black_box(&OUT_OF_STOCK)).detail(DETAIL)
}

fn http_api_problem() -> HttpApiProblem {
    HttpApiProblem::new(StatusCode::CONFLICT)
        .type_url("/problems/out-of-stock")
        .title(black_box("The item is out of stock"))
        .detail(DETAIL)
        .instance(PATH)
}

fn problem_details() -> ProblemDetails {
    ProblemDetails::new()
        .with_status(StatusCode::CONFLICT)
        .with_type(Uri::from_static("/problems/out-of-stock"))
        .with_title(black_box("The item is out of stock"))
        .with_detail(DETAIL)
        .with_instance(Uri::from_static(PATH))
}

fn rejection(cases: &mut Cases) {
    let known = Caller::of(&with_ids(get()));
    let unknown = Caller::of(&get());
    cases
        .operations("rejection")
        .ours("HTTP", Repeat::of(move || rejected().answer(&known)))
        .ours("HTTP, with a new request id", Repeat::of(move || rejected().answer(&unknown)))
        .peer("http-api-problem", Repeat::of(|| http_api_problem().to_axum_response()))
        .peer("problem_details", Repeat::of(|| problem_details().into_response()));

    let known = Caller::of(&with_ids(grpc()));
    cases
        .operations("rejection, gRPC")
        .ours("gRPC", Repeat::of(move || rejected().answer(&known)))
        .peer("tonic-types", Repeat::of(tonic_types));
}

/// As a limiter does it.
fn rejected() -> Problem {
    Problem::new(black_box(&types::QUOTA_EXCEEDED))
        .detail(DETAIL)
        .retry_after(Duration::from_secs(7))
        .violated_policy("per-minute")
        .rejected_by(LocalRejection::new("ratelimit", "quota"))
}

fn tonic_types() -> Response<Full<Bytes>> {
    let mut details = ErrorDetails::new();
    details
        .set_error_info("QUOTA_EXCEEDED", "tower-ready", [])
        .set_retry_info(Some(Duration::from_secs(7)))
        .set_request_info("0198e2c5-7a53-7c1e-9d4b-3f7a86b1c2d0", "")
        .add_quota_failure_violation("per-minute", black_box("A quota is used up"));
    tonic::Status::with_error_details(tonic::Code::ResourceExhausted, DETAIL, details).into_http()
}

fn conversion(cases: &mut Cases) {
    let request = with_ids(get());
    let missing = || Does::<Infallible>(|| Ok(status(StatusCode::NOT_FOUND)));
    cases
        .over("an empty 404", "a service that answers so", call(&request, missing()))
        .ours("ProblemLayer", call(&request, ProblemLayer::default().layer(missing())));

    let failing = || Does(|| Err(BoxError::from(Elapsed::new())));
    cases
        .over("an error of tower", "a no-op service", call(&request, NoOp))
        .ours("ProblemLayer", call(&request, ProblemLayer::default().layer(failing())))
        .peer(
            "HandleErrorLayer and problem_details",
            call(&request, HandleErrorLayer::new(handle).layer(failing())),
        );

    let panicking = || Does::<Infallible>(|| panic::panic_any(EXPECTED));
    let catch = CatchPanicLayer::custom(|_| problem_details().into_response());
    cases
        .over("a panic", "a no-op service", call(&request, NoOp))
        .ours("ProblemLayer", call(&request, ProblemLayer::default().layer(panicking())))
        .peer("CatchPanic and problem_details", call(&request, catch.layer(panicking())));
}

async fn handle<E>(_: E) -> axum::response::Response {
    problem_details().into_response()
}

fn status(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

/// A service that does this.
struct Does<E>(fn() -> Result<Response<Full<Bytes>>, E>);

impl<E> Clone for Does<E> {
    fn clone(&self) -> Self {
        Self(self.0)
    }
}

impl<E, Q> Service<Request<Q>> for Does<E> {
    type Response = Response<Full<Bytes>>;
    type Error = E;
    type Future = Ready<Result<Self::Response, E>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), E>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        black_box(&request);
        future::ready(black_box(self.0)())
    }
}

const EXPECTED: &str = "this panic is measured";

fn silence_our_own_panics() {
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if info.payload().downcast_ref() != Some(&EXPECTED) {
            usual(info);
        }
    }));
}
