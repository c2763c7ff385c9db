"""Changes the code that must not be wrong, one spot at a time, and counts what no test notices: `make mutants`.

mutmut makes the mutants. They are tried here, for mutmut collects the tests anew for each: here they are collected
once, and each mutant has a fork, in which those tests run that reach its function: first the one that found the mutant
before, then those of the module's own file, the fastest first. Exit code 1 where fewer than 90 % were found.

A mutant is out of time where a test takes far longer than it did without, or its fork does: it waits or loops for ever.
"""

import argparse
import ast
import collections
import contextlib
import difflib
import functools
import gc
import itertools
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import tomllib
from pathlib import Path

import pytest
from mutmut.mutation import trampoline
from mutmut.mutation.file_mutation import mutate_file_contents

ROOT = Path(__file__).parents[1]
WORK = ROOT / "mutants"
KILLED, TIMED_OUT, SURVIVED, UNREACHED = RESULTS = ("killed", "timeout", "survived", "no test")
FOUND = (KILLED, TIMED_OUT)
WANTED = 0.90

# The seconds that a test, and all tests of a mutant, have where others use the machine, too.
PATIENCE, FACTOR = 10, 10
CPU_SECONDS = 120
# What tests of other modules have together to find a mutant that those of its own do not.
OTHERS_SECONDS = 3.0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", help="only these, as syncer/diff.py")
    parser.add_argument("--jobs", type=int, default=1, help="processes side by side")
    parser.add_argument("--again", action="store_true", help="the mutants made before, those that no test found yet")
    asked = parser.parse_args()
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mutmut"]
    if not asked.again:
        make_mutants([path for pattern in config["only_mutate"] for path in sorted(ROOT.glob(pattern))])
    untried = [mutant for mutant in read_mutants(asked.modules) if mutant.result != KILLED]
    try_them(untried, config, asked.jobs)
    mutants = read_mutants(asked.modules)
    for mutant in mutants:
        if mutant.result not in FOUND:
            print(f"\n{mutant.name}: {mutant.result}\n{difference(mutant)}")
    return report(mutants)


def make_mutants(files):
    shutil.rmtree(WORK, ignore_errors=True)
    shutil.copytree(ROOT / "syncer", WORK / "syncer")
    for file in files:
        path = file.relative_to(ROOT)
        mutated = mutate_file_contents(str(path), file.read_text())
        (WORK / path).write_text(mutated.code)
        module = ".".join(path.with_suffix("").parts)
        names = [f"{module}.{name}" for name in mutated.mutant_names]
        (WORK / "names").open("a").writelines(f"{path} {name}\n" for name in names)


def read_mutants(modules):
    mutants = {}
    for line in (WORK / "names").read_text().splitlines():
        path, name = line.split()
        if not modules or path in modules:
            mutants[name] = Mutant(path, name)
    tried = WORK / "results"
    for line in tried.read_text().splitlines() if tried.exists() else ():
        known = json.loads(line)
        if known["name"] in mutants:
            mutants[known["name"]].result = known["result"]
    return list(mutants.values())


def try_them(mutants, config, jobs):
    for also in (*config["also_copy"], "tests"):
        shutil.copytree(ROOT / also, WORK / also, dirs_exist_ok=True)
    shutil.copy(ROOT / "pyproject.toml", WORK)
    os.chdir(WORK)
    arguments = [*config["pytest_add_cli_args"], *config["pytest_add_cli_args_test_selection"]]
    # A traceback of pytest's own is parsed from the source anew, which takes seconds where that holds all mutants.
    arguments += ["--tb=native", "--capture=no", "--timeout=0", "--hypothesis-profile=mutants"]
    code = pytest.main(arguments, plugins=[Trial(mutants, jobs)])
    if code:
        sys.exit(code)


def report(mutants):
    modules = collections.defaultdict(collections.Counter)
    for mutant in mutants:
        for row in (mutant.path, "all"):
            modules[row][mutant.result] += 1
    print(f"\n{'':28}{''.join(f'{head:>10}' for head in ('mutants', *RESULTS, 'found'))}")
    for row in (*sorted(modules.keys() - {"all"}), "all"):
        counts = modules[row]
        share = sum(counts[result] for result in FOUND) / counts.total()
        print(f"{row:28}{counts.total():10}{''.join(f'{counts[result]:10}' for result in RESULTS)}{share:10.1%}")
    return 0 if share >= WANTED else 1


class Mutant:
    def __init__(self, path, name):
        self.path, self.name, self.result = path, name, None
        self.function = name.partition("__mutmut_")[0]


def difference(mutant):
    functions = functions_of(WORK / mutant.path)
    was, now = (functions[name.rpartition(".")[2]] for name in (f"{mutant.function}__mutmut_orig", mutant.name))
    return "\n".join(list(difflib.unified_diff(was[1:], now[1:], n=1, lineterm=""))[3:])


@functools.cache
def functions_of(file):
    lines = file.read_text().splitlines()
    nodes = (node for node in ast.walk(ast.parse("\n".join(lines))) if isinstance(node, ast.FunctionDef))
    return {node.name: lines[node.lineno - 1 : node.end_lineno] for node in nodes}


class Trial:
    """A plugin of pytest: instead of the tests it runs mutants, each in a fork with the tests that reach it."""

    def __init__(self, mutants, jobs):
        self.mutants, self.jobs = mutants, jobs
        self.finders = collections.defaultdict(list)
        self.seconds, self.reaching = {}, collections.defaultdict(list)

    def pytest_runtestloop(self, session):
        self.items = {item.nodeid: item for item in session.items}
        self.without_mutant(session)
        for nodeid, item in self.items.items():
            item.add_marker(pytest.mark.timeout(PATIENCE + FACTOR * self.seconds[nodeid], method="thread"))
        gc.freeze()
        jobs = [os.fork() or self.try_all(session, self.mutants[job :: self.jobs]) for job in range(self.jobs)]
        for job in jobs:
            os.waitpid(job, 0)
        return True

    def try_all(self, session, mutants):
        began, counts = time.monotonic(), collections.Counter()
        for number, mutant in enumerate(mutants, 1):
            counts[self.try_mutant(session, mutant)] += 1
            if number % 100 == 0 or number == len(mutants):
                print(f"{(time.monotonic() - began) / 60:.1f} min, {number} mutants: {dict(counts)}", flush=True)
        os._exit(0)

    def without_mutant(self, session):
        """How long each test takes, and which functions it reaches; with `--again` only of what was changed since."""
        file = Path("reach.json")
        known = json.loads(file.read_text()) if file.exists() else {}
        since = file.stat().st_mtime if known else 0
        tests = [item for item in session.items if item.nodeid not in known or item.path.stat().st_mtime > since]

        def run():
            reached = set()
            trampoline.set_mutant_under_test("stats")
            trampoline.record_trampoline_hit = lambda name, caller: reached.add(name)  # noqa: ARG005 - so it is called
            found = {}
            for item, following in pairs(tests):
                began = time.monotonic()
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
                if session.testsfailed:
                    return {"failed": item.nodeid}
                found[item.nodeid] = time.monotonic() - began, sorted(reached)
                reached.clear()
            return {"found": found}

        told = in_fork(run, 1200)
        if "found" not in told:
            pytest.exit(f"without a mutant: {told}", returncode=2)
        known |= told["found"]
        file.write_text(json.dumps(known))
        for nodeid in self.items:
            self.seconds[nodeid], functions = known[nodeid]
            for function in functions:
                self.reaching[function].append(nodeid)

    def try_mutant(self, session, mutant):
        tests = self.in_order(mutant)

        def run():
            trampoline.set_mutant_under_test(mutant.name)
            for item, following in pairs(tests):
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
                if session.testsfailed:
                    return {"result": KILLED, "test": item.nodeid}
            return {"result": SURVIVED}

        began = time.monotonic()
        enough = PATIENCE + FACTOR * sum(self.seconds[item.nodeid] for item in tests)
        told = in_fork(run, enough) if tests else {"result": UNREACHED}
        if told["result"] == TIMED_OUT:  # others may have used the machine
            told = in_fork(run, enough)
        finders = self.finders[mutant.function]
        if test := told.get("test"):
            finders[:] = [test, *(other for other in finders if other != test)]
        with Path("results").open("a") as results:
            print(json.dumps({"name": mutant.name, "seconds": time.monotonic() - began, **told}), file=results)
        return told["result"]

    def in_order(self, mutant):
        """The test that found the mutant before, those of the module's own files, then the fast ones of others."""
        tests = [self.items[nodeid] for nodeid in self.reaching.get(mutant.function, ())]
        first = self.finders[mutant.function][:1]
        ranked = sorted(
            (
                (
                    item.nodeid not in first,
                    not item.path.stem.endswith(Path(mutant.path).stem),
                    self.seconds[item.nodeid],
                    item,
                )
                for item in tests
            ),
            key=lambda rank: rank[:3],
        )
        left, chosen, cost = OTHERS_SECONDS, [], collections.Counter()
        for late, foreign, seconds, item in ranked:
            left -= seconds if late and foreign else 0.0
            if left >= 0 or not (late and foreign):
                cost[item.path] += seconds
                chosen.append((late, foreign, item.path, seconds, item))
        return [item for *_, item in sorted(chosen, key=lambda one: (*one[:2], cost[one[2]], *one[2:4]))]


def pairs(items):
    return itertools.zip_longest(items, items[1:])


def in_fork(run, enough):
    """What `run` returns in a process of its own, which has `enough` seconds."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        told = Path(folder, "told")
        child = os.fork()
        if child == 0:
            os.setpgid(0, 0)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os.dup2(1, 2)
            os.environ["PYTEST_DEBUG_TEMPROOT"] = folder
            resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 1))
            try:
                outcome = run()
            except BaseException as error:  # noqa: BLE001
                outcome = {"result": KILLED, "by": repr(error)}
            told.write_text(json.dumps(outcome))
            os._exit(0)
        deadline = time.monotonic() + enough
        while os.waitpid(child, os.WNOHANG) == (0, 0):
            if time.monotonic() > deadline:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                break
            time.sleep(0.005)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        # A test that takes too long ends the whole process.
        return json.loads(told.read_text()) if told.exists() else {"result": TIMED_OUT}


if __name__ == "__main__":
    sys.exit(main())
