"""Permissions as Roles that are ready to apply: a Role a namespace, a ClusterRole for the whole cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import yaml  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from syncer.doctor.permissions import Permission
    from syncer.model import Json

_API: Final = "rbac.authorization.k8s.io"
_SERVICE_ACCOUNT: Final = "system:serviceaccount:"


def roles(needs: Iterable[Permission], user: str = "") -> list[dict[str, Json]]:
    """Write the Roles that allow exactly this, and bind them to the user where one is known.

    `user` is a name as the server gives it: `ann`, or `system:serviceaccount:NAMESPACE:NAME`.
    """
    by_namespace: dict[str, list[Permission]] = {}
    for need in needs:
        by_namespace.setdefault(need.namespace, []).append(need)
    made = []
    for namespace, group in sorted(by_namespace.items()):
        made.append(_object("Role", namespace, rules=_rules(group)))
        if user:
            reference = {"apiGroup": _API, "kind": "Role" if namespace else "ClusterRole", "name": "syncer"}
            made.append(_object("RoleBinding", namespace, roleRef=reference, subjects=[_subject(user)]))
    return made


def yaml_of(documents: Sequence[Json]) -> str:
    """Write documents as YAML, for `kubectl apply -f -`."""
    written: str = yaml.dump_all(
        documents, Dumper=_Dumper, sort_keys=False, explicit_start=True, default_flow_style=None, width=120
    )
    return written


def _object(kind: str, namespace: str, **content: Any) -> dict[str, Json]:  # noqa: ANN401 - JSON of any shape
    metadata = {"name": "syncer", **({"namespace": namespace} if namespace else {})}
    kind = kind if namespace else f"Cluster{kind}"
    return {"apiVersion": f"{_API}/v1", "kind": kind, "metadata": metadata, **content}


def _rules(needs: Iterable[Permission]) -> list[dict[str, list[str]]]:
    """Gather verbs by resource, and resources that have the same verbs."""
    verbs: dict[tuple[str, str], set[str]] = {}
    for need in needs:
        verbs.setdefault((need.group, need.resource), set()).add(need.verb)
    return [
        {"apiGroups": [group], "resources": [resource], "verbs": sorted(found)}
        for (group, resource), found in sorted(verbs.items())
    ]


def _subject(user: str) -> dict[str, str]:
    if user.startswith(_SERVICE_ACCOUNT):
        namespace, _, name = user.removeprefix(_SERVICE_ACCOUNT).partition(":")
        return {"kind": "ServiceAccount", "name": name, "namespace": namespace}
    return {"apiGroup": _API, "kind": "User", "name": user}


class _Dumper(yaml.SafeDumper):  # type: ignore[misc]  # the package has no types
    """Writes no anchors: each list stands where it is used."""

    def ignore_aliases(self, _data: object) -> bool:
        return True
