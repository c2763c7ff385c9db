"""`python -m syncer`, and the console script."""

from __future__ import annotations

import gc
import sys

from syncer.cli import run


def main() -> None:
    """Run the command line and exit with its code."""
    gc.set_threshold(100_000)  # what a run reads stays to its end: looking for garbage costs a fifth of its time
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
