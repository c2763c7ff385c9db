"""Who may do what: tokens with a role, and the answers to a SelfSubjectAccessReview."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml  # type: ignore[import-untyped]

from syncer.localapi import statuses

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncer.localapi.values import Doc

_READ = frozenset({"get", "list", "watch"})
_WRITE = _READ | {"create", "update", "patch", "delete", "deletecollection"}
ROLES: Mapping[str, frozenset[str]] = {"": frozenset(), "view": _READ, "edit": _WRITE, "admin": _WRITE | {""}}
"""The verbs of each role; no role has none. The empty verb is that of an HTTP method which means nothing here."""
_LISTS = ("namespaces", "resources")


@dataclass(frozen=True)
class Identity:
    """A user, their role (`view`, `edit`, `admin`, or empty), and the namespaces and resources it holds for.

    None means all of them.
    """

    user: str
    role: str = ""
    namespaces: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()

    def may(self, verb: str, namespace: str, resource: str) -> bool:
        """Tell whether the user may do this to a resource in a namespace; an empty namespace is the whole cluster."""
        here = not self.namespaces or namespace in self.namespaces
        return verb in ROLES[self.role] and here and (not self.resources or resource in self.resources)


ANONYMOUS = Identity("system:anonymous")
EVERYTHING = Identity("system:admin", "admin")
"""Who everybody is when there are no tokens."""


def load_tokens(path: Path | str) -> dict[str, Identity]:
    """Return the identities in a YAML file.

    `TOKEN: {user: NAME, role: view|edit|admin, namespaces: [NS], resources: [PLURAL]}`. Raises
    `ValueError`, with the file's name and the token's user but never the token, and `OSError`.
    """
    try:
        loaded = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        raise ValueError(f"{where}: not YAML") from error
    if not isinstance(loaded, dict) or not all(isinstance(entry, dict) for entry in loaded.values()):
        raise ValueError(f"{path}: must be a mapping of tokens to {{user, role, namespaces, resources}}")
    return {str(token): _identity(entry, path) for token, entry in loaded.items()}


def _identity(entry: Mapping[str, Any], path: Path | str) -> Identity:
    user, role = entry.get("user"), entry.get("role") or ""
    if not isinstance(user, str) or not user:
        raise ValueError(f"{path}: a token has no user")
    if unknown := set(entry) - {"user", "role", *_LISTS}:
        raise ValueError(f"{path}: {user}: unknown {', '.join(sorted(map(str, unknown)))}")
    if role not in ROLES:
        raise ValueError(f"{path}: {user}: role {role!r} is none of view, edit, admin")
    return Identity(user, role, *(_names(entry, each, f"{path}: {user}") for each in _LISTS))


def _names(entry: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
    names = entry.get(key) or ()
    if isinstance(names, str) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"{where}: {key} must be a list of names")
    return tuple(names)


def identify(header: str, tokens: Mapping[str, Identity] | None) -> Identity:
    """Return who an Authorization header speaks for. Raises 401 for a token that nobody knows."""
    if tokens is None:
        return EVERYTHING
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        return ANONYMOUS
    identity = tokens.get(token.strip())
    if identity is None:
        raise statuses.unauthorized()
    return identity


def review(identity: Identity, body: Mapping[str, Any]) -> Doc:
    """Return a SelfSubjectAccessReview with its status: `allowed`, and why not."""
    spec: dict[str, Any] = body.get("spec") or {}
    wanted: dict[str, Any] | None = spec.get("resourceAttributes")
    if wanted is None:
        allowed = identity is not ANONYMOUS and (spec.get("nonResourceAttributes") or {}).get("verb") == "get"
    else:
        verb = wanted.get("verb", "")
        verbs = sorted(_WRITE) if verb == "*" else [verb]
        resource = "/".join(filter(None, (wanted.get("resource", ""), wanted.get("subresource", ""))))
        allowed = all(identity.may(each, wanted.get("namespace") or "", resource) for each in verbs)
    status: Doc = {"allowed": allowed} if allowed else {"allowed": False, "reason": "no role allows it"}
    return {
        "kind": "SelfSubjectAccessReview",
        "apiVersion": "authorization.k8s.io/v1",
        "metadata": {},
        "spec": spec,
        "status": status,
    }
