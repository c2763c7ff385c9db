"""Makes what is measured: a git repository of manifests, and the pages of a cluster that is just as they say.

Ten tags a stream, one file a stream, spread over ten namespaces; the streams have the shape, and about the size, of
those that a real server lists.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from syncer import imagestreamtag
from syncer.model import Desired, ObjectKey, Origin
from syncer.plan.requests import own_annotations

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

PER_STREAM = 10
PAGE = 500
NAMESPACES = 10
OWNER = "git.example.com/team/tags"
_STAMP = "2026-01-02T03:04:05Z"


@dataclass(frozen=True)
class Tag:
    """One tag, as git has it. `image` is the version that its `from` names."""

    namespace: str
    stream: str
    tag: str
    image: str

    @property
    def fields(self) -> dict[str, Any]:
        """The managed fields that the manifest amounts to."""
        source = {"kind": "DockerImage", "name": f"registry.example.com/{self.namespace}/{self.stream}:{self.image}"}
        return {
            "/tag/from": source,
            "/tag/importPolicy/scheduled": True,
            "/tag/referencePolicy/type": "Local",
            imagestreamtag.annotation_path("example.com/team"): self.namespace,
        }

    def manifest(self) -> str:
        """Write the tag as people do."""
        return f"""apiVersion: image.openshift.io/v1
kind: ImageStreamTag
metadata:
  name: {self.stream}:{self.tag}
  namespace: {self.namespace}
  annotations:
    example.com/team: {self.namespace}
tag:
  from:
    kind: DockerImage
    name: {self.fields["/tag/from"]["name"]}
  importPolicy:
    scheduled: true
  referencePolicy:
    type: Local
"""


def streams(count: int, image: str = "v1") -> Iterator[list[Tag]]:
    """Yield the tags of each stream, `count` tags in all."""
    for number in range(count // PER_STREAM):
        namespace, stream = f"team-{number % NAMESPACES}", f"app-{number:05}"
        yield [Tag(namespace, stream, f"v{minor}", image) for minor in range(PER_STREAM)]


def write_repository(folder: Path, count: int) -> None:
    """Make a repository with one commit on `main`, and no checkout."""
    folder.mkdir(parents=True)
    _git(folder, "init", "--quiet", "--initial-branch=main")
    _git(folder, "remote", "add", "origin", f"https://{OWNER}.git")
    _git(folder, "fast-import", "--quiet", stdin=_commit(count))
    _git(folder, "repack", "-adq")


def _git(folder: Path, *arguments: str, stdin: Iterable[bytes] = ()) -> None:
    """Run git to its end; what it reads is made while it reads, for a million manifests are half a gigabyte."""
    process = subprocess.Popen(["git", *arguments], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    with process, process.stdin or BytesIO() as pipe:
        pipe.writelines(stdin)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args)


def _commit(count: int) -> Iterator[bytes]:
    yield b"commit refs/heads/main\ncommitter Ann <ann@example.com> 1767323045 +0000\ndata 4\ntags\n"
    for tags in streams(count):
        data = "---\n".join(tag.manifest() for tag in tags).encode()
        path = f"{tags[0].namespace}/{tags[0].stream}.yaml"
        yield f"M 100644 inline {path}\ndata {len(data)}\n".encode() + data + b"\n"


def pages(count: int, image: str = "v1") -> dict[str, bytes]:
    """Render the pages of the stream list, by request target; the tag list answers as a real server's does (fact 1)."""
    rendered = {
        imagestreamtag.tags_path() + "?limit=1": _json({"kind": "ImageStreamTagList", "metadata": {}, "items": []})
    }
    number, listed = count // PER_STREAM, enumerate(streams(count, image))
    for start in range(0, max(number, 1), PAGE):
        rest = max(number - start - PAGE, 0)
        metadata: dict[str, Any] = {"resourceVersion": "900000"}
        if rest:
            metadata |= {"continue": f"token-{start + PAGE}", "remainingItemCount": rest}
        query: dict[str, Any] = {"limit": PAGE} | ({"continue": f"token-{start}"} if start else {})
        target = f"{imagestreamtag.streams_path()}?{urlencode(query)}"
        page = {"kind": "ImageStreamList", "apiVersion": imagestreamtag.API_VERSION, "metadata": metadata}
        rendered[target] = _json(page | {"items": [_stream(n, tags) for n, tags in islice(listed, PAGE)]})
    return rendered


def _stream(number: int, tags: list[Tag]) -> dict[str, Any]:
    namespace, name = tags[0].namespace, tags[0].stream
    return {
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": f"0e6229be-da94-4c7d-97a6-{number:012}",
            "resourceVersion": str(100_000 + number),
            "generation": 11,
            "creationTimestamp": _STAMP,
            "annotations": {"openshift.io/image.dockerRepositoryCheck": _STAMP},
        },
        "spec": {"lookupPolicy": {"local": False}, "tags": [_spec(tag) for tag in tags]},
        "status": {
            "dockerImageRepository": f"image-registry.openshift-image-registry.svc:5000/{namespace}/{name}",
            "tags": [_status(tag) for tag in tags],
        },
    }


def _spec(tag: Tag) -> dict[str, Any]:
    desired = Desired(ObjectKey(tag.namespace, tag.stream, tag.tag), tag.fields, Origin("", 0))
    return {
        "name": tag.tag,
        "annotations": {"example.com/team": tag.namespace, **own_annotations(OWNER, desired)},
        "from": tag.fields["/tag/from"],
        "generation": 2,
        "importPolicy": {"scheduled": True, "importMode": "Legacy"},
        "referencePolicy": {"type": "Local"},
    }


def _status(tag: Tag) -> dict[str, Any]:
    digest = "sha256:" + hashlib.sha256(str(tag).encode()).hexdigest()
    source = tag.fields["/tag/from"]["name"].partition(":")[0]
    item = {"created": _STAMP, "dockerImageReference": f"{source}@{digest}", "image": digest, "generation": 2}
    return {"tag": tag.tag, "items": [item]}


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
