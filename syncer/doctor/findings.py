"""What an examination finds, and how it is shown."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from syncer import __version__
from syncer.doctor.roles import roles, yaml_of
from syncer.report.facts import FORMAT_VERSION
from syncer.report.values import visible

if TYPE_CHECKING:
    from syncer.doctor.permissions import Permission


_ROLES_NEED: Final = ("source", "manifests", "server", "authenticated")


class Status(StrEnum):
    """How a check ended: `warn` lets a sync run, `fail` does not."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: a word that scripts can rely on, what was seen, and what to do about it."""

    name: str
    status: Status
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All checks, in the order in which they were made; what the source needs, and whether the cluster allows it.

    A permission that could not be asked for is not in `allowed`. `user` is who the cluster takes us for, empty where it
    does not say.
    """

    checks: tuple[Check, ...]
    needs: tuple[Permission, ...] = ()
    allowed: tuple[tuple[Permission, bool], ...] = ()
    user: str = ""

    @property
    def healthy(self) -> bool:
        """Whether nothing stands in the way of a sync."""
        return all(check.status is not Status.FAIL for check in self.checks)

    @property
    def role(self) -> str:
        """The Roles that the source needs, and nothing beyond, as YAML; empty where it needs none."""
        return yaml_of(roles(self.needs, self.user)) if self.needs else ""

    @property
    def blind(self) -> list[Check]:
        """What failed and may leave the Roles without a rule or a subject: all but the permissions that they give."""
        return [check for check in self.checks if check.status is Status.FAIL and check.name in _ROLES_NEED]

    def text(self) -> str:
        """Tell it to a person: a line a check, its cure below it, and the Roles."""
        lines = []
        for check in self.checks:
            lines.append(f"{check.status:<5}{check.name}: {visible(check.message)}")
            lines += [f"     {visible(check.hint)}"] if check.hint else []
        lines.append("")
        if self.needs:
            lines += [
                "The least that a sync of this source must be allowed (`-o role` prints only this):",
                "",
                self.role,
            ]
        return "\n".join(lines)

    def document(self) -> str:
        """Tell it to a script, as JSON."""
        granted = dict(self.allowed)
        permissions = [{**asdict(need), "allowed": granted.get(need)} for need in self.needs]
        checks = [{**asdict(check), "status": str(check.status)} for check in self.checks]
        body = {
            "format_version": FORMAT_VERSION,
            "syncer_version": __version__,
            "healthy": self.healthy,
            "user": self.user,
            "checks": checks,
            "permissions": permissions,
            "roles": roles(self.needs, self.user),
        }
        return json.dumps(body, indent=2, sort_keys=True) + "\n"
