"""What the text of an option may be: each type reads it, describes it, and completes it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import click
from click.shell_completion import CompletionItem

from syncer.cli import candidates
from syncer.errors import UsageError
from syncer.model import Shard
from syncer.report import FORMATS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from syncer.model import ObjectKey

LABEL = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
"""A DNS label (RFC 1123), which a namespace's name is, and each part of a Lease's."""
COMPLETION_INDEX = "JOB_COMPLETION_INDEX"
"""The variable that tells the pod of an Indexed Job which of them it is.

https://kubernetes.io/docs/concepts/workloads/controllers/job/#completion-mode
"""
UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}


class Duration(click.ParamType[float]):
    """A duration as Kubernetes and Go write it: `30s`, `5m`, `1h30m`; a bare number is seconds."""

    name = "duration"
    schema: ClassVar[dict[str, Any]] = {
        "type": ["string", "number"],
        "pattern": r"^(\d+(\.\d+)?(ms|s|m|h))+$|^\d+(\.\d+)?$",
    }

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read a duration into seconds."""
        if isinstance(value, int | float):
            return float(value)
        if re.fullmatch(r"\d+(\.\d+)?", value):
            return float(value)
        if not re.fullmatch(r"(\d+(\.\d+)?(ms|s|m|h))+", value):
            self.fail(f"{value!r} is no duration: give 30s, 5m or 1h30m", param, ctx)
        return sum(float(number) * UNITS[unit] for number, unit in re.findall(r"([\d.]+)(ms|s|m|h)", value))


class Amount(click.ParamType[str]):
    """The limit of a gate: a number of tags, or a percentage of them."""

    name = "limit"
    schema: ClassVar[dict[str, Any]] = {"type": ["string", "integer"], "pattern": r"^\d{1,9}%?$"}

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check the limit."""
        from syncer.plan import Limit  # noqa: PLC0415 - `--help` pays for no import it does not need

        try:
            Limit.parse(value)
        except UsageError as error:
            self.fail(f"{error}: {error.hint}", param, ctx)
        return value


class Owner(click.ParamType[str]):
    """The id of a sync set."""

    name = "owner"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check that a mark can hold it."""
        from syncer.imagestreamtag import check_owner  # noqa: PLC0415 - `--help` pays for no import it does not need

        try:
            return check_owner(value, "")
        except UsageError as error:
            self.fail(f"{error.message.strip()}; {error.hint}", param, ctx)


class Part(click.ParamType[Shard]):
    """INDEX/COUNT, as in 3/8; without INDEX it is that of the pod of an Indexed Job."""

    name = "shard"
    schema: ClassVar[dict[str, Any]] = {"type": "string", "pattern": r"^\d{0,4}/\d{1,4}$"}

    def convert(self, value: str | Shard, param: click.Parameter | None, ctx: click.Context | None) -> Shard:
        """Read which part it is, and of how many."""
        if isinstance(value, Shard):
            return value
        match = re.fullmatch(r"(\d{0,4})/(\d{1,4})", value)
        if not match:
            self.fail(f"{value!r} is no part: give INDEX/COUNT, as in 3/8; INDEX counts from 0", param, ctx)
        index, count = match[1] or os.environ.get(COMPLETION_INDEX, ""), int(match[2])
        if not match[1] and not re.fullmatch(r"\d{1,4}", index):
            self.fail(f"{value!r}: there is no ${COMPLETION_INDEX} here: give INDEX/COUNT, as in 3/8", param, ctx)
        if int(index) >= count:
            self.fail(f"there is no part {index} of {count}: INDEX counts from 0 to {count - 1}", param, ctx)
        return Shard(int(index), count)


class Namespace(click.ParamType[str]):
    """The name of a namespace."""

    name = "namespace"
    schema: ClassVar[dict[str, Any]] = {"type": ["string", "number"], "pattern": f"^{LABEL}$"}

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check the name: an empty one, as of a variable that is not set, would ask for every namespace."""
        if not re.fullmatch(LABEL, value):
            self.fail(f"{value!r} is no namespace: give lower case letters, digits and '-', as in team-a", param, ctx)
        return value


class LeaseName(click.ParamType[str]):
    """NAMESPACE/NAME of a Lease; empty for the default."""

    name = "lease"
    schema: ClassVar[dict[str, Any]] = {"type": "string", "pattern": f"^({LABEL}/{LABEL}(\\.{LABEL})*)?$"}

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check both names."""
        namespace, _, name = value.partition("/")
        sound = re.fullmatch(LABEL, namespace) and re.fullmatch(rf"(?=.{{1,253}}$){LABEL}(\.{LABEL})*", name)
        if value and not sound:
            self.fail(f"{value!r} is no name of a Lease: give NAMESPACE/NAME, as in team-a/syncer", param, ctx)
        return value


class TagName(click.ParamType["ObjectKey"]):
    """NAMESPACE/STREAM:TAG."""

    name = "NAMESPACE/STREAM:TAG"
    schema: ClassVar[dict[str, Any]] = {"type": "string", "pattern": "^[^/:]+/[^/:]+:[^/:]+$"}

    def convert(self, value: str | ObjectKey, param: click.Parameter | None, ctx: click.Context | None) -> ObjectKey:
        """Read the name of a tag."""
        from syncer.model import ObjectKey  # noqa: PLC0415 - `--help` pays for no import it does not need

        if not isinstance(value, str):
            return value
        parts = re.fullmatch("([^/:]+)/([^/:]+):([^/:]+)", value)
        if not parts:
            self.fail(f"{value} names no tag: write it as NAMESPACE/STREAM:TAG, as in team-a/app:prod", param, ctx)
        return ObjectKey(*parts.groups())

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
        """Complete the tags that manifests describe."""
        return [CompletionItem(each) for each in candidates.tags(ctx, param, incomplete)]


class Location(click.ParamType[str]):
    """A SOURCE: a git URL, a directory, or `-`."""

    name = "source"

    def anchor(self, text: str, folder: Path) -> str:
        """Make a directory that the settings file names one for the working directory; a URL stays."""
        elsewhere = text == "-" or "://" in text or re.match(r"[^/]+:[^/]", text)
        return text if elsewhere else anchored(text, folder)

    def shell_complete(
        self, _ctx: click.Context, _param: click.Parameter, incomplete: str
    ) -> list[CompletionItem[str]]:
        """Have the shell complete directories."""
        return [CompletionItem(incomplete, type="dir")]


class Output(click.ParamType[str]):
    """FORMAT[=PATH]."""

    name = "output"

    def __init__(self, formats: Sequence[str] = FORMATS) -> None:
        self.formats = formats
        self.schema = {"type": "string", "pattern": f"^({'|'.join(formats)})(=.+)?$"}

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check the format."""
        name, equals, path = value.partition("=")
        if name not in self.formats or (equals and not path):
            self.fail(f"{value!r} is no output: give FORMAT[=PATH], of {', '.join(self.formats)}", param, ctx)
        return value

    def shell_complete(
        self, _ctx: click.Context, _param: click.Parameter, incomplete: str
    ) -> list[CompletionItem[str]]:
        """Complete the format."""
        return [CompletionItem(each) for each in self.formats if each.startswith(incomplete)]

    def anchor(self, text: str, folder: Path) -> str:
        """Make the path one for the working directory."""
        name, equals, path = text.partition("=")
        return f"{name}={anchored(path, folder)}" if equals and path else text


def anchored(text: str, folder: Path) -> str:
    """Give a path that the settings file names, for the working directory."""
    return str(folder / Path(text).expanduser())
