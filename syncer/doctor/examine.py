"""Looks at source, server and permissions, one check after another; what fails is a finding, not an end.

It sends no write but SelfSubjectAccessReviews, which store nothing.
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from syncer import imagestreamtag
from syncer.cluster import server_version
from syncer.doctor.findings import Check, Diagnosis, Status
from syncer.doctor.permissions import needed
from syncer.errors import ClusterError, ForbiddenError, NotFoundError, SyncerError, UnauthorizedError
from syncer.manifests import parse_manifests
from syncer.manifests.checks import default_namespace
from syncer.model import Manifests, Request, Severity
from syncer.source import read_source
from syncer.sync.server_dry_run import dry_run_is_safe
from syncer.sync.story import scope_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import BinaryIO

    from syncer.cluster import Client
    from syncer.doctor.permissions import Permission
    from syncer.model import Scope
    from syncer.source import SourceSpec

REVIEWS: Final = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_ME: Final = "/apis/user.openshift.io/v1/users/~"
_ANONYMOUS: Final = "system:anonymous"
_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class DoctorOptions:
    """What is asked about: a source (None for the cluster alone), the scope of its sync, and what that would use."""

    source: SourceSpec | None
    namespaces: tuple[str, ...] = ()
    all_namespaces: bool = False
    prune: bool = True
    impact: bool = False
    events: bool = False
    resolve: bool = False
    lock_namespace: str = ""
    concurrency: int = 8


@dataclass(slots=True)
class _Findings:
    checks: list[Check] = field(default_factory=list)

    def ok(self, name: str, message: str) -> None:
        self.checks.append(Check(name, Status.OK, message))

    def warn(self, name: str, message: str, hint: str = "") -> None:
        self.checks.append(Check(name, Status.WARN, message, hint))

    def fail(self, name: str, message: str, hint: str = "") -> None:
        self.checks.append(Check(name, Status.FAIL, message, hint))


def examine(options: DoctorOptions, connect: Callable[[], Client], stdin: BinaryIO) -> Diagnosis:
    """Make every check that can be made. Errors of the source and the cluster become checks that failed.

    Raises UsageError for a scope that cannot be.
    """
    found = _Findings()
    manifests = _source(options, found, stdin)
    scope = scope_of(manifests, options.namespaces, all_namespaces=options.all_namespaces)
    needs = needed(
        manifests,
        scope,
        prune=options.prune,
        impact=options.impact,
        events=options.events,
        resolve=options.resolve,
        lock_namespace=options.lock_namespace,
    )
    user, allowed = "", []
    client = _server(connect, found)
    if client:
        user = _authenticated(client, found)
        _version(client, found)
        _paging(client, scope, found)
        _namespaces(client, scope, found)
        allowed = _permissions(client, needs, options.concurrency, found)
    return Diagnosis(tuple(found.checks), needs, tuple(allowed), user)


def _source(options: DoctorOptions, found: _Findings, stdin: BinaryIO) -> Manifests:
    nothing = Manifests({}, ())
    if options.source is None:
        return nothing
    try:
        source = read_source(options.source, stdin=stdin)
    except SyncerError as error:
        found.fail("source", error.message, error.hint)
        return nothing
    at = f" at {source.info.commit[:12]}" if source.info.commit else ""
    found.ok("source", f"{'stdin' if source.info.url == '-' else source.info.url}{at} can be read")
    default = default_namespace(options.namespaces)
    manifests = parse_manifests(source.blobs, default_namespace=default, unread=source.problems)
    errors = [problem for problem in manifests.problems if problem.severity is Severity.ERROR]
    told = f"{_count(len(manifests.desired), 'tag')} in {_count(manifests.files, 'file')}"
    if errors:
        first = errors[0]
        place = f"{first.file}:{first.line}: {first.message}"
        found.fail(
            "manifests", f"{told}; {_count(len(errors), 'error')}, the first at {place}", "syncer plan lists them all"
        )
    elif not manifests.desired:
        found.warn("manifests", told, "a sync of a source without a manifest is stopped by a gate")
    else:
        found.ok("manifests", told)
    return manifests


def _server(connect: Callable[[], Client], found: _Findings) -> Client | None:
    """Reach the server; who is not let in has reached it."""
    try:
        client = connect()
        version = client.get("/version")
    except (UnauthorizedError, ForbiddenError):
        found.ok("server", f"{client.connection.server} answers")
    except SyncerError as error:
        found.fail("server", error.message, error.hint)
        return None
    else:
        found.ok("server", f"{client.connection.server} answers: Kubernetes {version.get('gitVersion') or 'unknown'}")
    return client


def _authenticated(client: Client, found: _Findings) -> str:
    """Ask who we are, as `oc whoami` does. A server without users of its own (404) may name us in a refusal only."""
    name, hint = "authenticated", "log in (oc login), or give --token-file or --kubeconfig"
    try:
        metadata = client.get(_ME).get("metadata")
        user = str(metadata.get("name") or "") if isinstance(metadata, dict) else ""
    except UnauthorizedError as error:
        found.fail(name, error.message, error.hint)
        return ""
    except ForbiddenError as error:
        named = re.search(r'User "([^"]+)" cannot', error.message)
        user = named[1] if named else ""
    except ClusterError:
        user = ""
    if user == _ANONYMOUS:
        found.fail(name, f"the server takes us for {_ANONYMOUS}", hint)
        return ""
    found.ok(name, f"as {user}" if user else "the server does not refuse us, and does not say who we are")
    return user


def _version(client: Client, found: _Findings) -> None:
    """Find the release, and whether a server dry run is one (fact 14)."""
    try:
        version = server_version(client)
    except ClusterError as error:
        found.warn("version", error.message, error.hint)
        version = ""
    else:
        if version:
            found.ok("version", f"OpenShift {version}")
        else:
            hint = "allow get of clusterversions.config.openshift.io if you want --dry-run=server"
            found.warn("version", "the OpenShift release is not known, or may not be read", hint)
    if dry_run_is_safe(version):
        found.ok("server-dry-run", "a server dry run writes nothing")
    else:
        release = f"OpenShift {version}" if version else "a release that is not known"
        found.warn(
            "server-dry-run", f"--dry-run=server is refused: {release} may really write", "use plan, or --dry-run"
        )


def _paging(client: Client, scope: Scope, found: _Findings) -> None:
    """Find what a run will list: the tags, or the ImageStreams where the tag list cannot page (fact 1)."""
    namespace = "" if scope.all_namespaces or not scope.namespaces else scope.namespaces[0]
    try:
        metadata = client.get(imagestreamtag.tags_path(namespace), {"limit": 1}).get("metadata")
    except NotFoundError as error:
        found.fail("paging", error.message, "the server does not serve image.openshift.io/v1: is it OpenShift?")
    except ForbiddenError:
        found.ok("paging", "the tag list may not be read; the ImageStreams are listed, which page")
    except ClusterError as error:
        found.fail("paging", error.message, error.hint)
    else:
        pages = isinstance(metadata, dict) and metadata.get("resourceVersion")
        found.ok("paging", "the tag list pages" if pages else "the tag list does not page; the ImageStreams are listed")


def _namespaces(client: Client, scope: Scope, found: _Findings) -> None:
    if scope.all_namespaces or not scope.namespaces:
        _all_namespaces(client, found)
        return
    visible, missing, unknown = [], [], []
    for name in scope.namespaces:
        try:
            client.get(f"/api/v1/namespaces/{quote(name, safe='')}")
            visible.append(name)
        except NotFoundError:
            missing.append(name)
        except ClusterError:
            unknown.append(name)
    if visible:
        found.ok("namespaces", f"visible: {_some(visible)}")
    if unknown:
        hint = "allow get of namespaces; without it a namespace that does not exist looks empty"
        found.warn("namespaces", f"not to be seen: {_some(unknown)}", hint)
    if missing:
        found.fail("namespaces", f"do not exist: {_some(missing)}", "make them (oc new-project), or mend the manifests")


def _all_namespaces(client: Client, found: _Findings) -> None:
    """List what is visible: the projects of this user, else every namespace."""
    for path in ("/apis/project.openshift.io/v1/projects", "/api/v1/namespaces"):
        try:
            items = client.get(path).get("items")
        except ClusterError:
            continue
        names = sorted(str(item["metadata"]["name"]) for item in items or ())
        found.ok("namespaces", f"{len(names):,} visible: {_some(names)}" if names else "none visible")
        return
    found.warn("namespaces", "neither projects nor namespaces may be listed", "name those to sync with -n")


def _permissions(
    client: Client, needs: tuple[Permission, ...], concurrency: int, found: _Findings
) -> list[tuple[Permission, bool]]:
    """Ask the server for each permission, and tell the outcome by namespace."""
    if not needs:
        found.warn("permissions", "none was asked for", "give SOURCE, -n or -A")
        return []
    try:
        with ThreadPoolExecutor(max_workers=concurrency) as pool:
            allowed = list(zip(needs, pool.map(lambda need: _review(client, need), needs), strict=True))
    except ClusterError as error:
        found.fail("permissions", error.message, error.hint)
        return []
    for namespace in dict.fromkeys(need.namespace for need in needs):
        where = f"in {namespace}" if namespace else "in all namespaces"
        here = [(need, granted) for need, granted in allowed if need.namespace == namespace]
        refused = [need for need, granted in here if not granted]
        told = ", ".join(f"{need.verb} {need.resource} (to {need.reason})" for need in refused)
        hint = "have the Role below applied"
        if any(need.essential for need in refused):
            found.fail("permissions", f"{where} we may not {told}", hint)
        elif refused:
            found.warn("permissions", f"{where} we may not {told}; a sync works without", hint)
        else:
            found.ok("permissions", f"{where} all {len(here)} that a sync needs")
    return allowed


def _review(client: Client, need: Permission) -> bool:
    resource, _, subresource = need.resource.partition("/")
    attributes = {"group": need.group, "resource": resource, "verb": need.verb}
    attributes |= {"namespace": need.namespace} if need.namespace else {}
    attributes |= {"subresource": subresource} if subresource else {}
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    status = client.send(Request("POST", REVIEWS, "application/json", body)).get("status")
    return isinstance(status, dict) and status.get("allowed") is True


def _some(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else "")


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'s' * (number != 1)}"
