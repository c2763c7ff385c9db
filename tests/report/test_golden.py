"""What people and machines read, kept as files. SYNCER_UPDATE_GOLDEN=1 writes them anew; look at the difference."""

import os
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
import scenes
from msgspec.structs import replace

from syncer import __version__
from syncer.report import FORMATS, render

GOLDEN = Path(__file__).parent / "golden"
SUFFIX = {"text": "txt", "json": "json", "jsonl": "jsonl", "markdown": "md", "html": "html", "junit": "xml"}
SUFFIX |= {"github": "github.txt", "gitlab": "gitlab.json"}

INLINE = re.compile(r"(?s)(?<=<style>).*(?=</style>)|(?<=<script>)\"use strict.*(?=</script>)|'sha256-[^']+'")
"""What a page has from files of the package, and their hashes: those files are kept already."""

EVERY = {**scenes.ALL, **scenes.SEVERAL}
CASES = [(scene, name, SUFFIX[name], {}) for scene in EVERY for name in FORMATS]
CASES += [("everyday", "text", f"{width}.txt", {"width": width}) for width in (40, 120)]
CASES += [("everyday", "text", "verbose.txt", {"verbose": True}), ("applied", "text", "color.txt", {"color": True})]
CASES += [("everyday", "text", "aged.txt", {"now": datetime(2026, 3, 1, 12, tzinfo=UTC), "width": 120})]


@pytest.mark.parametrize(("scene", "format", "suffix", "options"), CASES, ids=str)
def test_every_format_reads_as_it_is_kept(scene, format, suffix, options):  # noqa: A002 - the option's own word
    text = render(format, EVERY[scene](), **{"width": 80, **options}).replace(f'"{__version__}"', '"VERSION"')
    text = INLINE.sub("", text)
    file = GOLDEN / f"{scene}.{suffix}"
    if os.environ.get("SYNCER_UPDATE_GOLDEN"):
        file.write_text(text, encoding="utf-8", newline="")
    assert text == file.read_bytes().decode("utf-8")


@pytest.mark.parametrize("format", FORMATS)
def test_the_same_report_gives_the_same_bytes_whatever_the_order_of_its_mappings(format):  # noqa: A002 - likewise
    report = scenes.applied()
    outcomes = dict(reversed(report.outcomes.items()))
    timings = dict(reversed(report.timings.items()))
    other = replace(scenes.applied(), outcomes=outcomes, timings=timings)
    assert render(format, report) == render(format, other)


def test_an_unknown_format_is_refused():
    for report in (scenes.empty(), scenes.of_several()):
        with pytest.raises(ValueError, match="'yaml' is no format; there are text, json"):
            render("yaml", report)
