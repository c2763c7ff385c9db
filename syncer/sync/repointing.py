"""Edits a folder of manifests so that tags point to digests: `pin` all that it is asked to, `promote` one.

Nothing is ever written to the cluster, and either all files are written or none.
"""

from __future__ import annotations

import dataclasses
import io
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from syncer import imagestreamtag
from syncer.cluster.resolver import look_up
from syncer.errors import ClusterError, NotFoundError, SourceError, SyncerError, UsageError
from syncer.manifests.checks import default_namespace
from syncer.manifests.editing import commented, edited
from syncer.model import Blob, ImportState, Problem, Severity, Target
from syncer.plan.requests import FROM
from syncer.plan.resolving import ask_of
from syncer.report.repointed import Edit, Left, Repointed
from syncer.source.writing import write_files
from syncer.sync.run import Stopwatch
from syncer.sync.story import readable

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from syncer.cluster import Client
    from syncer.events import Tell
    from syncer.model import Desired, Json, Live, ObjectKey
    from syncer.plan.resolving import Answer
    from syncer.sync.story import Options, Wanted

SCHEDULED: Final = "/tag/importPolicy/scheduled"
Kind = Literal["ImageStreamImage", "DockerImage"]


def pin(
    options: Options, client: Client, tell: Tell, *, only: Collection[ObjectKey] = (), dry_run: bool = False
) -> Repointed:
    """Have each pull spec name its digest, as the cluster finds it; `only` these tags, where some are given.

    A scheduled tag is left: it is to follow what it names. Where one image is not found, no file is written.
    """
    watch = Stopwatch(tell)
    wanted = _read(options, watch)
    chosen = _chosen(wanted, only, options)
    named = {key: one for key, one in chosen.items() if _pull_spec(one) and "@" not in _pull_spec(one)}
    left = tuple(
        Left(key, one.origin, "it is scheduled, to follow what it names")
        for key, one in named.items()
        if one.fields.get(SCHEDULED)
    )
    floating = {key: one for key, one in named.items() if not one.fields.get(SCHEDULED)}
    asks = [ask for key, one in floating.items() if (ask := ask_of(key, one.fields))]
    with watch.stage("resolve", len(asks)) as stage:
        answers = look_up(client, asks, concurrency=options.concurrency, tell=stage.add)
    problems = tuple(_unfound(floating[key], answer) for key, answer in answers.items() if answer.fault)
    names = {key: _tag_of(_pull_spec(one)) for key, one in floating.items()}
    pinned = sum(bool(_pull_spec(one)) for one in chosen.values()) - len(named)
    made = Repointed("Pin", options.source.location, _target(client), left=left, as_it_was=pinned, problems=problems)
    if problems:
        return made
    edits = [
        Edit(key, one.origin, one.fields[FROM], _pinned(one, answers[key]), answers[key].built)
        for key, one in floating.items()
    ]
    return _write(made, wanted, edits, names, options, dry_run=dry_run)


def promote(  # noqa: PLR0913 - from where, to where, and how
    options: Options, client: Client, tell: Tell, source: ObjectKey, target: ObjectKey, *, kind: Kind, dry_run: bool
) -> Repointed:
    """Have the manifest of `target` name the image that `source` has on the cluster now, so that a sync moves it there.

    Raises SyncerError where there is no such image, or no such manifest.
    """
    if source == target:
        raise UsageError(f"{source} is promoted to itself", hint="FROM and TO are to be two tags")
    watch = Stopwatch(tell)
    wanted = _read(options, watch)
    desired = _chosen(wanted, (target,), options)[target]
    with watch.stage("live"):
        live, pull_spec = _image_of(client, source)
    reference = _reference(source, target, live, pull_spec) if kind == "ImageStreamImage" else docker(source, pull_spec)
    made = Repointed("Promote", options.source.location, _target(client), problems=tuple(_stale(live, desired)))
    if desired.fields[FROM] == reference:
        return dataclasses.replace(made, as_it_was=1)
    notes = tuple(_notes(source, target, desired, reference))
    edit = Edit(target, desired.origin, desired.fields[FROM], reference)
    made = dataclasses.replace(made, notes=notes)
    return _write(made, wanted, [edit], {target: str(source)}, options, dry_run=dry_run)


# ------------------------------------------------------------------------------------------------------ reading


def _read(options: Options, watch: Stopwatch) -> Wanted:
    location = options.source.location
    if not Path(location).is_dir():
        raise UsageError(f"{location} is no folder", hint="its files are edited: give a folder, such as a clone")
    return readable(options, io.BytesIO(), watch)


def _chosen(wanted: Wanted, only: Collection[ObjectKey], options: Options) -> Mapping[ObjectKey, Desired]:
    desired = wanted.manifests.desired
    for key in only:
        if key not in desired:
            alike = sorted(one.name for one in desired if (one.namespace, one.stream) == (key.namespace, key.stream))
            there = f"; of this ImageStream there are {', '.join(alike)}" if alike else ""
            file = f"{key.namespace}/{key.stream}/{key.tag}.yaml"
            hint = f"write one first, such as {file}, or correct the name{there}"
            raise SyncerError(f"no manifest in {options.source.location} names {key}", hint=hint)
    return {key: one for key, one in desired.items() if not only or key in only}


def _target(client: Client) -> Target:
    return Target(client.connection.server, client.connection.context)


def _image_of(client: Client, key: ObjectKey) -> tuple[Live, str]:
    """Read which image a tag has, and by which pull spec pods get it. Raises SyncerError where it has none."""
    try:
        stream = client.get(imagestreamtag.stream_path(key.namespace, key.stream))
    except NotFoundError as error:
        if not error.proves_absence:  # a load balancer's page: it says nothing of the ImageStream
            raise
        hint = "check FROM, and by --context the cluster"
        raise ClusterError(f"{key} is not on the cluster: it has no such ImageStream", hint=hint) from error
    tags = {live.key: live for live in imagestreamtag.live_tags(stream)}
    if key not in tags:
        raise SyncerError(f"{key} is not on the cluster", hint=f"the ImageStream has {', '.join(t.tag for t in tags)}")
    image = tags[key].image
    if image.state is ImportState.PENDING:
        hint = "try again once it is imported; `syncer explain` tells"
        raise SyncerError(f"{key} is being imported: what it has now is about to be replaced", hint=hint)
    if not image.digest:
        why = f"its import failed: {image.message}" if image.message else "nothing was imported or pushed to it"
        raise SyncerError(f"{key} has no image: {why}", hint="promote a tag that has one")
    return tags[key], imagestreamtag.pull_spec_of(stream, key.tag)


def _stale(live: Live, desired: Desired) -> list[Problem]:
    if live.image.state is not ImportState.FAILED:
        return []
    message = f"the last import of {live.key} failed, and so the image from before it is promoted: {live.image.message}"
    return [_problem(desired, Severity.WARNING, "import-failed", message, "look at it before you merge")]


# ------------------------------------------------------------------------------------------ what is to be written


def _pull_spec(desired: Desired) -> str:
    source = desired.fields[FROM]
    return str(source["name"]) if source["kind"] == "DockerImage" else ""


def _tag_of(pull_spec: str) -> str:
    return pull_spec.rpartition("/")[2].partition(":")[2] or "latest"


def _pinned(desired: Desired, answer: Answer) -> dict[str, Json]:
    """Write the pull spec by digest alone: with a tag beside it pods could not pull it everywhere."""
    folder, slash, last = _pull_spec(desired).rpartition("/")
    return {**desired.fields[FROM], "name": f"{folder}{slash}{last.partition(':')[0]}@{answer.digest}"}


def _reference(source: ObjectKey, target: ObjectKey, live: Live, _pull_spec: str) -> dict[str, Json]:
    """Write an image of a stream as `oc tag` does: no registry is asked, and no pull secret is needed."""
    reference = {"kind": "ImageStreamImage", "name": f"{source.stream}@{live.image.digest}"}
    return reference if source.namespace == target.namespace else {**reference, "namespace": source.namespace}


def docker(source: ObjectKey, pull_spec: str) -> dict[str, Json]:
    """Write an image by its pull spec, for another cluster. Raises SyncerError where only this one can pull it."""
    if not pull_spec:
        hint = "push it to a registry that both clusters reach; within this cluster leave --kind out"
        raise SyncerError(f"the image of {source} is in the cluster's own registry", hint=hint)
    return {"kind": "DockerImage", "name": pull_spec}


def _notes(source: ObjectKey, target: ObjectKey, desired: Desired, reference: Mapping[str, Json]) -> list[str]:
    notes = []
    if reference.get("namespace"):
        notes.append(
            f"{target.namespace} takes an image of {source.namespace}: whoever syncs needs `get` on imagestreams/layers"
            f" there (role system:image-puller)"
        )
    if desired.fields.get(SCHEDULED):
        notes.append("importPolicy.scheduled was taken out: a digest does not move")
    return notes


def _unfound(desired: Desired, answer: Answer) -> Problem:
    words = {"missing": "does not exist", "denied": "cannot be pulled", "forbidden": "may not be looked up"}
    message = f"{_pull_spec(desired)} {words.get(answer.fault, 'could not be resolved')}: {answer.message}"
    remedies = {
        "forbidden": f"grant create on imagestreamimports in {desired.key.namespace}; the role edit has it",
        "failed": "check the server and the registry, and try again, or leave it out by --path, --exclude or --tag",
    }
    hint = remedies.get(answer.fault, "correct it, or leave it out by --path, --exclude or --tag")
    return _problem(desired, Severity.ERROR, f"image-{answer.fault}", message, hint)


def _problem(desired: Desired, severity: Severity, code: str, message: str, hint: str) -> Problem:
    origin, key = desired.origin, desired.key
    return Problem(severity, code, message, hint, origin.file, origin.line, namespace=key.namespace, name=key.name)


# ------------------------------------------------------------------------------------------------------- writing


@dataclass(frozen=True, slots=True)
class _File:
    path: str
    data: bytes
    before: bytes


def _write(  # noqa: PLR0913 - what is to be written, and of what
    made: Repointed,
    wanted: Wanted,
    edits: list[Edit],
    names: Mapping[ObjectKey, str],
    options: Options,
    *,
    dry_run: bool,
) -> Repointed:
    """Write the edits, each with a comment that has the image's name, unless one of them cannot be made."""
    by_file: dict[str, list[Edit]] = defaultdict(list)
    for edit in edits:
        by_file[edit.origin.file].append(edit)
    files, problems = list[_File](), list[Problem]()
    for blob in wanted.source.blobs:
        here = by_file.get(blob.path, [])
        data = _edited(blob, wanted, here, names, options) if here else None
        if data is not None:
            files.append(_File(blob.path, data, blob.data))
        elif here:
            message = "its manifest cannot be edited without changing others"
            hint = "edit it by hand; a value that YAML aliases share cannot be changed for one tag"
            problems += [
                _problem(wanted.manifests.desired[one.key], Severity.ERROR, "not-edited", message, hint) for one in here
            ]
    made = dataclasses.replace(made, edits=tuple(edits), problems=(*made.problems, *problems))
    if problems or dry_run:
        return made
    folder = wanted.source.info.path
    try:
        write_files(
            Path(options.source.location),
            [(f.path.removeprefix(f"{folder}/") if folder else f.path, f.data, f.before) for f in files],
        )
    except SourceError as error:
        raise SourceError(f"{error.message}; no file was changed", hint=error.hint) from error
    return dataclasses.replace(made, written=True)


def _edited(
    blob: Blob, wanted: Wanted, edits: list[Edit], names: Mapping[ObjectKey, str], options: Options
) -> bytes | None:
    default, desired = default_namespace(options.namespaces), wanted.manifests.desired
    fields = {
        edit.key: {path: value for path, value in desired[edit.key].fields.items() if path != SCHEDULED}
        | {FROM: edit.becomes}
        for edit in edits
    }
    data = edited(blob, fields, default_namespace=default)
    if data is None:
        return None
    return commented(Blob(blob.path, data), {edit.key: names[edit.key] for edit in edits}, default_namespace=default)
