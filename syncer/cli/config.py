"""`syncer config`: which value of each option counts, and where it comes from."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from syncer.cli.command import Command, key_of, longest, name_of, variable_of, vocabulary, walk
from syncer.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator


class Plain(click.Command):
    """A command that only reads what is set for others."""


@click.command("config", cls=Plain, context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("--schema", is_flag=True, help="Print the JSON Schema of syncer.yaml, for editors.")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[COMMAND] [ARGUMENTS]...")
@click.pass_context
def command(ctx: click.Context, arguments: tuple[str, ...], *, schema: bool) -> None:
    """Print the value of each option of COMMAND (default: sync) and where it comes from. Runs nothing.

    A value comes from a flag among ARGUMENTS, else an environment variable, else the settings file, else it is the
    default. Credentials in URLs are left out.

    \b
    Examples:
      syncer config
      syncer config plan --set payments
      syncer config sync --all-sets
      syncer config --schema > syncer.schema.json
    """
    root = ctx.find_root()
    if schema:
        from syncer.settings import json_schema  # noqa: PLC0415 - `--help` pays for no import it does not need

        click.echo(json.dumps(json_schema(vocabulary(root)), indent=2))
        return
    asked = _parse(root, list(arguments))
    click.echo("\n".join(map(_table, asked.params.get("sets", {"": asked}).values())), nl=False)


def _table(asked: click.Context) -> str:
    """Write what counts for a command, or for a set of several."""
    loaded = asked.obj
    sets = f", set {loaded.chosen.name}" if loaded.chosen else ""
    if loaded.file and loaded.file.sets and not sets:
        sets = f", none of its sets ({', '.join(loaded.file.sets)})"
    title = f"# syncer {name_of(asked)}; settings file: {loaded.file.path if loaded.file else 'none'}{sets}\n"
    rows = [("OPTION", "VALUE", "ORIGIN"), *_rows(asked)]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    return title + "".join(f"{key:{widths[0]}}  {value:{widths[1]}}  {origin}\n" for key, value, origin in rows)


def _parse(root: click.Context, arguments: list[str]) -> click.Context:
    """Have a command read its arguments as it does before it runs; what is missing stays missing."""
    commands = {name: each for name, each in walk(root) if isinstance(each, Command)}
    name = "sync" if not arguments or arguments[0].startswith("-") else ""
    for words in (2, 1):
        if not name and " ".join(arguments[:words]) in commands:
            name, arguments = " ".join(arguments[:words]), arguments[words:]
    if not name:
        raise UsageError(f"no command {arguments[0]!r} has settings", hint=f"there are: {', '.join(commands)}")
    asked = copy.copy(commands[name])
    asked.params = [copy.copy(param) for param in asked.params]
    for param in asked.params:
        param.required = False
    return asked.make_context(name, arguments, parent=root)


def _rows(ctx: click.Context) -> Iterator[tuple[str, str, str]]:
    from syncer.source.location import display_url, shown  # noqa: PLC0415 - `--help` pays for no import it does not need

    for param in ctx.command.params:
        if param.name and param.expose_value:
            value = ctx.params[param.name]
            texts = [str(each) for each in value] if isinstance(value, tuple) else [_text(value)]
            yield key_of(param), " ".join(display_url(shown(text)) for text in texts) or "-", _origin(ctx, param)


def _text(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case None:
            return ""
        case float():
            return f"{value:g}s"  # the only fractions are durations
        case _:
            return str(value)


def _origin(ctx: click.Context, param: click.Parameter) -> str:
    match ctx.get_parameter_source(str(param.name)):
        case ParameterSource.COMMANDLINE:
            return longest(param) if isinstance(param, click.Option) else "argument"
        case ParameterSource.ENVIRONMENT:
            return variable_of(name_of(ctx), param)
        case ParameterSource.DEFAULT_MAP:
            place = ctx.obj.values[param.name].place
            return f"{place.file}:{place.line}"
        case _:
            return "default"
