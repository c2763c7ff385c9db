"""Coverage-guided fuzzing by atheris: `make fuzz`, or `python tests/fuzz/fuzz.py TARGET [options of libFuzzer]`.

What it finds lies in `fuzz-findings/` as the bytes that break a target, and belongs into test_fuzz_findings.py.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parents[2]))
with atheris.instrument_imports(include=["syncer", "targets"]):
    import targets


def main() -> None:
    """Fuzz one target until the time is up, or something is found."""
    name, options = sys.argv[1], sys.argv[2:]
    findings = targets.ROOT / "fuzz-findings" / name
    corpus = findings / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(targets.seeds(name)):
        (corpus / f"seed-{number}").write_bytes(data)
    given = [sys.argv[0], "-timeout=20", "-rss_limit_mb=2048", "-max_len=20000", f"-artifact_prefix={findings}/"]
    atheris.Setup([*given, *options, str(corpus)], targets.TARGETS[name])
    atheris.Fuzz()


main()
