"""Takes ImageStreamImports: asks the registry at once, and stores what came of it, unless `spec.import` is false.

As openshift-apiserver's `imagestreamimport/rest.go` has it. So `dryRun=All` changes nothing there, and an import
writes all the same; `spec.import: false` is what keeps one dry.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from syncer.localapi import statuses, validation
from syncer.localapi.decoding import Expected, decode_body
from syncer.localapi.images import shown_image
from syncer.localapi.imports import CHECKED, record_failure
from syncer.localapi.kinds import IMAGE_STREAM_IMPORT
from syncer.localapi.pullspecs import BadPullSpec, parse_pull_spec
from syncer.localapi.registry import Found, look_up
from syncer.localapi.requests import Answer, Ask, ObjectAnswer, call_of, write_options
from syncer.localapi.statuses import Cause, StatusError
from syncer.localapi.streams import Stream, ordered_meta
from syncer.localapi.tagapi import match_namespace
from syncer.localapi.tagevents import add_event
from syncer.localapi.values import IMAGE_API, Doc, clone, timestamp

if TYPE_CHECKING:
    from syncer.localapi.gate import NamespaceGate
    from syncer.localapi.images import Images
    from syncer.localapi.imagestreams import Call, ImageStreams

RESOURCE = "imagestreamimports"
KIND = "ImageStreamImport"
_NO_TAG_LIST = "the simulated registry knows no list of tags"


class ImportApi:
    """The one verb of ImageStreamImports."""

    def __init__(self, streams: ImageStreams, images: Images, gate: NamespaceGate) -> None:
        self._streams = streams
        self._images = images
        self._gate = gate

    def create(self, ask: Ask, namespace: str) -> Answer:
        """Ask the registry for each image; with `spec.import` the tags that `to` names get what it answered."""
        options = write_options(ask, "CreateOptions")
        expected = Expected(IMAGE_STREAM_IMPORT, KIND, strictness=options.strictness)
        decoded = decode_body(ask.body, ask.content_type, expected)
        doc, call = decoded.doc, call_of(ask, "imagestreams")
        match_namespace(doc, namespace)
        self._gate.check(namespace)
        for image in doc["spec"].get("images") or ():
            _default_tag(image)
        causes = _causes(doc)
        if causes:
            raise statuses.invalid(KIND, doc["metadata"].get("name", ""), causes)
        stream = self._stream(doc["metadata"], call)
        found = [look_up(image["from"]["name"]) for image in doc["spec"].get("images") or ()]
        status: Doc = {}
        if doc["spec"]["import"]:
            status["import"] = self._store(stream, doc["spec"].get("images") or (), found, call)
        if doc["spec"].get("repository"):
            status["repository"] = {"status": _nested(statuses.internal_error(_NO_TAG_LIST))}
        if found:
            status["images"] = [self._told(one) for one in found]
        doc["metadata"] |= {"uid": str(uuid.uuid4()), "creationTimestamp": timestamp(ask.now)}
        doc = {"kind": KIND, "apiVersion": IMAGE_API, "metadata": ordered_meta(doc["metadata"]), "spec": doc["spec"]}
        return ObjectAnswer({**doc, "status": status}, 201, decoded.warnings)

    def _stream(self, meta: Doc, call: Call) -> Stream:
        """Return the stream as it is, or an empty one; raise 409 and 404 where it is not the one that was meant."""
        uid, version = meta.get("uid"), meta.get("resourceVersion")
        stream = self._streams.find(meta["namespace"], meta["name"])
        if stream is None:
            if uid or version:
                raise statuses.not_found(call.resource, meta["name"])
            return Stream.empty(meta["namespace"], meta["name"])
        if version and version != stream.version:
            why = f'the image stream was updated from "{version}" to "{stream.version}"'
            raise statuses.conflict("imagestream", meta["name"], why)
        if uid and uid != stream.meta["uid"]:
            raise statuses.not_found("imagestream", meta["name"])
        return stream

    def _told(self, found: Found | StatusError) -> Doc:
        if isinstance(found, StatusError):
            return {"status": _nested(found)}
        image = {**found.image(), "metadata": {"name": found.digest, **found.image()["metadata"]}}
        told = {
            "status": {"metadata": {}, "status": "Success"},
            "image": shown_image(image, found.digest, found.pull_spec, {}),
        }
        return {**told, "tag": found.tag} if found.tag else told

    def _store(self, stream: Stream, specs: Any, found: list[Found | StatusError], call: Call) -> Doc:  # noqa: ANN401 - a list of documents
        """Write the outcome of each import to the stream; return the stream as it is then."""
        before, generation = stream.doc(), stream.generation + 1
        for spec, one in zip(specs, found, strict=True):
            tag = (spec.get("to") or {}).get("name")
            if not tag:
                continue
            if isinstance(one, StatusError):
                record_failure(stream, tag, one, generation, call.now)
                stream.tags.setdefault(tag, _asked(tag, spec))
            else:
                self._succeed(stream, tag, spec, one, generation, call.now)
        annotations = stream.meta.get("annotations") or {}
        if stream.version and CHECKED in annotations and stream.doc() == before:
            return before
        stream.meta["annotations"] = {**annotations, CHECKED: timestamp(call.now)}
        if not stream.version:
            # A new stream is stored without a status: it is given one right after.
            history, stream.history = stream.history, {}
            stream = self._streams.create(stream, call)
            stream.history = history
            return self._streams.update_status(stream, call).doc()
        return self._streams.update(stream, call, internal=True).doc()

    def _succeed(  # noqa: PLR0913, PLR0917 - the parts of one import
        self, stream: Stream, tag: str, spec: Doc, found: Found, generation: int, now: float
    ) -> None:
        """Give a tag its image; its spec is written anew where that is another one than before."""
        self._images.ensure(found.digest, found.image(), now)
        if _is_news(stream, tag, found):
            before = stream.tags.get(tag) or {}
            kept: Doc = {name: before[name] for name in ("annotations", "referencePolicy") if name in before}
            stream.tags[tag] = {**_asked(tag, spec), **kept}
            add_event(stream.history, tag, found.event(generation, now))
        stream.tags[tag]["importPolicy"] = clone(spec["importPolicy"])
        stream.history[tag].pop("conditions", None)


def _is_news(stream: Stream, tag: str, found: Found) -> bool:
    """Tell whether an image is another one than the tag's newest, or one that was asked for since (hasTagChanged)."""
    spec, items = stream.tags.get(tag), (stream.history.get(tag) or {}).get("items")
    if not spec or spec.get("generation") is None or not items:
        return True
    has = (items[0]["image"], items[0]["dockerImageReference"])
    return bool(has != (found.digest, found.pull_spec) or spec["generation"] > items[0]["generation"])


def _asked(tag: str, spec: Doc) -> Doc:
    """Return the entry of a stream's spec by which a tag asks for what an import named."""
    return {
        "name": tag,
        "annotations": None,
        "from": {"kind": "DockerImage", "name": spec["from"]["name"]},
        # Generation 0 gets the stream's next one.
        "generation": 0,
        "importPolicy": clone(spec["importPolicy"]),
        "referencePolicy": clone(spec["referencePolicy"]),
    }


def _default_tag(image: Doc) -> None:
    """Import an image without `to` into the tag that its pull spec names, if it names one."""
    if image.get("to") is None:
        try:
            tag = parse_pull_spec(image["from"].get("name", "")).tag
        except BadPullSpec:
            return
        if tag:
            image["to"] = {"name": tag}


def _causes(doc: Doc) -> list[Cause]:
    """Return what is wrong with an import (ValidateImageStreamImport)."""
    spec, causes = doc["spec"], []
    for index, image in enumerate(spec.get("images") or ()):
        path = f"spec.images[{index}]"
        if image.get("to") is not None and not image["to"].get("name") and image["from"].get("kind") == "DockerImage":
            causes.append(statuses.invalid_value(f"{path}.to.name", "", "the name of the target tag must be specified"))
        causes += _source_causes(image["from"], f"{path}.from", "")
        causes += validation.import_policy(image["importPolicy"], f"{path}.importPolicy")
    if spec.get("repository"):
        source, path = spec["repository"]["from"], "spec.repository.from"
        causes += _source_causes(source, path, "container image references require a name")
        if not causes and (parse_pull_spec(source["name"]).tag or parse_pull_spec(source["name"]).digest):
            why = "you must specify an image repository, not a tag or ID"
            causes.append(statuses.invalid_value(f"{path}.name", source["name"], why))
    elif not spec.get("images"):
        why = "you must specify at least one image or a repository import"
        causes.append(statuses.invalid_value("spec.images", None, why))
    return [*causes, *validation.object_meta(doc["metadata"], validation.stream_name)]


def _source_causes(source: Doc, path: str, missing: str) -> list[Cause]:
    if source.get("kind") != "DockerImage":
        return [statuses.invalid_value(f"{path}.kind", source.get("kind", ""), "only DockerImage is supported")]
    if not source.get("name"):
        return [statuses.required(f"{path}.name", missing)]
    why = validation.pull_spec_problem(source["name"])
    return [statuses.invalid_value(f"{path}.name", source["name"], why)] if why else []


def _nested(failure: StatusError) -> Doc:
    """Return the Status of an image, which has no kind of its own."""
    return {key: value for key, value in failure.document.items() if key not in ("kind", "apiVersion")}
