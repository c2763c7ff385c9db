"""kubectl's own three-way merge, held beside ours: the same base, live state and manifest give the same tag.

`kubectl apply --dry-run=client` prints the live object as it is, so the server is asked for the dry run. Left out are a
reference, which kubectl cannot see (fact 2), and where the two differ by intent: kubectl merges `from` field by field,
and takes away a whole policy, what others set in it included, once git names none of its fields.
"""

import json
import os
import random
import shutil
import subprocess

import pytest
from world import World, docker, split, tag

from syncer.imagestreamtag import KUBECTL_LAST_APPLIED, OWN_ANNOTATIONS
from syncer.localapi import LocalAPI

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")

CASES = 24


@pytest.fixture(scope="module")
def world():
    with LocalAPI(import_delay=0) as api:
        yield World(api)


def stanza(chance):
    """Give some fields of one tag; each policy is there, so that it is merged field by field."""
    policy = {"importMode": chance.choice(["Legacy", "PreserveOriginal"])}
    policy |= chance.choice([{}, {"insecure": True}, {"scheduled": True}, {"insecure": False}])
    reference = {"type": chance.choice(["Source", "Local"])}
    notes = {name: chance.choice(["x", "y", "<&>ö"]) for name in "abc" if chance.random() < 0.5}
    return {
        "source": chance.choice(["q.example.com/x:1", "q.example.com/x:2"]),
        "importPolicy": policy,
        "referencePolicy": reference,
        **({"annotations": notes} if notes else {}),
    }


def kubectl(world, home, manifests):
    """Ask what `kubectl apply` would make of these tags, and change nothing."""
    command = ["kubectl", "--server", world.url, "--cache-dir", str(home / "cache"), "apply", "--dry-run=server"]
    environment = {"HOME": str(home), "PATH": os.environ["PATH"], "KUBECONFIG": "/dev/null"}
    done = subprocess.run(
        [*command, "-o", "json", "-f", "-"],
        input="\n".join(map(json.dumps, manifests)),
        capture_output=True,
        text=True,
        env=environment,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["items"]


def shown(item):
    """Give what a tag asks for, without what only the server counts and the records of tools."""
    fields = {name: value for name, value in item["tag"].items() if name not in ("annotations", "generation")}
    fields["importPolicy"] = {"insecure": False, "scheduled": False, **fields["importPolicy"]}
    notes = item["metadata"].get("annotations") or {}
    return fields, {name: value for name, value in notes.items() if name not in OWN_ANNOTATIONS}


def test_where_kubectl_merges_field_by_field_the_result_is_ours(world, tmp_path):
    chance = random.Random(12)  # noqa: S311 - it makes tests
    names = [f"team-a/s{number}:v1" for number in range(CASES)]
    wanted = [tag(name, **stanza(chance)) for name in names]
    for name in names:
        base, drift = stanza(chance), stanza(chance)
        recorded = tag(name, **base)
        live = {**base, **{field: drift[field] for field in drift if chance.random() < 0.4}}
        notes = {**live.pop("annotations", {}), **chance.choice([{}, {"theirs": "stays"}])}
        world.post(tag(name, docker(live.pop("source")), **live))
        world.annotate(name, **notes, **{KUBECTL_LAST_APPLIED: json.dumps(recorded)})
    world.settle(*names)
    theirs = {item["metadata"]["name"]: shown(item) for item in kubectl(world, tmp_path, wanted)}
    before = {split(name)[1]: world.get(name)[1] for name in names}
    assert world.sync(*wanted, wait=5.0).exit_code() == 0
    ours = {item["metadata"]["name"]: shown(item) for _, item in map(world.get, names)}
    assert theirs == ours
    assert sum(shown(before[split(name)[1]]) != ours[name.partition("/")[2]] for name in names) > CASES / 2
