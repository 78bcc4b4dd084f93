"""What Prometheus' own tools make of our exposition.

    python prometheus_scrape.py http://127.0.0.1:PORT PROMTOOL

speaks to the example `interop_prometheus` of tower-ready-obs. It prints `ok NAME` or
`FAILED NAME: why` for each check, and exits with 1 if one failed. `promtool check metrics` reads the
text format, the parsers of prometheus_client read it and OpenMetrics, whose own is strict.
"""

import gzip
import math
import subprocess
import sys
import urllib.request

from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as plain

# Far above what any answer takes: a check that reaches it failed.
PATIENCE_SECONDS = 20

# The proxy of the environment is for the internet, not for the loopback interface.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))

# What Prometheus 2 and 3 send.
OPEN_METRICS = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
DURATION = "http_server_request_duration_seconds"
ODD_ROUTES = ["/orders/{id}", '/quo"tes', "/back\\slash", "/new\nline", "/ünïcode/😀"]

CHECKS = []


def check(function):
    """Registers a check under the name of its function."""
    CHECKS.append((function.__name__, function))
    return function


def get(url, **headers):
    request = urllib.request.Request(url + "/metrics", headers=headers)
    with OPENER.open(request, timeout=PATIENCE_SECONDS) as answer:
        return answer.headers, answer.read()


def text(url, accept):
    return get(url, Accept=accept)[1].decode("utf-8")


def families(parse, document):
    found = {}
    for family in parse(document):
        assert family.name not in found, f"{family.name} comes twice"
        found[family.name] = family
    return found


def value(family, sample, **labels):
    values = [s.value for s in family.samples if s.name == sample and labels.items() <= s.labels.items()]
    assert values, f"there is no {sample} with {labels}"
    return sum(values)


@check
def promtool_finds_nothing_to_lint(url, promtool):
    ours = text(url, "*/*")
    run = subprocess.run([promtool, "check", "metrics"], input=ours.encode(), capture_output=True, check=False)
    assert run.returncode == 0, (run.stdout + run.stderr).decode()
    assert run.stderr == b"", run.stderr.decode()


@check
def text_is_read_by_prometheus_client(url, _):
    found = families(plain, text(url, "*/*"))
    assert value(found[DURATION], DURATION + "_count", http_route="/orders/{id}") == 4
    assert value(found["interop_temperature_celsius"], "interop_temperature_celsius") == -2.5
    assert math.isnan(found["interop_nothing"].samples[0].value)


@check
def open_metrics_is_read_by_the_strict_parser(url, _):
    headers, body = get(url, Accept=OPEN_METRICS)
    assert headers["content-type"].startswith("application/openmetrics-text; version=1.0.0"), headers["content-type"]
    found = families(open_metrics, body.decode("utf-8"))
    assert found[DURATION].type == "histogram" and found[DURATION].unit == "seconds"
    assert found["tower_ready_build"].type == "info"
    assert found["tower_ready_rejections"].type == "counter"
    # Each is rejected once by the layer, and has the odd name of its route.
    for route in ODD_ROUTES:
        assert value(found["tower_ready_rejections"], "tower_ready_rejections_total", http_route=route) == 1
    for name in ["rpc_server_call_duration_seconds", "tower_ready_http_stream_duration_seconds",
                 "http_client_request_duration_seconds", "http_server_request_body_size_bytes",
                 "tower_ready_http_time_to_headers_seconds", "process_cpu_seconds", "tokio_workers"]:
        assert found[name].samples, name


@check
def exemplars_name_sampled_traces(url, _):
    found = families(open_metrics, text(url, OPEN_METRICS))
    exemplars = [s.exemplar for s in found[DURATION].samples if s.exemplar]
    assert exemplars, "there are none"
    for exemplar in exemplars:
        assert exemplar.labels == {
            "trace_id": "0af7651916cd43dd8448eb211c80319c", "span_id": "00f067aa0ba902b7",
        }, exemplar
        assert exemplar.timestamp is not None
        assert 0 <= exemplar.value < PATIENCE_SECONDS


@check
def labels_come_back_as_they_were(url, _):
    for parse, accept in [(plain, "*/*"), (open_metrics, OPEN_METRICS)]:
        found = families(parse, text(url, accept))
        routes = {s.labels.get("http_route") for s in found[DURATION].samples}
        assert set(ODD_ROUTES) <= routes, (parse.__module__, routes)
        build = found["tower_ready_build" if parse is open_metrics else "tower_ready_build_info"]
        assert build.samples[0].labels["version"] == '1.0.0 "quoted" \\ and\nbroken'


@check
def the_overflow_is_one_series(url, _):
    found = families(open_metrics, text(url, OPEN_METRICS))
    assert value(found[DURATION], DURATION + "_count", otel_metric_overflow="true") > 50
    series = [s for s in found[DURATION].samples if s.name == DURATION + "_count"]
    assert len(series) <= 61, len(series)
    assert value(found["tower_ready_series_dropped"], "tower_ready_series_dropped_total") > 50


@check
def both_formats_say_the_same(url, _):
    def counts(parse, accept):
        found = families(parse, text(url, accept))
        return sorted(
            (s.name, sorted(s.labels.items()), s.value)
            for name in [DURATION, "rpc_server_call_duration_seconds"]
            for s in found[name].samples
            if s.name.endswith("_count")
        )

    assert counts(plain, "*/*") == counts(open_metrics, OPEN_METRICS)


@check
def gzip_unpacks_to_the_same(url, _):
    headers, packed = get(url, **{"Accept": "*/*", "Accept-Encoding": "gzip"})
    assert headers["content-encoding"] == "gzip"
    names = {line.split("{")[0].split(" ")[0] for line in gzip.decompress(packed).decode().splitlines()}
    assert names == {line.split("{")[0].split(" ")[0] for line in text(url, "*/*").splitlines()}


def main():
    url, promtool = sys.argv[1], sys.argv[2]
    failed = False
    for name, function in CHECKS:
        try:
            function(url, promtool)
        except Exception as error:  # whatever it is, it belongs to this check
            failed = True
            print(f"FAILED {name}: {type(error).__name__}: {error}", flush=True)
        else:
            print(f"ok {name}", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
