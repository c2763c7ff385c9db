from syncer.manifests import parse_manifests
from syncer.model import Blob, ObjectKey

MANIFEST = b"""\
apiVersion: image.openshift.io/v1
kind: ImageStreamTag
metadata: {name: "app:v1", namespace: team-a}
tag:
  from: {kind: DockerImage, name: registry.example.com/team/app:v1}
"""


def test_a_manifest_becomes_a_desired_tag():
    manifests = parse_manifests([Blob("app.yaml", MANIFEST)])
    desired = manifests.desired[ObjectKey("team-a", "app", "v1")]
    assert manifests.parsed
    assert desired.fields == {"/tag/from": {"kind": "DockerImage", "name": "registry.example.com/team/app:v1"}}
