"""Reads what a DELETE brings along: options in the body, or in the query when there is no body."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from syncer.localapi import statuses
from syncer.localapi.decoding import NotJson, media_type, parse_json, parse_yaml
from syncer.localapi.lists import number
from syncer.localapi.requests import Ask, dry_run_causes

_POLICIES = ("Foreground", "Background", "Orphan")


@dataclass(frozen=True)
class DeleteOptions:
    """The preconditions of a delete (empty: none), and dry run or not."""

    uid: str = ""
    version: str = ""
    dry_run: bool = False


def delete_options(ask: Ask) -> DeleteOptions:
    """Return the options of a DELETE. Raises 400, 415 and 422."""
    given = _body(ask) if ask.body else {}
    number(ask.singles().get("gracePeriodSeconds"))
    dry_run = given.get("dryRun") if ask.body else list(ask.query.get("dryRun", ()))
    policy = given.get("propagationPolicy") if ask.body else ask.first("propagationPolicy") or None
    if not isinstance(dry_run, list | None) or not isinstance(policy, str | None):
        raise _wrong("dryRun or propagationPolicy is of a wrong type")
    causes = []
    if policy is not None and policy not in _POLICIES:
        causes.append(statuses.unsupported_value("propagationPolicy", policy, [*_POLICIES, "nil"]))
    causes += dry_run_causes(dry_run or [])
    if causes:
        raise statuses.invalid("DeleteOptions", "", causes, group="meta.k8s.io")
    conditions = given.get("preconditions") or {}
    return DeleteOptions(conditions.get("uid") or "", conditions.get("resourceVersion") or "", bool(dry_run))


def _wrong(why: str) -> statuses.StatusError:
    return statuses.bad_request(f'DeleteOptions in version "v1" cannot be handled as a DeleteOptions: {why}')


def _body(ask: Ask) -> dict[str, Any]:
    kind = media_type(ask.content_type) or "application/json"
    if kind not in ("application/json", "application/yaml"):
        raise statuses.unsupported_body()
    try:
        value = parse_yaml(ask.body) if kind.endswith("yaml") else parse_json(ask.body)
    except NotJson as error:
        raise statuses.plain_error(f"couldn't get version/kind; json parse error: {error}") from error
    if not isinstance(value, dict):
        raise statuses.plain_error("couldn't get version/kind; json parse error: json: cannot unmarshal into Go value")
    if value.get("kind") not in (None, "", "DeleteOptions"):
        version = value.get("apiVersion", "v1")
        raise statuses.plain_error(f'no kind "{value["kind"]}" is registered for version "{version}"')
    if not isinstance(value.get("preconditions"), dict | None):
        raise _wrong("json: cannot unmarshal into Go struct field DeleteOptions.preconditions of type v1.Preconditions")
    return value
