"""What the server was seen to refuse, and what it took: manifests are judged as it judges them."""

import json
import pathlib

import pytest

from syncer.manifests import parse_manifests
from syncer.model import Blob

RECORDED = json.loads((pathlib.Path(__file__).parent.parent / "localapi/recordings/semantics.json").read_text())
STRICTER = {
    "name with two colons",
    "empty tag",
    "no tag stanza",
    "tag without from",
    "tag.name differs",
    "unknown field, Warn",
    "unknown field, Ignore",
    "bad label key",
}
"""What the server takes, and makes something of that nobody means; labels are not applied, so never judged."""
UNKNOWABLE = {
    "namespace differs from the path",
    "cluster-scoped path, namespace in the body",
    "a namespace that does not exist",
    "invalid dryRun",
    "stream absent",
    "namespace absent",
    "create again",
    "cluster-scoped path, no namespace",
    "tag.annotations only",  # we send them in both places
}
"""What the server refuses for reasons that are not in the manifest."""


def recorded():
    for group in RECORDED:
        for step, exchange in zip(group["steps"], group["exchanges"], strict=True):
            body = step.get("body")
            posts = step["method"] == "POST" and isinstance(body, dict) and body["kind"] == "ImageStreamTag"
            if posts and step["name"] not in STRICTER | UNKNOWABLE:
                yield pytest.param(body, exchange["status"], id=f"{group['name']}: {step['name']}")


@pytest.mark.parametrize(("body", "status"), list(recorded()))
def test_a_manifest_is_refused_where_the_server_refuses_it(body, status):
    manifests = parse_manifests([Blob("a.json", json.dumps(body).encode())], default_namespace="team-a")
    assert manifests.parsed == (status < 300), manifests.problems
