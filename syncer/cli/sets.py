"""Several sync sets of `syncer.yaml` in one run: each as if it were alone, one report, one exit code."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from click.core import ParameterSource

from syncer.cli import defect
from syncer.cli.command import refuse
from syncer.cli.interrupts import Interrupts
from syncer.cli.lock import check_lock
from syncer.cli.log import LOG
from syncer.cli.options import located, run_options
from syncer.cli.output import Reporting, Voice, failed_report, parse_outputs
from syncer.cli.watching import check_watching
from syncer.errors import ClusterError, SyncerError, UsageError
from syncer.events import RunEnded, RunFailed, Waiting
from syncer.model import SetReport, SetsReport
from syncer.sync.sets import Claim, contested, side_by_side, worst

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import click

    from syncer.cli.output import Output
    from syncer.events import Event
    from syncer.sync import Run
    from syncer.sync.sets import Interruptible

    Story = Callable[[dict[str, Any], Voice, Callable[[], bool]], Run]
    """What a command does with its options: the run, told by a voice; no write begins once the last one holds."""


def run_sets(given: dict[str, Any], story: Story) -> int:
    """Run a story for each set, side by side, and give the exit code of all. Raises UsageError before any begins."""
    chosen: Mapping[str, click.Context] = given["sets"]
    sets = {name: {**context.params, "set": name} for name, context in chosen.items()}
    outputs = _check(given, sets, {name: _own_outputs(context) for name, context in chosen.items()})
    with Reporting(given) as reporting, Interrupts(several=True) as interrupts:
        stories = {name: partial(_told, name, each, outputs[name], story, reporting) for name, each in sets.items()}

        def interrupted(name: str, error: SyncerError) -> SetReport:
            return _failed(name, sets[name], error)

        with side_by_side(stories, signalled=lambda: interrupts.exit_code, interrupted=interrupted) as ended:
            code = interrupts.exit_code or worst(each.exit_code for each in ended.values())
            return reporting.finish_sets(SetsReport(tuple(ended.values()), code, bool(interrupts.exit_code)))


class SetVoice(Voice):
    """Tells what one set does: in the report's files that are its own, and by its name where all are told of."""

    def __init__(
        self,
        name: str,
        given: dict[str, Any],
        outputs: Sequence[Output],
        above: Reporting,
        hand: Interruptible,
    ) -> None:
        super().__init__(given, outputs)
        self.name, self._above, self._hand = name, above, hand

    def tell(self, event: Event) -> None:
        """Pass an event on, unless the run is to end here. Raises InterruptedRunError then."""
        if not isinstance(event, RunEnded | RunFailed):
            self._hand.check()
        super().tell(event)
        self._above.tell(event, self.name)

    def wait(self, message: str) -> None:
        """Tell what keeps this set waiting."""
        LOG.say("info", message, set=self.name)
        self.tell(Waiting(message))

    def sleep(self, seconds: float) -> None:
        """Wait between two attempts, no longer than the run goes on."""
        self._hand.sleep(seconds)

    def finish(self, run: Run) -> SetReport:
        """Write the set's own report, and give it with the exit code. Raises SyncerError where it cannot be written."""
        signalled = self._hand.signalled() if run.report.interrupted else 0
        code = signalled or run.exit_code(detailed=self._given["detailed_exitcode"])
        self.tell(RunEnded(run.report, code, run.refusal))
        self._finished = True
        self._write(run.report, self._outputs)
        self._check()
        refusal = run.refusal
        return SetReport(
            self.name, run.report, code, refusal.message if refusal else "", refusal.hint if refusal else ""
        )


def _told(  # noqa: PLR0913, PLR0917 - a set, and what it is told by
    name: str, given: dict[str, Any], outputs: Sequence[Output], story: Story, above: Reporting, hand: Interruptible
) -> SetReport:
    """Run the story of one set to its end, whatever that is."""
    run: Run | None = None
    try:
        with SetVoice(name, given, outputs, above, hand) as voice:
            run = story(given, voice, hand.stopped)
            return voice.finish(run)
    except SyncerError as error:
        wrong = error
    except Exception as error:  # noqa: BLE001 - a defect that one set meets must not hide the others
        wrong = defect(error)
    if run is None:
        return _failed(name, given, wrong)
    code = worst((wrong.exit_code, run.exit_code(detailed=given["detailed_exitcode"])))
    return SetReport(name, run.report, code, wrong.message, wrong.hint)


def _failed(name: str, given: dict[str, Any], error: SyncerError) -> SetReport:
    return SetReport(name, failed_report(error, given), error.exit_code, error.message, error.hint)


# ----------------------------------------------------------------------------------------------- before any begins


def _own_outputs(context: click.Context) -> list[str]:
    """Give the outputs that the set itself names, for itself alone; what is said elsewhere is for all of them."""
    from_file = context.get_parameter_source("outputs") is ParameterSource.DEFAULT_MAP
    is_own = from_file and "output" in context.obj.chosen.values
    return [text for text in context.params["outputs"] if is_own and text != "text"]


def _check(
    given: dict[str, Any], sets: Mapping[str, dict[str, Any]], texts: Mapping[str, Sequence[str]]
) -> Mapping[str, Sequence[Output]]:
    """Give the outputs of each set, and by "" those of all. Raises UsageError that names every set that is wrong.

    What could not be done is refused here, before anything is read or written.
    """
    if given["profile"]:
        raise UsageError("--profile takes one set", hint="give --set NAME")
    wrong: dict[str, tuple[str, str]] = {}
    outputs = {"": parse_outputs(given["outputs"], quiet=given["quiet"])}
    claims: list[Claim] = []
    for name, each in sets.items():
        try:
            outputs[name] = parse_outputs(texts[name], quiet=True)
            claims += _checked(name, each, outputs[name])
        except UsageError as error:
            wrong[name] = (error.message, error.hint)
    refuse(wrong)
    shared = [
        *_twice("source, standard input", ((name, "") for name, each in sets.items() if each["source"] == "-")),
        *_twice("undo file", _files(sets, "undo_file")),
        *_twice("metrics file", _files(sets, "metrics_file")),
        *_twice("output", ((n, os.path.realpath(o.path)) for n, several in outputs.items() for o in several if o.path)),
        *contested(claims),
    ]
    if shared:
        raise UsageError("\n".join(shared), hint="say it in each set of syncer.yaml, not once for all")
    return outputs


def _checked(name: str, given: dict[str, Any], outputs: Iterable[Output]) -> Iterator[Claim]:
    """Hold one set to what its run will be held to, and give what it claims; nothing where a kubeconfig is broken."""
    run_options(given)
    if given.get("shard"):
        message = "--shard takes one set, for `syncer report merge` folds the parts of one"
        raise UsageError(message, hint="give --set NAME")
    if loud := next((output.format for output in outputs if not output.path), ""):
        hint = f"say output: {loud}=PATH in the set, or give -o {loud} for the report of all"
        raise UsageError(f"its output {loud} goes to stdout, where several sets have one report", hint=hint)
    if "lock" in given:
        check_watching(given)
        check_lock(given)
    with suppress(ClusterError):  # its run says what is wrong, and the others go on
        yield _claim(name, given, located(given))


def _files(sets: Mapping[str, dict[str, Any]], key: str) -> Iterator[tuple[str, str]]:
    return ((name, os.path.realpath(each[key])) for name, each in sets.items() if each.get(key))


def _twice(what: str, places: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Say which two sets share what only one can have."""
    seen: dict[str, str] = {}
    for name, place in places:
        first = seen.setdefault(place, name)
        if first != name and not place.startswith(("/dev/", "/proc/")):
            who = f"sets {first} and {name}" if first else f"set {name} and the report of all"
            yield f"{who} have one {what}{f': {place}' * bool(place)}"


def _claim(name: str, given: dict[str, Any], server: str) -> Claim:
    source = given["source"]
    is_folder = os.path.isdir(source)  # noqa: PTH112 - a URL is no path
    return Claim(
        name,
        server,
        given["owner"],
        os.path.realpath(source) if is_folder else source,
        frozenset(given["namespaces"]),
        given["all_namespaces"],
        frozenset(given["paths"]),
    )
