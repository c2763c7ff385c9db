"""Runs a command and prints what it cost: `cost.py COMMAND…`.

A process of its own, as small as can be: Linux counts the memory of the one that starts a process to its peak.
"""

import json
import os
import subprocess
import sys
import tempfile
import time


def main(command: list[str]) -> dict[str, float]:
    """Run a command, which must succeed, to its end; seconds, seconds of CPU, MiB at the most, of all its processes."""
    with tempfile.TemporaryFile() as output:
        began = time.perf_counter()
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            sys.exit(f"{command} ended with {process.returncode}:\n{output.read().decode()}")
    return {"wall": wall, "cpu": usage.ru_utime + usage.ru_stime, "memory": usage.ru_maxrss / 1024}


print(json.dumps(main(sys.argv[1:])))
