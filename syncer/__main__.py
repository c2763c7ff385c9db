"""`python -m syncer`, and the console script."""

from __future__ import annotations

import gc
import os
import sys

from syncer.cli import run


def main() -> None:
    """Run the command line and exit with its code."""
    _open_standard_streams()
    gc.set_threshold(100_000)  # what a run reads stays to its end: looking for garbage costs a fifth of its time
    sys.exit(run(sys.argv[1:]))


def _open_standard_streams() -> None:
    """Have a closed stdin, stdout or stderr be /dev/null, so that no file that is opened later takes its number."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # it is given the lowest number that is free
    sys.stdin = sys.stdin or os.fdopen(0, closefd=False)
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)


if __name__ == "__main__":
    main()
