"""The report as JUnit XML, which CI systems show as tests: a suite a namespace, a case a tag."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from syncer.model import ImportState, Severity
from syncer.report import facts, sets
from syncer.report.findings import described
from syncer.report.values import Values, sentence, visible

if TYPE_CHECKING:
    from collections.abc import Iterable

    from syncer.model import Change, Report, SetReport, SetsReport


def render(report: Report) -> str:
    """Write JUnit XML. A tag whose apply failed, a stopped gate and an error fail; a skip is skipped; a change passes.

    What a passing case has to tell (the change, a failed import) stands in its `system-out`.
    """
    return _document(facts.headline(report), _suites(report))


def render_sets(report: SetsReport) -> str:
    """Write JUnit XML, a suite a sync set; a set that did not end as it should, has a case of its own that fails."""
    suites = []
    for each in report.sets:
        cases = [case for suite in _suites(each.report) for case in suite]
        for case in cases:
            case.attrib["classname"] = f"{each.name}.{case.attrib['classname']}"
        suites.append(_suite(visible(each.name), [_end(each), *cases]))
    return _document(sets.headline(report), suites)


def _end(each: SetReport) -> ET.Element:
    case = _case(f"{visible(each.name)}.syncer", "run")
    if each.exit_code in sets.ENDS:
        told = f"exit code {each.exit_code}: {sets.line(each)}"
        ET.SubElement(case, "failure", {"message": told}).text = sentence(each.error) or told
    return case


def _suites(report: Report) -> list[ET.Element]:
    values = Values.of(report)
    suites = [_suite("syncer", _cases_of_the_run(report))]
    for namespace, changes in facts.by_namespace(report.plan.changes).items():
        suites.append(_suite(f"syncer.{visible(namespace)}", [_case_of(report, c, values) for c in changes]))
    return suites


def _document(name: str, suites: list[ET.Element]) -> str:
    root = ET.Element("testsuites", {"name": name, **_totals(suites)})
    root.extend(suites)
    ET.indent(root)
    return f"<?xml version='1.0' encoding='UTF-8'?>\n{ET.tostring(root, encoding='unicode')}\n"


def _suite(name: str, cases: Iterable[ET.Element]) -> ET.Element:
    suite = ET.Element("testsuite", {"name": name})
    suite.extend(cases)
    counts = {"tests": len(suite)}
    counts |= {f"{kind}s" if kind != "skipped" else kind: len(suite.findall(f"*/{kind}")) for kind in _KINDS}
    suite.attrib |= {name: str(count) for name, count in counts.items()}
    return suite


_KINDS = ("failure", "error", "skipped")


def _totals(suites: list[ET.Element]) -> dict[str, str]:
    names = ("tests", "failures", "errors", "skipped")
    return {name: str(sum(int(suite.attrib[name]) for suite in suites)) for name in names}


def _cases_of_the_run(report: Report) -> list[ET.Element]:
    """Give a case for the manifests and one for the gates, each with all that is wrong with it."""
    manifests, gates = _case("syncer", "manifests"), _case("syncer", "gates")
    errors = [problem for problem in report.plan.problems if problem.severity is Severity.ERROR]
    warnings = [problem for problem in report.plan.problems if problem.severity is not Severity.ERROR]
    lines = {
        id(problem): ": ".join(part for part in (visible(facts.place(problem)), sentence(problem.message)) if part)
        for problem in report.plan.problems
    }
    if errors:
        first = lines[id(errors[0])]
        ET.SubElement(manifests, "error", {"message": first}).text = "\n".join(lines[id(one)] for one in errors)
    if warnings:
        ET.SubElement(manifests, "system-out").text = "\n".join(f"warning: {lines[id(one)]}" for one in warnings)
    stopped = [f"{visible(gate.name)}: {sentence(gate.message)}" for gate in report.plan.gates if gate.stopped]
    if stopped:
        ET.SubElement(gates, "failure", {"message": stopped[0]}).text = "\n".join(stopped)
    return [manifests, gates]


def _case_of(report: Report, change: Change, values: Values) -> ET.Element:
    case = _case(f"syncer.{visible(change.key.namespace)}", visible(change.key.name))
    if change.origin:
        case.attrib |= {"file": visible(change.origin.file), "line": str(change.origin.line)}
    action = "" if report.applied else f"{change.action}: "
    told = [f"{action}{described(report, change, values)}"]
    image = facts.image_of(report, change)
    if image.state is ImportState.FAILED:
        told.append(f"import failed: {sentence(image.message)}")
    match facts.status_of(report, change):
        case "failed":
            outcome = facts.outcome_of(report, change)
            ET.SubElement(case, "failure", {"message": sentence(outcome.error) if outcome else ""}).text = "\n".join(
                told
            )
        case "skip":
            why = "; ".join(sentence(veto.message) for veto in change.vetoes) or visible(facts.why(change))
            ET.SubElement(case, "skipped", {"message": why})
            ET.SubElement(case, "system-out").text = "\n".join(told)
        case "unchanged" if len(told) == 1 and not change.resolved:
            pass
        case _:
            ET.SubElement(case, "system-out").text = "\n".join(told)
    return case


def _case(classname: str, name: str) -> ET.Element:
    return ET.Element("testcase", {"classname": classname, "name": name})
