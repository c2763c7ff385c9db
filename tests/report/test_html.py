import html
import json
import re
import shutil
import subprocess
import time
from html.parser import HTMLParser

import pytest
import scenes
from msgspec.structs import replace

from syncer.model import ImportState, Unchanged
from syncer.report import facts
from syncer.report.html import REQUESTS_SHOWN, render

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
OFF = ("gpu", "quic", "background-networking", "component-update", "sync", "dev-shm-usage")
FLAGS = ["--headless", "--no-sandbox", "--no-first-run", *(f"--disable-{what}" for what in OFF)]
VOID = {"meta", "input", "rect"}


class Page(HTMLParser):
    """Collects elements, their texts, and what is not closed."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.open, self.data = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.data.append(data)


@pytest.mark.parametrize("scene", scenes.ALL)
def test_the_page_is_well_formed_and_asks_nobody_for_anything(scene):
    page = Page(render(scenes.ALL[scene]()))
    assert page.open == []
    assert page.tags.count("script") == 1
    assert not {"img", "link", "iframe", "object", "base"} & set(page.tags)
    assert not [found for found in page.attributes if found[1] in ("src", "style", "srcset", "action")]
    assert not [found for found in page.attributes if found[1].startswith("on")]
    assert all(value.startswith("#ns-") for _, name, value in page.attributes if name == "href")
    policy = next(value for _, name, value in page.attributes if name == "content" and "default-src" in value)
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy


def test_data_is_escaped_and_what_does_not_show_is_made_visible():
    text = render(scenes.hostile())
    assert "<script>alert" not in text
    assert "{{ 7*7 }}" in text
    assert "\\x1b[31mred" in text
    assert {char for char in text if not char.isprintable()} == {"\n"}


def test_the_page_says_what_the_other_formats_say():
    text = " ".join("".join(Page(render(scenes.applied())).data).split())
    assert "Sync: 2 created, 3 configured, 4 unchanged, 3 skipped, 1 failed." in text
    assert "the server refused: imagestreamtags is forbidden" in text
    assert "protected it is protected by argocd.argoproj.io/sync-options: Prune=false" in text
    assert "DockerImage quay.example.com/team-a/app:1.2 → DockerImage quay.example.com/team-a/app:1.3" in text
    assert "team-b/web:v1 since 2026-03-01T08:15:00Z Internal error occurred" in text
    assert "PATCH /apis/image.openshift.io/v1/namespaces/team-a/imagestreamtags/app:stage" in text
    stopped = " ".join("".join(Page(render(scenes.stopped())).data).split())
    assert "Gate prune stops a sync. would prune 14 of 20 owned tags" in stopped
    assert "--max-prune 14 lets it pass." in stopped


def test_a_bar_is_as_long_as_its_parts():
    text = render(scenes.everyday())
    for bar in re.findall(r"<svg.*?</svg>", text):
        assert sum(float(width) for width in re.findall(r'width="([\d.]+)%" height="10"><title', bar)) == pytest.approx(
            100, abs=0.01
        )


def test_ten_thousand_changes_make_a_page_that_a_browser_can_hold():
    began = time.process_time()
    text = render(scenes.huge())
    assert time.process_time() - began < 15
    assert len(text) < 8_000_000
    assert text.count("<article") == 10_000
    assert "The requests are left out" in text
    assert "The requests are left out" not in render(scenes.huge(REQUESTS_SHOWN))


def test_a_page_of_too_many_tags_has_the_most_urgent_and_says_what_it_leaves_out(monkeypatch):
    monkeypatch.setattr(facts, "MOST", 300)
    monkeypatch.setattr(facts, "MOST_SAID", 2)
    report = scenes.huge(1000)
    failed = replace(report.plan.changes[0].image, state=ImportState.FAILED, message="no such image")
    changes = tuple(replace(change, image=failed) for change in report.plan.changes)
    text = render(replace(report, plan=replace(report.plan, changes=changes), notes=("one", "two", "three")))
    assert Page(text).open == []
    assert re.findall(r'data-action="(\w+)"', text).count("prune") == 100
    assert {*re.findall(r'data-action="(\w+)"', text)} == {"prune", "skip", "update"}
    assert text.count("<article") == 300
    assert "700 of 1,000 tags are left out of this page, the least urgent ones" in text
    left_out = [int(number.replace(",", "")) for number in re.findall(r"([\d,]+) more are left out", text)]
    assert left_out[0] == 898  # failed imports: those of tags that go are none
    assert (sum(left_out[1:-1]), left_out[-1]) == (700, 1)
    assert "1,000" in text
    assert "left out" not in render(scenes.huge(300))


# --------------------------------------------------------------------------------------------------- in a browser


def in_browser(tmp_path, report, script):
    """Open the page, run a script after its own (the policy is lifted for it), and give the words it leaves."""
    assert CHROMIUM
    text = render(report)
    ours = re.search(r"script-src ('sha256-[^']+')", text)[1]
    text = text.replace(f"script-src {ours}", f"script-src {ours} 'nonce-test'")
    helper = """
      const set = (id, value) => { const it = document.getElementById(id); it.value = value;
        it.dispatchEvent(new Event("input", {bubbles: true})); };
      const seen = () => [...document.querySelectorAll(".change")].filter((it) => it.checkVisibility())
        .map((it) => it.dataset.namespace + "/" + it.querySelector(".name").textContent);
      const said = [];
    """
    script = f"{helper}{script}; document.body.textContent = 'RESULT ' + JSON.stringify(said) + ' END';"
    page = tmp_path / "page.html"
    page.write_text(text.replace("</body>", f"<script nonce=test>{script}</script></body>"), encoding="utf-8")
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=50)
    found = re.search(r"RESULT (.*) END", done.stdout)
    assert found, done.stdout[-2000:]
    return json.loads(html.unescape(found[1]))


needs_chromium = pytest.mark.skipif(not CHROMIUM, reason="no chromium here: the page is not opened in a browser")


@needs_chromium
def test_the_page_is_searched_and_filtered_in_a_browser(tmp_path):
    script = """
      said.push(seen(), document.getElementById("shown").value);
      set("search", "APP hotfix"); said.push(seen());
      set("search", "nothing like it"); said.push(seen(), document.querySelector(".empty").checkVisibility());
      set("search", ""); set("action", "prune"); said.push(seen());
      set("action", ""); set("namespace", "team-a"); said.push(seen().length);
      set("cause", "git"); said.push(seen());
      set("cause", ""); set("namespace", ""); set("action", "unchanged"); said.push(seen());
      set("action", ""); said.push(seen().length, document.getElementById("shown").value)
    """
    everything, shown, drifted, none, empty, pruned, team_a, by_git, unchanged, again, counted = in_browser(
        tmp_path, scenes.everyday(), script
    )
    changed = [str(one.key) for one in scenes.everyday().plan.changes if not isinstance(one, Unchanged)]
    assert everything == changed
    assert (shown, counted) == ("13 tags", "13 tags")
    assert drifted == ["team-a/app:stage"]
    assert (none, empty) == ([], True)
    assert pruned == ["team-b/api:old"]
    assert team_a == 4
    assert by_git == ["team-a/app:prod"]
    assert unchanged == [f"team-b/web:v{n}" for n in (1, 2, 3, 4)]
    assert again == len(changed)


@needs_chromium
def test_nothing_that_data_brings_along_runs_in_a_browser(tmp_path):
    script = "said.push(document.scripts.length, document.images.length, document.querySelectorAll('[onerror]').length)"
    assert in_browser(tmp_path, scenes.hostile(), script) == [2, 0, 0]


@needs_chromium
def test_ten_thousand_changes_are_searched_at_once(tmp_path):
    script = """
      set("search", "warm up"); const began = performance.now(); set("search", "stream-500");
      said.push(performance.now() - began, document.getElementById("shown").value)
    """
    took, shown = in_browser(tmp_path, scenes.huge(), script)
    assert shown == "10 of 10,000 tags"
    assert took < 2000


@needs_chromium
def test_a_namespace_none_of_whose_tags_is_listed_stays_until_something_is_looked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(facts, "MOST", 1)
    script = """
      const sections = () => [...document.querySelectorAll(".namespace")].filter((it) => it.checkVisibility()).length;
      said.push(sections(), seen());
      set("search", "api"); said.push(sections());
      set("search", ""); said.push(sections())
    """
    assert in_browser(tmp_path, scenes.everyday(), script) == [2, ["team-b/api:old"], 1, 2]
