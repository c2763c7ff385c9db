"""A command whose options are environment variables and keys of `syncer.yaml`, too, and stand in groups in its help."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from click.core import ParameterSource

from syncer.cli.log import LOG
from syncer.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from syncer import settings

NAME: Final = "syncer.yaml"
"""Looked for in the working directory and nowhere else: a repository that is only read as SOURCE has no say here."""
ORDER: Final = (
    ParameterSource.COMMANDLINE,
    ParameterSource.ENVIRONMENT,
    ParameterSource.DEFAULT_MAP,
    ParameterSource.DEFAULT,
)
SEVERAL: Final = ("plan", "sync")
"""Commands that take several sets at once."""
SCOPE: Final = ("namespaces", "all_namespaces")
"""Two ways to say one thing: `-n` on the command line must not lose to an `all-namespaces` of the file."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the settings file said for this command, by parameter, and the set that was taken, or the several."""

    file: settings.SettingsFile | None = None
    values: Mapping[str, settings.Value] | None = None
    chosen: settings.SyncSet | None = None
    several: tuple[settings.SyncSet, ...] = ()


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
        self.takes_several = self.name in SEVERAL
        self.set = click.Option(
            ["--set"],
            metavar="NAME",
            multiple=self.takes_several,
            default=() if self.takes_several else "",
            expose_value=False,
            shell_complete=_sets,
            help="Take source, scope, owner and more from this set of the settings file"
            f"{'; repeatable: side by side, one report' * self.takes_several}.",
        )
        self.all_sets = click.Option(
            ["--all-sets"], is_flag=True, expose_value=False, help="Take every set of the settings file, side by side."
        )
        self.only: settings.SyncSet | None = None
        self.file: settings.SettingsFile | None = None
        self.has_set = any(param.name in {"source", "context"} for param in self.params)
        self.needs_source = any(param.name == "source" and param.required for param in self.params)
        added = [self.config, *([self.set] if self.has_set else []), *([self.all_sets] if self.takes_several else [])]
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
        given, given_args = self._glance(ctx, args), list(args)
        self._choose_log(ctx, given)
        pages = (param for param in self.get_params(ctx) if param.is_eager and param.name != "log_format")
        if any(given.get(str(param.name)) for param in pages):
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
        if loaded.several:
            ctx.default_map.setdefault("source", "")  # each of them has its own
        self._choose_log(ctx, given)
        rest = self._parse(ctx, args, values)
        self._narrow(ctx)
        if ctx.params.get("namespaces") and ctx.params.get("all_namespaces") and not ctx.resilient_parsing:
            from_file = ctx.get_parameter_source("namespaces") is ParameterSource.DEFAULT_MAP
            said = f"{values['namespaces'].place}: namespace excludes all-namespaces" if from_file else ""
            raise UsageError(said or "-A and -n exclude each other", hint="give one of them")
        if loaded.several and not ctx.resilient_parsing:
            ctx.params["sets"] = self._each_set(ctx, given_args, loaded.several)
        return rest

    def _parse(self, ctx: click.Context, args: list[str], values: Mapping[str, settings.Value]) -> list[str]:
        """Read all options. Raises UsageError that names where a wrong value comes from, if it is no flag."""
        try:
            return super().parse_args(ctx, args)
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

    def _each_set(
        self, ctx: click.Context, args: list[str], several: Sequence[settings.SyncSet]
    ) -> Mapping[str, click.Context]:
        """Read the command line for each set as if it were the only one. Raises UsageError for all that are wrong."""
        found, wrong = dict[str, click.Context](), dict[str, tuple[str, str]]()
        for each in several:
            alone = copy.copy(self)
            alone.only, alone.file = each, ctx.obj.file
            try:
                found[each.name] = alone.make_context(ctx.info_name, list(args), parent=ctx.parent)
            except click.UsageError as error:
                wrong[each.name] = (error.format_message(), "")
            except UsageError as error:
                wrong[each.name] = (error.message, error.hint)
        refuse(wrong)
        return found

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
        names, takes_all = self._sets_named(ctx, given)
        path = Path(named or NAME)
        if source is ParameterSource.DEFAULT and not path.is_file():
            if names or takes_all:
                said = "--all-sets" if takes_all else f"--set {names[0]}"
                raise UsageError(f"{said}: there is no {NAME} here", hint="give --config FILE, too")
            return Loaded()
        from syncer.settings import load  # noqa: PLC0415 - no file, no import

        file = self.file or load(path, vocabulary(ctx.find_root()))
        asked = file.every_set() if takes_all else tuple(map(file.choose, names))
        several = asked if (takes_all or len(asked) > 1) and not self.only else ()
        taken = self.only or next(iter(asked if not several else ()), None)
        for param in self.params:
            if param.name == "source" and self.needs_source and not (taken or several or ctx.resilient_parsing):
                is_open = param.consume_value(ctx, given)[1] is ParameterSource.DEFAULT
                # For `syncer config` nothing is required: it also tells what counts before one of several is named.
                taken = file.only_set() if is_open and (param.required or len(file.sets) == 1) else None
        described = describe(name_of(ctx), self)
        values = file.values(described, taken)
        by_parameter = {described.keys[name].parameter: value for name, value in values.items()}
        return Loaded(file, by_parameter, taken, several)

    def _sets_named(self, ctx: click.Context, given: Mapping[str, Any]) -> tuple[tuple[str, ...], bool]:
        """Give the sets that are asked for by name, and whether all are. Raises UsageError."""
        if not self.has_set:
            return (), False
        value, source = self.set.consume_value(ctx, given)
        names = tuple(filter(None, (value,) if isinstance(value, str) else value))
        if twice := next((name for name in names if names.count(name) > 1), ""):
            raise UsageError(f"--set {twice} is given twice", hint="give each set once")
        if not self.takes_several:
            return names, False
        every, said = self.all_sets.consume_value(ctx, given)
        if not self.all_sets.type_cast_value(ctx, every):
            return names, False
        if names and said is source:
            raise UsageError("--set and --all-sets exclude each other", hint="give one of them")
        is_stronger = not names or ORDER.index(said) < ORDER.index(source)
        return (() if is_stronger else names), is_stronger

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
        if param.name in {"config", "set", "all_sets", "explain", None} or (
            isinstance(param, click.Argument) and param.name != "source"
        ):
            continue
        help_ = getattr(param, "help", None) or "A git URL, a directory, or - for manifests on stdin."
        more = {"anchor": anchor} if (anchor := _anchor(param.type)) else {}
        keys[key_of(param)] = Key(key_of(param), str(param.name), help_, _schema(param), _is_list(param), **more)
    return Described(name, keys, command.has_set)


def refuse(wrong: Mapping[str, tuple[str, str]]) -> None:
    """Raise UsageError for what is wrong with sets, as message and hint by the name of each, if anything is."""
    if wrong:
        hints = dict.fromkeys(hint for _, hint in wrong.values() if hint)
        message = "\n".join(f"set {name}: {message}" for name, (message, _) in wrong.items())
        raise UsageError(message, hint="; ".join(hints))


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
    """Complete the name of a set that was not given yet."""
    there = ctx.obj.file.sets if ctx.obj and ctx.obj.file else ()
    given = [each.name for each in (*ctx.obj.several, ctx.obj.chosen) if each] if there else []
    return [name for name in there if name.startswith(typed) and name not in given]


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
