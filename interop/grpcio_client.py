"""What Python's grpcio sees of a problem: code, message, details, pushback.

    python grpcio_client.py http://127.0.0.1:PORT

speaks to the example `interop_grpc` of tower-ready-problem. It prints `ok NAME` or
`FAILED NAME: why` for each check, and exits with 1 if one failed. There are no generated stubs:
every method is called with raw bytes, and the details come from googleapis' own messages.
"""

import json
import sys
import time
from functools import partial

import grpc
from google.protobuf import duration_pb2
from google.rpc import error_details_pb2
from grpc_status import rpc_status

SERVICE = "/probe.v1.Probe/"
MESSAGE = "quota spent: 100 % of 5 ✓"
SECRET = "do not show this: K-4711"

# Far above what any answer takes: a check that reaches it failed.
PATIENCE_SECONDS = 20

# The proxy of the environment is for the internet, not for the loopback interface.
OPTIONS = [("grpc.enable_http_proxy", 0)]

RETRIES = {
    "methodConfig": [
        {
            "name": [{}],
            "retryPolicy": {
                "maxAttempts": 3,
                "initialBackoff": "0.01s",
                "maxBackoff": "0.05s",
                "backoffMultiplier": 1,
                "retryableStatusCodes": ["UNAVAILABLE", "RESOURCE_EXHAUSTED"],
            },
        }
    ]
}

CHECKS = []


def check(function):
    """Registers a check under the name of its function."""
    CHECKS.append((function.__name__, function))
    return function


def check_both_forms(function):
    """Registers a check of the quota rejection, once per form of call."""
    for form, method, call in [
        ("unary", "Reject", call_unary),
        ("server_streaming", "RejectStream", call_server_streaming),
    ]:
        CHECKS.append((f"{form}_{function.__name__}", partial(judge, function, method, call)))
    return function


def judge(function, method, call, target):
    """Calls the method and hands its failure to the check."""
    with open_channel(target) as channel:
        function(call(channel, method))


# === calls ===


def open_channel(target, options=()):
    return grpc.insecure_channel(target, options=[*OPTIONS, *options])


def call_unary(channel, method, metadata=()):
    """The error that a unary call ends with."""
    call = channel.unary_unary(SERVICE + method)
    return error_of(lambda: call(b"", metadata=metadata, timeout=PATIENCE_SECONDS))


def call_server_streaming(channel, method, metadata=()):
    """The error that a server-streaming call ends with, before its first message."""
    call = channel.unary_stream(SERVICE + method)
    return error_of(lambda: list(call(b"", metadata=metadata, timeout=PATIENCE_SECONDS)))


def error_of(call):
    try:
        answer = call()
    except grpc.RpcError as error:
        return error
    raise AssertionError(f"answered {answer!r} instead of failing")


def timed(call):
    """The result of a call, and the seconds it took."""
    start = time.monotonic()
    return call(), time.monotonic() - start


# === expectations ===


def expect(what, actual, wanted):
    if actual != wanted:
        raise AssertionError(f"{what} is {actual!r}, not {wanted!r}")


def trailer(error, key):
    """The values of a trailing metadata key."""
    return [value for name, value in error.trailing_metadata() if name == key]


def rich_status(error):
    """The google.rpc.Status in `grpc-status-details-bin`, which from_call also compares with the
    plain code and message."""
    status = rpc_status.from_call(error)
    if status is None:
        raise AssertionError("there is no grpc-status-details-bin")
    return status


def detail(error, kind):
    """The one detail of this kind."""
    found = [packed for packed in rich_status(error).details if packed.Is(kind.DESCRIPTOR)]
    expect(f"the number of {kind.DESCRIPTOR.name} details", len(found), 1)
    message = kind()
    found[0].Unpack(message)
    return message


# === a quota rejection with every detail ===


@check_both_forms
def rejection_has_its_code(error):
    expect("the code", error.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)


@check_both_forms
def rejection_keeps_percent_and_non_ascii_in_its_message(error):
    expect("the message", error.details(), MESSAGE)


@check_both_forms
def rejection_has_the_same_code_and_message_in_its_rich_status(error):
    status = rich_status(error)
    expect("the code", status.code, grpc.StatusCode.RESOURCE_EXHAUSTED.value[0])
    expect("the message", status.message, MESSAGE)


@check_both_forms
def rejection_carries_error_info(error):
    info = detail(error, error_details_pb2.ErrorInfo)
    expect("the reason", info.reason, "QUOTA_EXCEEDED")
    expect("the domain", info.domain, "tower-ready.example")


@check_both_forms
def rejection_carries_retry_info(error):
    info = detail(error, error_details_pb2.RetryInfo)
    expect("the delay", info.retry_delay, duration_pb2.Duration(seconds=3))


@check_both_forms
def rejection_carries_request_info(error):
    if not detail(error, error_details_pb2.RequestInfo).request_id:
        raise AssertionError("the request id is empty")


@check_both_forms
def rejection_carries_bad_request(error):
    request = detail(error, error_details_pb2.BadRequest)
    violations = [(violation.field, violation.description) for violation in request.field_violations]
    expect("the violations", violations, [("/item", "must not be empty")])


@check_both_forms
def rejection_asks_for_pushback(error):
    expect("grpc-retry-pushback-ms", trailer(error, "grpc-retry-pushback-ms"), ["3000"])


# === errors that others made, behind ProblemLayer ===


@check
def bare_http_429_is_resource_exhausted_with_pushback(target):
    with open_channel(target) as channel:
        error = call_unary(channel, "Bare429")
    expect("the code", error.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)
    expect("grpc-retry-pushback-ms", trailer(error, "grpc-retry-pushback-ms"), ["3000"])


@check
def panic_is_internal_and_says_nothing_of_its_text(target):
    with open_channel(target) as channel:
        error = call_unary(channel, "CatchPanic")
    expect("the code", error.code(), grpc.StatusCode.INTERNAL)
    seen = [error.details().encode()]
    for _, value in error.trailing_metadata():
        seen.append(value if isinstance(value, bytes) else value.encode())
    for secret in (SECRET, "K-4711", "panicked"):
        if any(secret.encode() in value for value in seen):
            raise AssertionError(f"the client sees {secret!r}: {error.details()!r}")


@check
def timeout_of_the_server_is_deadline_exceeded(target):
    with open_channel(target) as channel:
        error, seconds = timed(lambda: call_unary(channel, "Timeout"))
    expect("the code", error.code(), grpc.StatusCode.DEADLINE_EXCEEDED)
    # grpcio gives the same code when its own patience ends.
    if seconds > PATIENCE_SECONDS / 2:
        raise AssertionError(f"the deadline was our own, after {seconds:.1f} s")


@check
def unknown_method_is_unimplemented(target):
    with open_channel(target) as channel:
        error = call_unary(channel, "Nowhere")
    expect("the code", error.code(), grpc.StatusCode.UNIMPLEMENTED)


# === the client's own retries ===


@check
def retries_wait_for_the_pushback(target):
    """Two waits of 300 ms between three attempts, where its own backoff is at most 50 ms."""
    options = [("grpc.enable_retries", 1), ("grpc.service_config", json.dumps(RETRIES))]
    with open_channel(target, options) as channel:
        grpc.channel_ready_future(channel).result(PATIENCE_SECONDS)
        error, seconds = timed(lambda: reject_with_short_pushback(channel))
    expect("the code", error.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)
    if not 0.6 <= seconds < 3:
        raise AssertionError(f"three attempts took {seconds:.3f} s, not 0.6 s or a little more")


@check
def without_a_retry_policy_there_is_one_attempt(target):
    """So that the time above is known to come from the retries."""
    with open_channel(target) as channel:
        grpc.channel_ready_future(channel).result(PATIENCE_SECONDS)
        error, seconds = timed(lambda: reject_with_short_pushback(channel))
    expect("the code", error.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)
    if seconds >= 0.3:
        raise AssertionError(f"one attempt took {seconds:.3f} s")


def reject_with_short_pushback(channel):
    return call_unary(channel, "Reject", metadata=[("x-pushback-ms", "300")])


# === running them ===


def run(name, function, target):
    try:
        function(target)
    except Exception as error:  # a check that breaks is a check that failed
        why = " ".join(str(error).split()) or type(error).__name__
        print(f"FAILED {name}: {why}")
        return False
    print(f"ok {name}")
    return True


def main(arguments):
    if len(arguments) != 1:
        sys.exit("usage: grpcio_client.py http://127.0.0.1:PORT")
    target = arguments[0].removeprefix("http://")
    results = [run(name, function, target) for name, function in CHECKS]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
