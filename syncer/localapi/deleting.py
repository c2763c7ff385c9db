"""Reads what a DELETE brings along: options in the body, or in the query when there is no body."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from syncer.localapi import statuses
from syncer.localapi.decoding import NotJson, media_type, parse_json, parse_yaml
from syncer.localapi.kinds import DELETE_OPTIONS
from syncer.localapi.lists import number, truth
from syncer.localapi.requests import Ask, dry_run_causes
from syncer.localapi.schema import Walk, WrongType

if TYPE_CHECKING:
    from syncer.localapi.statuses import Cause
    from syncer.localapi.values import Doc

_POLICIES = ("Foreground", "Background", "Orphan")


@dataclass(frozen=True)
class DeleteOptions:
    """The preconditions of a delete (None: none), and dry run or not."""

    uid: str | None = None
    version: str | None = None
    dry_run: bool = False


def delete_options(ask: Ask) -> DeleteOptions:
    """Return the options of a DELETE. Raises 400, 415, 422, and 500 for a body that cannot be decoded."""
    given = _of_body(ask) if ask.body else _of_query(ask)
    if causes := _causes(given):
        raise statuses.invalid("DeleteOptions", "", causes, group="meta.k8s.io")
    conditions = given.get("preconditions") or {}
    return DeleteOptions(conditions.get("uid"), conditions.get("resourceVersion"), bool(given.get("dryRun")))


def _causes(given: Doc) -> list[Cause]:
    causes = []
    policy = given.get("propagationPolicy")
    if policy is not None and "orphanDependents" in given:
        message = "orphanDependents and deletionPropagation cannot be both set"
        causes.append(statuses.invalid_value("propagationPolicy", policy, message))
    if policy is not None and policy not in _POLICIES:
        causes.append(statuses.unsupported_value("propagationPolicy", policy, [*_POLICIES, "nil"]))
    return causes + dry_run_causes(given.get("dryRun") or [])


def _of_query(ask: Ask) -> Doc:
    number(ask.singles().get("gracePeriodSeconds"))
    given: Doc = {"dryRun": list(ask.query.get("dryRun", ()))}
    if "propagationPolicy" in ask.query:
        given["propagationPolicy"] = ask.first("propagationPolicy")
    if "orphanDependents" in ask.query:
        given["orphanDependents"] = truth(ask.first("orphanDependents"))
    return given


def _of_body(ask: Ask) -> Doc:
    """Return the options of a body, of any version; what it cannot be decoded as is no API error to the server."""
    kind = media_type(ask.content_type) or "application/json"
    if kind not in ("application/json", "application/yaml"):
        raise statuses.unsupported_body()
    try:
        value = parse_yaml(ask.body) if kind.endswith("yaml") else parse_json(ask.body)
        if isinstance(value, dict) and value.get("kind") not in (None, "", "DeleteOptions"):
            version = value.get("apiVersion", "v1")
            raise statuses.plain_error(f'no kind "{value["kind"]}" is registered for version "{version}"')
        return DELETE_OPTIONS.decode(value or {}, Walk())
    except (NotJson, WrongType) as error:
        raise statuses.plain_error(f"couldn't get version/kind; json parse error: {error}") from error
