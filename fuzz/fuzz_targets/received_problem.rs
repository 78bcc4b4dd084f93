//! Whatever a peer says is a problem, reading it ends and holds no more than was sent.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use tower_ready_problem::ProblemDetails;

fuzz_target!(|data: &[u8]| {
    let _ = ProblemDetails::from_json(data);
    let status = tonic::Status::with_details(
        tonic::Code::Internal,
        String::new(),
        Bytes::copy_from_slice(data),
    );
    let _ = ProblemDetails::from_status(&status);
});
