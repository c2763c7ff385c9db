"""A local API with a hand on it: what tests of whole runs share.

`World` syncs manifests into one, and does by HTTP what people and controllers do past syncer.
"""

import http.client
import http.server
import io
import json
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

from workloads_of import path_of

from syncer import imagestreamtag, sync
from syncer.cluster import Client, ConnectionOptions, connect, read_live
from syncer.cluster.client import Patience
from syncer.events import nobody
from syncer.model import Scope
from syncer.source import SourceSpec
from syncer.sync import Options

ROOT = imagestreamtag.API_PATH
JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
IMAGE = "registry.example.com/team/app:v1"


def docker(name=IMAGE):
    return {"kind": "DockerImage", "name": name}


def tag(text, source=IMAGE, *, annotations=None, metadata=None, top=None, **stanza):
    """One manifest; `source` is a pull spec or a whole `from`, `stanza` more of the `tag` stanza."""
    namespace, _, name = text.partition("/")
    origin = docker(source) if isinstance(source, str) else source
    marks = {"annotations": annotations} if annotations else {}
    return {
        "apiVersion": "image.openshift.io/v1",
        "kind": "ImageStreamTag",
        "metadata": {"name": name, "namespace": namespace, **marks, **(metadata or {})},
        "tag": {"from": origin, **stanza},
        **(top or {}),
    }


def text_of(manifests):
    return "\n---\n".join(json.dumps(manifest) for manifest in manifests)


def split(text):
    namespace, _, name = text.partition("/")
    return namespace, *name.split(":", 1)


def make_client(url, *, token_file="", timeout=20.0, pool_size=8, **patience):
    options = ConnectionOptions(server=url, token_file=str(token_file), request_timeout=timeout)
    given = Patience(**{"pause": 0.01, "outage": 0.5, **patience})
    return Client(connect(options, environ={}), pool_size=pool_size, patience=given)


class World:
    """One local API, a client of it, and the requests since this was made."""

    def __init__(self, api, *, url="", **client):
        self.api = api
        self.url = url or api.url
        self.client = make_client(self.url, **client)
        self._began = len(api.requests())

    # what syncer does

    def options(self, **more):
        return Options(**{"source": SourceSpec("-"), "owner": "demo", **more})

    def plan(self, *manifests, **options):
        return sync.plan(self.options(**options), self.client, stdin(manifests))

    def sync(self, *manifests, stopped=bool, tell=nobody, **options):
        asked = self.options(**options)
        return sync.sync(asked, self.client, stdin(manifests), stopped=stopped, tell=tell)

    def validate_on_server(self, *manifests, **options):
        return sync.validate_on_server(self.options(**options), self.client, stdin(manifests))

    def live(self, *namespaces):
        scope = Scope(namespaces=namespaces or ("team-a",))
        return read_live(self.client, scope, page_size=500, concurrency=2)

    # what others do

    def __call__(self, method, path, body=None, kind="application/json"):
        """Send one request, and give status and body; a path without a leading slash is below a namespace."""
        data = None if body is None else json.dumps(body).encode()
        where = path if path.startswith("/") else f"{ROOT}/namespaces/{path}"
        request = urllib.request.Request(self.api.url + where, data, {"Content-Type": kind}, method=method)  # noqa: S310 - loopback
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 - loopback
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def post(self, manifest):
        status, body = self("POST", f"{manifest['metadata']['namespace']}/imagestreamtags", manifest)
        assert status == 201, body

    def put(self, *items):
        """Make objects that are no tags, by hand."""
        for item in items:
            status, body = self("POST", path_of(item), item)
            assert status == 201, body

    def get(self, text):
        return self("GET", _path(text))

    def patch(self, text, operations):
        status, body = self("PATCH", _path(text), operations, JSON_PATCH)
        assert status in (200, 201), body
        return status

    def point(self, text, source):
        """Point a tag elsewhere, by hand."""
        self.patch(text, [{"op": "replace", "path": "/tag/from", "value": docker(source)}])

    def annotate(self, text, **annotations):
        status, body = self("PATCH", _path(text), {"metadata": {"annotations": annotations}}, MERGE_PATCH)
        assert status == 200, body

    def delete(self, text):
        status, body = self("DELETE", _path(text))
        assert status == 200, body

    def delete_stream(self, text):
        namespace, stream, *_ = split(text)
        status, body = self("DELETE", f"{namespace}/imagestreams/{stream}")
        assert status == 200, body

    def stream(self, text):
        namespace, name, *_ = split(text)
        status, body = self("GET", f"{namespace}/imagestreams/{name}")
        return body if status == 200 else None

    def spec(self, text):
        """Give a tag as the stream's spec has it; None where it is not there."""
        return _named((self.stream(text) or {}).get("spec", {}).get("tags"), "name", split(text)[2])

    def items(self, text):
        """Give the images of a tag, the newest first."""
        status = _named((self.stream(text) or {}).get("status", {}).get("tags"), "tag", split(text)[2])
        return [item["image"] for item in (status or {}).get("items") or ()]

    def settle(self, *texts):
        """Wait until the imports of these tags are over."""
        keys = {tuple(split(text)) for text in texts}
        deadline = time.monotonic() + 10
        while any(
            (live.key.namespace, live.key.stream, live.key.tag) in keys and live.image.state == "pending"
            for live in self.live(*{namespace for namespace, *_ in keys}).tags.values()
        ):
            assert time.monotonic() < deadline
            time.sleep(0.02)

    # what was sent

    def requests(self, *methods):
        """Give (method, path) of all that was sent since the world was made, or of these methods only."""
        sent = self.api.requests()[self._began :]
        return [request for request in sent if not methods or request[0] in methods]

    def writes(self):
        return self.requests("POST", "PUT", "PATCH", "DELETE")

    def forget(self):
        """Count requests from here."""
        self._began = len(self.api.requests())

    def clear(self):
        """Delete every stream, and forget all that was sent."""
        _, streams = self("GET", f"{ROOT}/imagestreams")
        for namespace in {item["metadata"]["namespace"] for item in streams["items"] or ()}:
            self("DELETE", f"{namespace}/imagestreams")
        self.forget()


def stdin(manifests):
    return io.BytesIO(text_of(manifests).encode())


def _path(text):
    namespace, stream, name = split(text)
    return f"{namespace}/imagestreamtags/{stream}:{name}"


def _named(entries, field, name):
    return next((entry for entry in entries or () if entry[field] == name), None)


class Once:
    """A `stopped` hook that does something on its first call: after the plan, before the first write."""

    def __init__(self, action):
        self._action = action
        self.called = False

    def __call__(self):
        if not self.called:
            self.called = True
            self._action()
        return False


@contextmanager
def front(url, rule):
    """Put a server in front of the one at a URL, and give its own URL.

    `rule(method, path)` may sleep, and may give (status, object) or raw (status, bytes) to answer with instead; None
    passes the request on.
    """

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _handle(self):
            data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answer = rule(self.command, self.path)
            if answer is None:
                answer = self._forward(data)
            status, body = answer
            raw = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def _forward(self, data):
            behind = http.client.HTTPConnection(url.removeprefix("http://"), timeout=20)
            kept = {name: self.headers[name] for name in ("Content-Type", "Authorization") if name in self.headers}
            behind.request(self.command, self.path, data or None, kept)
            with behind.getresponse() as answer:
                found = answer.status, answer.read()
            behind.close()
            return found

        do_GET = do_POST = do_PATCH = do_DELETE = _handle  # noqa: N815 - http.server asks for these names

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
