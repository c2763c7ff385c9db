"""What is fuzzed: each function takes any bytes, and may raise nothing but the errors that users are told."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from syncer.apply.undo import read_undo
from syncer.cluster.answers import decode
from syncer.cluster.pages import read_list
from syncer.errors import SyncerError
from syncer.imagestreamtag import live_fields, live_tags, owner_of, protection_of
from syncer.manifests import described, parse_manifests
from syncer.manifests.checks import Rules, check
from syncer.model import Blob
from syncer.plan import saved

ROOT = Path(__file__).parents[2]


def manifests(data: bytes) -> None:
    """Parse and check a file, as YAML and as JSON."""
    for name in ("app.yaml", "app.json"):
        blobs = [Blob(name, data)]
        found = parse_manifests(blobs, default_namespace="team-a")
        check(found, blobs, Rules(("team-a",), require_digests=True, whole=True))
        described(blobs[0], default_namespace="team-a")


def page(data: bytes) -> None:
    """Read a page of ImageStreams, and all that is asked of a live tag."""
    try:
        read_list(
            lambda path, _: decode(data, path),
            "/apis/image.openshift.io/v1/imagestreams",
            "ImageStream",
            namespace="",
            page_size=500,
            reduce=lambda stream: [
                (live_fields(live), owner_of(live), protection_of(live)) for live in live_tags(stream)
            ],
            on_page=lambda _: None,
        )
    except SyncerError:
        return


def plan(data: bytes) -> None:
    """Read a saved plan whose checksum is right."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        document = None
    if isinstance(document, dict):
        try:
            data = json.dumps({**document, "checksum": saved.checksum(document)}).encode()
        except RecursionError:
            return
    try:
        saved.load(data, "plan.json")
    except SyncerError:
        return


def undo(data: bytes) -> None:
    """Read an undo file."""
    with tempfile.NamedTemporaryFile(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as file:  # noqa: S108 - speed
        file.write(data)
        file.flush()
        try:
            read_undo(Path(file.name))
        except SyncerError:
            return


TARGETS = {"manifests": manifests, "page": page, "plan": plan, "undo": undo}


def seeds(name: str) -> list[bytes]:
    """Give files to start from."""
    if name == "manifests":
        return [path.read_bytes() for path in sorted((ROOT / "manifests-example").rglob("*.yaml"))[:10]]
    if name == "plan":
        return [
            path.read_bytes()
            for path in sorted((ROOT / "tests/report/golden").glob("*.json"))
            if "gitlab" not in path.name
        ]
    tag = {"name": "v1", "from": {"kind": "DockerImage", "name": "a/b"}, "annotations": {"a": "b"}, "generation": 2}
    if name == "undo":
        before = {"spec": tag, "annotations": {"a": "b"}, "digest": "sha256:0"}
        lines = [
            {"syncer_undo": "1.0", "server": "https://a", "owner": "o", "source": {}, "changes": 1},
            {"namespace": "team-a", "name": "app:v1", "action": "update", "before": before, "after": {"/tag/from": {}}},
            {"namespace": "team-a", "name": "app:v1", "wrote": "yes"},
        ]
        return ["".join(f"{json.dumps(line)}\n" for line in lines).encode()]
    condition = {"type": "ImportSuccess", "status": "False", "message": "m", "generation": 2, "lastTransitionTime": "t"}
    status = {"tag": "v1", "items": [{"image": "sha256:0", "generation": 1}], "conditions": [condition]}
    stream = {"metadata": {"namespace": "team-a", "name": "app", "uid": "u", "annotations": {"a": "b"}}}
    items = [{**stream, "spec": {"tags": [tag]}, "status": {"tags": [status]}}]
    metadata = {"resourceVersion": "1"}
    return [json.dumps({"kind": "ImageStreamList", "metadata": metadata, "items": items}).encode()]
