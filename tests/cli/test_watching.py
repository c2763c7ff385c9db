"""Metrics and Events of whole runs: off unless asked for, and never what a run fails by."""

import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from prometheus_client.parser import text_string_to_metric_families
from world import front

SUCCESS = "syncer_last_success_timestamp_seconds"


def value(text, name, **labels):
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == name and labels.items() <= sample.labels.items():
                return sample.value
    return None


@pytest.fixture
def gateway():
    """Stand in for a Pushgateway: what it was sent, and the status that it answers with."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.server.seen.append((self.command, self.path, body.decode()))
            self.send_response(self.server.status)
            self.end_headers()

        do_PUT = do_POST  # noqa: N815 - http.server asks for these names

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.seen, server.status, server.url = [], 202, f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def sync(syncer, world, checkout, *options):
    return syncer("sync", checkout, "--server", world.url, "-q", *options)


def test_a_metrics_file_is_written_and_keeps_the_last_success(syncer, world, checkout, tmp_path):
    path = tmp_path / "syncer.prom"
    assert sync(syncer, world, checkout, "--metrics-file", path).code == 0
    first = path.read_text()
    assert value(first, "syncer_tags", outcome="created", owner="git.example.com/team/tags") == 1
    (checkout / "bad.yaml").write_text("not: [closed")
    assert sync(syncer, world, checkout, "--metrics-file", path, "--allow-dirty").code == 1
    second = path.read_text()
    assert value(second, SUCCESS) == value(first, SUCCESS) is not None
    assert value(second, "syncer_problems", severity="error") == 1
    assert value(second, "syncer_last_run_timestamp_seconds") >= value(second, SUCCESS)


def test_without_the_options_the_package_is_not_needed(syncer, world, checkout, monkeypatch):
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    assert sync(syncer, world, checkout).code == 0


def test_without_the_package_the_run_is_refused_before_it_begins(syncer, world, checkout, tmp_path, monkeypatch):
    monkeypatch.setattr("syncer.cli.watching.find_spec", lambda _: None)
    ended = sync(syncer, world, checkout, "--metrics-file", tmp_path / "syncer.prom")
    assert (ended.code, world.writes()) == (64, [])
    assert "pip install 'syncer[metrics]'" in ended.err


def test_a_file_that_cannot_be_written_is_a_warning(syncer, world, checkout, tmp_path):
    (tmp_path / "file").write_text("")
    ended = sync(syncer, world, checkout, "--metrics-file", tmp_path / "file" / "syncer.prom")
    assert ended.code == 0
    assert ended.err.startswith("Warning: metrics: ")
    assert world.spec("team-a/app:v1")


def test_metrics_are_added_to_a_pushgateway_by_owner(syncer, world, checkout, gateway):
    assert sync(syncer, world, checkout, "--pushgateway", gateway.url).code == 0
    ((method, path, body),) = gateway.seen
    assert method == "POST"  # PUT would drop the time of the last success
    assert path.startswith("/metrics/job/syncer/owner@base64/")
    assert value(body, "syncer_tags", outcome="created") == 1


def test_a_pushgateway_that_refuses_is_a_warning_without_its_password(syncer, world, checkout, gateway):
    gateway.status = 500
    url = gateway.url.replace("http://", "http://ann:s3cret@")
    ended = sync(syncer, world, checkout, "--pushgateway", url)
    assert ended.code == 0
    assert ended.err.startswith("Warning: metrics: the Pushgateway at 127.0.0.1")
    assert "s3cret" not in ended.err


def test_what_is_no_url_is_refused_before_the_run(syncer, world, checkout):
    ended = sync(syncer, world, checkout, "--pushgateway", "pushgateway:9091")
    assert (ended.code, world.requests()) == (64, [])


@pytest.mark.parametrize(("code", "warning"), [(201, ""), (403, "create events"), (500, "1 Event was not written")])
def test_events_are_written_on_the_stream_and_a_refusal_is_a_warning(syncer, world, checkout, code, warning):
    events = []

    def rule(_, path):
        if not path.endswith("/events"):
            return None
        events.append(path)
        return code, {"message": "told", "reason": "Forbidden" if code == 403 else ""}

    with front(world.url, rule) as url:
        ended = syncer("sync", checkout, "--server", url, "-q", "--events")
    assert ended.code == 0
    assert warning in ended.err
    assert bool(ended.err) == bool(warning)
    assert events == ["/api/v1/namespaces/team-a/events"]


def test_without_the_option_no_event_is_written(syncer, world, checkout):
    assert sync(syncer, world, checkout).code == 0
    assert not [path for _, path in world.requests() if path.endswith("/events")]
