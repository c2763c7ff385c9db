"""A command whose options are environment variables and keys of `syncer.yaml`, too, and stand in groups in its help."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from click.core import ParameterSource

from syncer.cli.log import LOG
from syncer.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from syncer import settings

NAME: Final = "syncer.yaml"
"""Looked for in the working directory and nowhere else: a repository that is only read as SOURCE has no say here."""
ORDER: Final = (
    ParameterSource.COMMANDLINE,
    ParameterSource.ENVIRONMENT,
    ParameterSource.DEFAULT_MAP,
    ParameterSource.DEFAULT,
)
SCOPE: Final = ("namespaces", "all_namespaces")
"""Two ways to say one thing: `-n` on the command line must not lose to an `all-namespaces` of the file."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the settings file said for this command, by parameter, and the set that was taken."""

    file: settings.SettingsFile | None = None
    values: Mapping[str, settings.Value] | None = None
    chosen: settings.SyncSet | None = None


class Command(click.Command):
    """Reads the settings file before its options; each value keeps its origin (click.core.ParameterSource)."""

    def __init__(self, *arguments: Any, **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self.config = click.Option(
            ["--config"],
            metavar="FILE",
            default="",
            envvar="SYNCER_CONFIG",
            expose_value=False,
            type=click.Path(),
            help="Settings file. Default: syncer.yaml of the working directory, if there is one.",
        )
        self.set = click.Option(
            ["--set"],
            metavar="NAME",
            default="",
            expose_value=False,
            shell_complete=_sets,
            help="Take source, scope, owner and more from this set of the settings file.",
        )
        self.has_set = any(param.name in {"source", "context"} for param in self.params)
        self.needs_source = any(param.name == "source" and param.required for param in self.params)
        added = [self.config, *([self.set] if self.has_set else [])]
        self.params = [*self.params, *added]
        for option in added:
            option.group = "Settings"  # type: ignore[attr-defined]  # see put_into

    @classmethod
    def of(cls, command: click.Command) -> click.Command:
        """Make a plain command one of these, and those of a group; one without options has nothing to set."""
        if isinstance(command, click.Group):
            command.commands = {name: cls.of(each) for name, each in command.commands.items()}
        if type(command) is not click.Command or not any(_options(command)):
            return command
        names = (
            "name",
            "callback",
            "params",
            "help",
            "epilog",
            "short_help",
            "hidden",
            "deprecated",
            "no_args_is_help",
        )
        given = {name: getattr(command, name) for name in names}
        return cls(**given, context_settings=command.context_settings)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the settings file, then everything else. Raises UsageError for what the file says wrongly."""
        name = name_of(ctx)
        for option in _options(self):
            # Click would take the parameter's name, which is a plural or a word that Python leaves free.
            option.envvar = option.envvar or variable_of(name, option)
        given = self._glance(ctx, args)
        self._choose_log(ctx, given)
        if any(param.is_eager and given.get(str(param.name)) for param in self.get_params(ctx)):
            return super().parse_args(ctx, args)  # help, or a page: whatever the file says
        try:
            loaded = ctx.obj = self.load(ctx, given)
        except UsageError:
            if not ctx.resilient_parsing:
                raise
            loaded = ctx.obj = Loaded()
        values = loaded.values or {}
        ctx.default_map = {
            option.name: values[option.name].texts if _is_list(option) else values[option.name].texts[0]
            for option in self.params
            if option.name in values
        }
        self._choose_log(ctx, given)
        try:
            rest = super().parse_args(ctx, args)
        except click.BadParameter as error:
            if (param := error.param) is None:
                raise
            match ctx.get_parameter_source(param.name or ""):
                case ParameterSource.DEFAULT_MAP if param.name in values:
                    place = f"{values[param.name].place}: {key_of(param)}"
                case ParameterSource.ENVIRONMENT:
                    place = str(param.envvar)
                case _:
                    raise
            raise UsageError(f"{place}: {error.message}") from error
        self._narrow(ctx)
        if ctx.params.get("namespaces") and ctx.params.get("all_namespaces") and not ctx.resilient_parsing:
            from_file = ctx.get_parameter_source("namespaces") is ParameterSource.DEFAULT_MAP
            said = f"{values['namespaces'].place}: namespace excludes all-namespaces" if from_file else ""
            raise UsageError(said or "-A and -n exclude each other", hint="give one of them")
        return rest

    def _glance(self, ctx: click.Context, args: list[str]) -> Mapping[str, Any]:
        """Give what can be read of a command line; what is wrong with it is said once the settings are known."""
        parser = self.make_parser(ctx)
        parser.ignore_unknown_options = True
        before, ctx.resilient_parsing = ctx.resilient_parsing, True
        try:
            return parser.parse_args(list(args))[0]
        finally:
            ctx.resilient_parsing = before

    def _choose_log(self, ctx: click.Context, given: Mapping[str, Any]) -> None:
        """Choose how stderr is written before anything can be wrong."""
        for param in self.params:
            if param.name == "log_format":
                LOG.json = param.consume_value(ctx, given)[0] == "json"

    def load(self, ctx: click.Context, given: Mapping[str, Any]) -> Loaded:
        """Read the settings file, if there is one, for what is given on the command line. Raises UsageError."""
        named, source = self.config.consume_value(ctx, given)
        chosen = str(self.set.consume_value(ctx, given)[0]) if self.has_set else ""
        path = Path(named or NAME)
        if source is ParameterSource.DEFAULT and not path.is_file():
            if chosen:
                raise UsageError(f"--set {chosen}: there is no {NAME} here", hint="give --config FILE, too")
            return Loaded()
        from syncer.settings import load  # noqa: PLC0415 - no file, no import

        file = load(path, vocabulary(ctx.find_root()))
        taken = file.choose(chosen) if chosen else None
        for param in self.params:
            if param.name == "source" and self.needs_source and not taken and not ctx.resilient_parsing:
                is_open = param.consume_value(ctx, given)[1] is ParameterSource.DEFAULT
                # For `syncer config` nothing is required: it also tells what counts before one of several is named.
                taken = file.only_set() if is_open and (param.required or len(file.sets) == 1) else None
        described = describe(name_of(ctx), self)
        values = file.values(described, taken)
        return Loaded(file, {described.keys[name].parameter: value for name, value in values.items()}, taken)

    def _narrow(self, ctx: click.Context) -> None:
        """Of the two ways to say the scope, keep the one that came by the stronger way."""
        ranks = {name: ORDER.index(ctx.get_parameter_source(name) or ORDER[-1]) for name in SCOPE if name in ctx.params}
        for option in self.params:
            if option.name in ranks and ranks[option.name] > min(ranks.values()):
                ctx.params[option.name] = () if _is_list(option) else False
                ctx.set_parameter_source(option.name, ParameterSource.DEFAULT)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options group by group: first those of this command alone."""
        groups: dict[str, list[tuple[str, str]]] = {"Options": []}
        for param in self.get_params(ctx):
            if isinstance(param, click.Option) and (record := param.get_help_record(ctx)):
                group = "Settings" if param is self.get_help_option(ctx) else getattr(param, "group", "Options")
                groups.setdefault(group, []).append(record)
        for title, records in groups.items():
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Say where else options may be given."""
        name = name_of(ctx)
        example = next(option for option in _options(self) if option.name != "help")
        formatter.write_paragraph()
        formatter.write_text(
            f"Every option is an environment variable, too ({variable_of(name, example)} for {longest(example)}), and "
            f"a key of syncer.yaml ({key_of(example)}). `syncer config {name}` shows which values count, and why."
        )


def put_into(group: str, function: Callable[..., Any]) -> None:
    """Put the option that was just added to a function into a group of the help."""
    function.__click_params__[-1].group = group  # type: ignore[attr-defined]  # Click keeps them there until the end


def vocabulary(root: click.Context) -> list[settings.Command]:
    """Describe each command that reads the settings file."""
    return [describe(name, command) for name, command in walk(root) if isinstance(command, Command)]


def walk(ctx: click.Context, group: click.Group | None = None, before: str = "") -> Iterator[tuple[str, click.Command]]:
    """Yield every command below a group, with the words that are typed for it."""
    group = group or ctx.command  # type: ignore[assignment]  # the root's command is the group
    assert isinstance(group, click.Group)  # noqa: S101 - likewise
    for word in group.list_commands(ctx):
        command = group.get_command(ctx, word)
        if isinstance(command, click.Group):
            yield from walk(ctx, command, f"{before}{word} ")
        elif command:
            yield f"{before}{word}", command


def describe(name: str, command: Command) -> settings.Command:
    """Describe a command's options as keys of the settings file; those that only ask for something else are none."""
    from syncer.settings import Command as Described  # noqa: PLC0415 - no file, no import
    from syncer.settings import Key  # noqa: PLC0415 - likewise

    keys = {}
    for param in command.params:
        if param.name in {"config", "set", "explain", None} or (
            isinstance(param, click.Argument) and param.name != "source"
        ):
            continue
        help_ = getattr(param, "help", None) or "A git URL, a directory, or - for manifests on stdin."
        more = {"anchor": anchor} if (anchor := _anchor(param.type)) else {}
        keys[key_of(param)] = Key(key_of(param), str(param.name), help_, _schema(param), _is_list(param), **more)
    return Described(name, keys, command.has_set)


def key_of(param: click.Parameter) -> str:
    """Give the key of an option: its long name; of SOURCE: `source`."""
    return longest(param)[2:] if isinstance(param, click.Option) else str(param.name)


def longest(param: click.Parameter) -> str:
    """Give an option's long name, with its dashes."""
    return max(param.opts, key=len)


def variable_of(name: str, param: click.Parameter) -> str:
    """Give the environment variable of an option of a command."""
    if isinstance(param, click.Option) and param.name == "config":
        return "SYNCER_CONFIG"
    return "_".join(("SYNCER", *name.split(), *longest(param)[2:].split("-"))).upper()


def name_of(ctx: click.Context) -> str:
    """Give the words that are typed for a command, without `syncer`."""
    words: list[str] = []
    while ctx.parent:
        words.insert(0, ctx.info_name or "")
        ctx = ctx.parent
    return " ".join(words)


def _sets(ctx: click.Context, _param: click.Parameter, typed: str) -> list[str]:
    """Complete the name of a set."""
    return [name for name in (ctx.obj.file.sets if ctx.obj and ctx.obj.file else ()) if name.startswith(typed)]


def _options(command: click.Command) -> Iterator[click.Option]:
    return (param for param in command.params if isinstance(param, click.Option))


def _is_list(param: click.Parameter) -> bool:
    return isinstance(param, click.Option) and param.multiple


def _anchor(kind: click.ParamType[Any]) -> Callable[[str, Path], str] | None:
    from syncer.cli.types import anchored  # noqa: PLC0415 - it imports what `--help` has no need of

    return getattr(kind, "anchor", anchored if isinstance(kind, click.Path) else None)


def _schema(param: click.Parameter) -> dict[str, Any]:
    """Describe one value of an option as JSON Schema."""
    kind = param.type
    if isinstance(param, click.Option) and param.is_flag:
        return {"type": "boolean"}
    if isinstance(kind, click.IntRange):
        limits = {"minimum": kind.min, "maximum": kind.max}
        return {"type": "integer", **{name: limit for name, limit in limits.items() if limit is not None}}
    if isinstance(kind, click.Choice):
        return {"enum": list(kind.choices)}
    return dict(getattr(kind, "schema", {"type": ["string", "number"]}))
