"""Finds who answers a request: parses the path, asks who may, and calls the verb of the resource."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from syncer.localapi import statuses
from syncer.localapi.auth import ANONYMOUS, Identity, review
from syncer.localapi.decoding import NotJson, api_group, read_body
from syncer.localapi.discovery import discover
from syncer.localapi.lists import META_FIELDS, truth
from syncer.localapi.requests import Answer, Ask, ObjectAnswer, TextAnswer
from syncer.localapi.responses import negotiate
from syncer.localapi.selectors import field_terms
from syncer.localapi.statuses import StatusError
from syncer.localapi.validation import path_segment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_PUBLIC = ("/healthz", "/livez", "/readyz", "/version")
_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_VERBS = {"GET": "get", "HEAD": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


@dataclass(frozen=True)
class Target:
    """What a path names. `name` is empty for a collection, `namespace` for the whole cluster."""

    api_version: str
    resource: str
    namespace: str = ""
    name: str = ""
    subresource: str = ""

    @property
    def what(self) -> str:
        """Return the resource as roles name it, with its subresource."""
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource

    @property
    def group(self) -> str:
        """Return the API group."""
        return api_group(self.api_version)


def parse_path(path: str) -> Target | None:
    """Return what a path names, or None when it is no path of a resource."""
    parts = path.strip("/").split("/")
    if parts[0] == "apis" and len(parts) > 3:  # noqa: PLR2004 - group, version, resource
        api_version, rest = f"{parts[1]}/{parts[2]}", parts[3:]
    elif parts[0] == "api" and len(parts) > 2:  # noqa: PLR2004 - version, resource
        api_version, rest = parts[1], parts[2:]
    else:
        return None
    if rest[0] == "namespaces" and len(rest) > 2:  # noqa: PLR2004 - namespace, resource
        return _target(api_version, rest[2:], rest[1])
    return _target(api_version, rest, "")


def _target(api_version: str, rest: list[str], namespace: str) -> Target | None:
    resource, *more = rest
    if len(more) > 2 or "" in more:  # noqa: PLR2004 - name, subresource
        return None
    name, subresource = (*more, "", "")[:2]
    return Target(api_version, resource, namespace, name, subresource)


@dataclass(frozen=True)
class Served:
    """A resource that is served: its handler, its verbs on a name and on a collection, and where it lives."""

    handler: object
    named: frozenset[str]
    collection: frozenset[str]
    namespaced: bool = True
    cluster_create: bool = False
    subresources: frozenset[str] = frozenset({""})


class Dispatcher:
    """Knows every resource, and answers a request or raises `StatusError`."""

    def __init__(self, served: Mapping[tuple[str, str], Served], *, profile: str, tokens: bool) -> None:
        self._served = served
        self._profile = profile
        self._tokens = tokens

    def answer(self, ask: Ask) -> Answer:
        """Return the answer to a request."""
        if ask.path == _REVIEWS:
            return _review(ask)
        target = parse_path(ask.path)
        if target is None:
            return self._discovery(ask)
        served = self._served.get((target.api_version, target.resource))
        if served is None or target.subresource not in served.subresources:
            self._authorize_unknown(ask, target)
            return self._no_such_path(target)
        return self._resource(ask, target, served)

    def _authorize_unknown(self, ask: Ask, target: Target) -> None:
        """Raise 403 for a resource that no role but an unrestricted admin has rights to."""
        if self._tokens and (ask.identity.role != "admin" or ask.identity.namespaces):
            raise _forbidden(ask, target, _verb(ask, target), target.name)

    def _no_such_path(self, target: Target) -> Answer:
        """Say that there is no such resource: the group's own server does, or, without one, the proxy in front."""
        if any(api_version == target.api_version for api_version, _ in self._served):
            raise statuses.no_such_path()
        return TextAnswer("404 page not found\n", 404)

    def _discovery(self, ask: Ask) -> Answer:
        path = ask.path.rstrip("/") or "/"
        if self._tokens and ask.identity is ANONYMOUS and not path.startswith(_PUBLIC):
            raise statuses.forbidden_path(ask.identity.user, ask.method.lower(), ask.path)
        found = discover(path, ask.headers.get("accept", ""), self._profile)
        if found is None:
            if path.startswith(("/apis/image.openshift.io/v1", "/api/v1")):
                raise statuses.no_such_path()
            return TextAnswer("404 page not found\n", 404)
        if ask.method != "GET":
            raise statuses.method_not_allowed()
        return found

    def _resource(self, ask: Ask, target: Target, served: Served) -> Answer:
        verb = _verb(ask, target)
        allowed = served.named if target.name else served.collection
        if not (served.cluster_create and verb == "create" and not target.namespace):
            self._authorize(ask, target, verb)
        if served.namespaced and not target.namespace and not _cluster_wide(verb, target, served):
            raise statuses.method_not_allowed() if not target.name else statuses.no_such_path()
        plain = "list" if verb == "watch" else verb
        if plain not in allowed or ask.method == "HEAD":
            raise statuses.method_not_allowed()
        negotiate(ask.headers.get("accept", ""))
        return _call(served.handler, plain, ask, target)

    def _authorize(self, ask: Ask, target: Target, verb: str) -> None:
        namespace = target.name if target.resource == "namespaces" else target.namespace
        if self._tokens and not ask.identity.may(verb, namespace, target.what):
            raise _forbidden(ask, target, verb, target.name or _selected_name(ask, verb))


def _forbidden(ask: Ask, target: Target, verb: str, name: str) -> StatusError:
    where = target.name if target.resource == "namespaces" else target.namespace
    return statuses.forbidden(ask.identity.user, verb, target.what, target.group, where, name)


def _cluster_wide(verb: str, target: Target, served: Served) -> bool:
    return not target.name and (verb in ("list", "watch") or (verb == "create" and served.cluster_create))


def _verb(ask: Ask, target: Target) -> str:
    if target.name:
        return _VERBS.get(ask.method, "create" if ask.method == "POST" else "")
    if ask.method in ("GET", "HEAD"):
        return "watch" if truth(ask.query["watch"][0] if "watch" in ask.query else None) else "list"
    return {"POST": "create", "DELETE": "deletecollection"}.get(ask.method, _VERBS.get(ask.method, ""))


def _selected_name(ask: Ask, verb: str) -> str:
    """Return the one name that a list's field selector picks: the server takes it for the request's name."""
    if verb not in ("list", "watch"):
        return ""
    try:
        terms = field_terms(ask.first("fieldSelector"), META_FIELDS)
    except StatusError:
        return ""
    names = [term.value for term in terms if term.field == "metadata.name" and term.equal]
    return names[0] if names and not path_segment(names[0]) else ""


def _call(handler: object, verb: str, ask: Ask, target: Target) -> Answer:
    method: Callable[..., Answer] = getattr(handler, verb)
    if target.subresource and verb in ("update", "patch"):
        return method(ask, target.namespace, target.name, status=True)
    if target.subresource and verb != "get":
        raise statuses.method_not_allowed()
    if target.name:
        return method(ask, target.namespace, target.name)
    return method(ask, target.namespace)


def _review(ask: Ask) -> Answer:
    identity: Identity = ask.identity
    if ask.method != "POST":
        raise statuses.method_not_allowed()
    if identity is ANONYMOUS:
        group = "authorization.k8s.io"
        raise statuses.forbidden(identity.user, "create", "selfsubjectaccessreviews", group, "")
    try:
        body = read_body(ask.body, ask.content_type)
    except NotJson as error:
        raise statuses.bad_request(str(error)) from error
    if not isinstance(body, dict):
        raise statuses.bad_request("json: cannot unmarshal into Go value of type v1.SelfSubjectAccessReview")
    return ObjectAnswer(review(identity, body), 201)
