"""`make bench`: measures and prints the table. `--tags` and `--repeat` choose less, or more."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.server import serving
from benchmarks.world import pages, write_repository

if TYPE_CHECKING:
    from collections.abc import Sequence

_HERE = Path(__file__).parent
_SYNCER = [sys.executable, "-m", "syncer"]
_ONCE = 100_000
"""Tags above which a row is measured once: a million takes minutes, and several gigabytes."""
_REAL = 0.03
"""Seconds for a write, such that 8 connections make the 250 requests a second that a real server took."""

_FAR = 0.1
"""Seconds for an answer of a cluster that is far away, or busy."""


@dataclass(frozen=True)
class Cost:
    """What one process and those that it started took: seconds, seconds of CPU, MiB at the most."""

    wall: float
    cpu: float
    memory: float


def measure(command: Sequence[str], cache: str = os.devnull) -> Cost:
    """Run a command to its end; it must succeed. Without a `cache`, a folder, every run is cold."""
    launcher = [sys.executable, str(_HERE / "cost.py"), *command]
    finished = subprocess.run(launcher, stdout=subprocess.PIPE, env=_environment(cache), check=False)
    if finished.returncode:
        sys.exit(finished.returncode)
    return Cost(**json.loads(finished.stdout))


def _environment(cache: str = os.devnull) -> dict[str, str]:
    """Leave out what would read a developer's cluster, settings or cache.

    Python's bytecode is kept, as it is where syncer was installed.
    """
    kept = {
        key: value for key, value in os.environ.items() if not key.startswith(("SYNCER_", "KUBE", "GIT_", "PYTHON"))
    }
    return kept | {"KUBECONFIG": os.devnull, "XDG_CACHE_HOME": cache}


def plan_row(count: int, repeat: int, folder: Path, delay: float = 0.0) -> tuple[Cost, Cost, Cost]:
    """Measure the floor, `syncer plan`, and one after which nothing moved, in turns; give the median of each."""
    repository, rendered = folder / f"tags-{count}", pages(count)
    if not repository.exists():
        write_repository(repository, count)
    with serving(rendered, delay) as url:
        floor = [sys.executable, str(_HERE / "floor.py"), str(repository), url, *rendered]
        plan = [*_SYNCER, "plan", str(repository), "--ref", "main", "-A", "--server", url]
        measure(floor)  # the first run fills the caches of the disk
        cache = str(folder / f"cache-{delay}")
        for again in (False, True):
            _check(plan, count, cache, again=again)
        costs = [(measure(floor), measure(plan), measure(plan, cache)) for _ in range(repeat)]
    floors, plans, agains = zip(*costs, strict=True)
    return _median(floors), _median(plans), _median(agains)


def _check(plan: Sequence[str], count: int, cache: str, *, again: bool) -> None:
    """See that what is measured does what it should: every tag is read, and none differs, or nothing moved."""
    told = subprocess.run(plan, check=True, capture_output=True, env=_environment(cache), text=True).stdout
    if f"Plan: nothing to do, {count:,} unchanged." not in told or ("moved since" in told) is not again:
        sys.exit(f"the plan is not the one to measure: {told}")


def _median(costs: Sequence[Cost]) -> Cost:
    return Cost(median(c.wall for c in costs), median(c.cpu for c in costs), median(c.memory for c in costs))


def apply_row(count: int, connections: int, repeat: int, folder: Path, delay: float) -> tuple[float, float]:
    """Measure requests a second of bare connections and of `syncer sync`, in turns; give the median of each."""
    repository = folder / f"apply-{delay}-{connections}"
    write_repository(repository, count)
    saved, report = folder / "plan.json", folder / "report.json"
    bare, ours = [], []
    with serving(pages(count, image="v0"), delay) as url:
        common = [str(repository), "--ref", "main", "-A", "--server", url, "-q"]
        measure([*_SYNCER, "plan", *common, "-o", f"json={saved}"])
        sync = [*_SYNCER, "sync", *common, "--concurrency", str(connections), "--max-change", "100%"]
        sync += ["--undo-file", str(folder / "undo.jsonl"), "-o", f"json={report}"]
        for _ in range(repeat):
            script = [sys.executable, str(_HERE / "bare.py"), str(saved), url, str(connections)]
            bare.append(count / float(subprocess.run(script, check=True, capture_output=True).stdout))
            (folder / "undo.jsonl").unlink(missing_ok=True)
            measure(sync)
            ours.append(count / json.loads(report.read_text())["timings"]["apply"])
    return median(bare), median(ours)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--tags", type=int, nargs="*", default=[1_000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--writes", type=int, default=1_000, help="requests of the second table; 0 leaves it out")
    parser.add_argument("--repeat", type=int, default=5)
    given = parser.parse_args()
    today, load = time.strftime("%Y-%m-%d"), os.getloadavg()[0]
    print(f"{today}, Python {platform.python_version()}, {_processor()}, load {load:.1f}")
    with tempfile.TemporaryDirectory(prefix="syncer-bench-") as name:
        folder = Path(name)
        print("\n| tags | floor: wall, CPU, memory | plan: wall, CPU, memory | ratio of wall | of CPU | of memory |")
        print("| ---: | ---: | ---: | ---: | ---: | ---: |")
        for count in given.tags:
            floor, plan, again = plan_row(count, 1 if count > _ONCE else given.repeat, folder)
            for what, cost in ((f"{count:,}", plan), ("again, nothing moved", again)):
                ratios = (cost.wall / floor.wall, cost.cpu / floor.cpu, cost.memory / floor.memory)
                shown = " | ".join(f"{ratio:.2f}" for ratio in ratios)
                print(f"| {what} | {_shown(floor)} | {_shown(cost)} | {shown} |", flush=True)
        print("\n| an answer takes | tags | floor: wall | plan: wall | ratio |")
        print("| ---: | ---: | ---: | ---: | ---: |")
        for count in [count for count in given.tags if count < _ONCE]:
            floor, plan, _ = plan_row(count, given.repeat, folder, _FAR)
            walls = f"{floor.wall:.2f} s | {plan.wall:.2f} s | {plan.wall / floor.wall:.2f}"
            print(f"| {_FAR * 1000:.0f} ms | {count:,} | {walls} |", flush=True)
        if given.writes:
            print("\n| a write takes | connections | bare, requests/s | sync, requests/s | |")
            print("| ---: | ---: | ---: | ---: | ---: |")
        for delay in (_REAL, 0.0) if given.writes else ():
            for connections in (8, 16):
                bare, ours = apply_row(given.writes, connections, given.repeat, folder, delay)
                row = f"| {delay * 1000:.0f} ms | {connections} | {bare:,.0f} | {ours:,.0f} | {ours / bare:.0%} |"
                print(row, flush=True)


def _shown(cost: Cost) -> str:
    return f"{cost.wall:.2f} s, {cost.cpu:.2f} s, {cost.memory:.0f} MB"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
    return f"{name}, {os.cpu_count()} cores"


if __name__ == "__main__":
    main()
