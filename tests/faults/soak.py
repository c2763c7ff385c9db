"""Plays seeded schedules of faults for as long as is asked, and says what came of them: `make soak`.

`--seed N` plays one again. Exit code 1 where a promise was broken.
"""

import argparse
import collections
import sys
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from faultproxy import FAULTS
from schedules import Schedule, stage

SAID_EVERY = 60.0


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument(
        "--first", type=int, default=int(time.time()), help="the first seed; every other one is meddled"
    )
    parser.add_argument("--seed", type=int, help="play this one and no other")
    parser.add_argument("--meddled", action="store_true", help="with --seed: others write meanwhile")
    asked = parser.parse_args()
    with stage() as played_on:
        if asked.seed is not None:
            print(played_on.play(Schedule(asked.seed, meddled=asked.meddled)))
            return 0
        return soak(played_on, asked.first, asked.minutes * 60)


def soak(played_on, first, seconds):
    results, injected, findings, number, writes = collections.Counter(), collections.Counter(), 0, 0, 0
    began = said = time.monotonic()
    cpu = time.process_time()
    while time.monotonic() - began < seconds:
        schedule = Schedule(first + number, meddled=number % 2 == 1)
        number += 1
        try:
            played = played_on.play(schedule)
        except AssertionError as error:
            findings += 1
            print(
                f"FINDING {findings}: seed {schedule.seed}, faults {', '.join(schedule.kinds)}\n{error}\n", flush=True
            )
            if not isinstance(error.__cause__, AssertionError):
                traceback.print_exception(error.__cause__)
            continue
        results[played.result] += 1
        injected += played.injected
        writes += played.writes
        if time.monotonic() - said > SAID_EVERY:
            said = time.monotonic()
            print(f"{number} schedules, {injected.total()} faults, {findings} findings", flush=True)
    minutes = (time.monotonic() - began) / 60
    print(
        f"\n{number} schedules ({number // 2} with others who write meanwhile) in {minutes:.1f} min, first seed {first}"
    )
    print(f"{(time.process_time() - cpu) / number * 1000:.0f} ms of CPU a schedule, {writes} writes took effect")
    print("runs: " + ", ".join(f"{result} {count}" for result, count in sorted(results.items())))
    print(f"{injected.total()} faults:")
    for name in (*FAULTS, "tls_failure"):
        print(f"  {name:16} {injected[name]}")
    print(f"findings: {findings}")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
