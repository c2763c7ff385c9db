"""Several sync sets in one run: real repositories, a kubeconfig with several contexts, clusters over real HTTP."""

import itertools
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack

import pytest
import yaml
from world import World, front, tag

from syncer import imagestreamtag
from syncer.cluster import held
from syncer.localapi import LocalAPI

NAMES = ("east", "west", "north")
pytestmark = pytest.mark.usefixtures("place")


@pytest.fixture(scope="module")
def servers():
    with ExitStack() as stack:
        yield {name: stack.enter_context(LocalAPI(imports=False)) for name in NAMES}


@pytest.fixture
def worlds(servers):
    found = {name: World(server) for name, server in servers.items()}
    for world in found.values():
        world.clear()
    return found


class Place:
    """A folder with a settings file, a kubeconfig, and a repository with a folder of manifests a set."""

    def __init__(self, folder, worlds):
        self.folder, self.worlds = folder, worlds
        self.repository = folder / "tags"
        self.repository.mkdir()
        self.git("init", "--initial-branch=main")
        self.kubeconfig({name: world.url for name, world in worlds.items()})
        self.sets = {
            name: {"source": f"tags/{name}", "owner": name, "context": name, "namespace": "team-a"} for name in worlds
        }
        for name in worlds:
            self.manifests(name, "v1")
        self.settings()

    def git(self, *arguments):
        author = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *author, *arguments], cwd=self.repository, check=True, capture_output=True)

    def manifests(self, name, *tags):
        """Commit that a set has these tags of team-a/app, and no others."""
        folder = self.repository / name
        folder.mkdir(exist_ok=True)
        for each in folder.glob("*.json"):
            each.unlink()
        for each in tags:
            (folder / f"{each}.json").write_text(json.dumps(tag(f"team-a/app:{each}")))
        self.git("add", "--all", ".")
        self.git("commit", "--allow-empty", "-m", f"{name}: {' '.join(tags)}")

    def kubeconfig(self, servers):
        contexts = [{"name": name, "context": {"cluster": name}} for name in servers]
        clusters = [{"name": name, "cluster": {"server": url}} for name, url in servers.items()]
        config = {"apiVersion": "v1", "kind": "Config", "contexts": contexts, "clusters": clusters}
        (self.folder / "kubeconfig").write_text(yaml.safe_dump(config))

    def settings(self, top=None, **changed):
        """Write syncer.yaml; `changed` are keys of sets by their names, None takes a key away."""
        sets = {name: {**keys, **changed.get(name, {})} for name, keys in self.sets.items()}
        sets = {name: {key: value for key, value in keys.items() if value is not None} for name, keys in sets.items()}
        (self.folder / "syncer.yaml").write_text(
            yaml.safe_dump({"kubeconfig": "kubeconfig", **(top or {}), "sets": sets}, sort_keys=False)
        )


@pytest.fixture
def place(tmp_path, worlds, monkeypatch):
    folder = tmp_path / "place"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return Place(folder, worlds)


@pytest.fixture
def call(syncer, monkeypatch, tmp_path):
    """Run a command; undo files have their default names, which tell sets apart, in a folder of its own each time."""
    numbers = itertools.count(1)

    def run(*arguments, **more):
        setenv = monkeypatch.setenv
        setenv("XDG_STATE_HOME", str(tmp_path / f"state-{next(numbers)}"))
        with monkeypatch.context() as patch:
            patch.setattr(monkeypatch, "setenv", lambda name, value: name.endswith("UNDO_FILE") or setenv(name, value))
            return syncer(*arguments, **more)

    return run


def dead_url():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


def untimed(document):
    return {key: value for key, value in document.items() if key != "timings"}


def codes(document):
    return {each["name"]: each["exit_code"] for each in document["sets"]}


# ------------------------------------------------------------------------------------------------------ one report


def test_a_plan_of_three_sets_holds_of_each_what_a_plan_of_it_alone_says(call, place, worlds):
    place.manifests("west", "v1", "v2")
    worlds["north"].post(tag("team-a/app:v1"))
    worlds["north"].forget()
    told = json.loads(call("plan", "--all-sets", "-o", "json").out)
    assert [each["name"] for each in told["sets"]] == list(NAMES)
    for each in told["sets"]:
        alone = json.loads(call("plan", "--set", each["name"], "-o", "json").out)
        assert untimed(each["report"]) == untimed(alone)
    assert (told["complete"], told["exit_code"]) == (True, 0)
    assert told["summary"] == {"create": 3, "update": 1, "prune": 0, "unchanged": 0, "skip": 0, "failed": 0}
    assert [world.writes() for world in worlds.values()] == [[], [], []]


def test_a_sync_of_three_sets_makes_each_cluster_what_its_set_says(call, worlds):
    ended = call("sync", "--all-sets")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines()[-1] == "Sync of 3 sets: 3 created."
    for name, world in worlds.items():
        assert world.spec("team-a/app:v1")["annotations"][imagestreamtag.OWNER] == f"{name} team-a/app:v1"
    assert call("sync", "--all-sets").out.splitlines()[-1] == "Sync of 3 sets: nothing to do, 3 unchanged."


def test_only_the_sets_that_are_named_are_taken_in_the_order_that_they_are_named(call, worlds):
    told = json.loads(call("sync", "--set", "north", "--set", "east", "-o", "json").out)
    assert codes(told) == {"north": 0, "east": 0}
    assert list(codes(told)) == ["north", "east"]
    assert worlds["west"].requests() == []


def test_the_environment_names_several_sets_and_a_flag_beats_it(call, monkeypatch):
    monkeypatch.setenv("SYNCER_PLAN_SET", "east west")
    assert list(codes(json.loads(call("plan", "-o", "json").out))) == ["east", "west"]
    assert json.loads(call("plan", "-o", "json", "--set", "north").out)["owner"] == "north"
    assert list(codes(json.loads(call("plan", "-o", "json", "--all-sets").out))) == list(NAMES)


def test_one_set_by_its_name_is_no_report_of_sets_and_all_sets_always_is(call, place):
    place.sets = {"east": place.sets["east"]}
    place.settings()
    assert json.loads(call("plan", "--set", "east", "-o", "json").out)["owner"] == "east"
    assert codes(json.loads(call("plan", "--all-sets", "-o", "json").out)) == {"east": 0}


def test_the_text_has_a_heading_a_set_and_sums_up_in_the_end(call, place):
    place.manifests("west", "v1", "v2")
    text = call("plan", "--all-sets").out
    for name, rest in zip(NAMES, text.split("── Set ")[1:], strict=True):
        assert rest.startswith(f"{name} ──")
        assert f"{place.worlds[name].url}  context {name}  by the stream list" in rest
    assert text.endswith("Plan of 3 sets: 4 to create.\n")


def test_every_format_goes_to_its_file(call, place):
    formats = ("text", "json", "jsonl", "markdown", "html", "junit", "github", "gitlab")
    ended = call("plan", "--all-sets", *(f"-o{name}=out/{name}" for name in formats), "-q")
    assert (ended.code, ended.out, ended.err) == (0, "", "")
    for name in formats:
        assert "east" in (place.folder / "out" / name).read_text(), name


def test_a_step_of_github_has_all_sets_in_its_summary(call, monkeypatch, tmp_path):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary"))
    assert "::notice " in call("plan", "--all-sets", "-o", "github").out
    assert (tmp_path / "summary").read_text().count("#### Set") == 3


def test_what_a_set_itself_names_as_output_is_written_for_it_alone(call, place):
    place.settings(top={"output": ["text", "json=all.json"]}, east={"output": ["text", "json=east.json"]})
    assert "Plan of 3 sets" in call("plan", "--all-sets").out
    assert list(codes(json.loads((place.folder / "all.json").read_text()))) == list(NAMES)
    assert json.loads((place.folder / "east.json").read_text())["owner"] == "east"


def test_what_the_cache_says_is_said_with_the_name_of_the_set(call, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null")
    assert call("sync", "--all-sets").code == 0
    lines = call("plan", "--all-sets", "-v").err.splitlines()
    assert sorted(line.partition(": The run is not kept")[0] for line in lines) == ["set east", "set north", "set west"]


def test_json_lines_come_as_it_happens_each_with_its_set_and_the_last_is_about_all(call, place):
    place.settings(top={"output": "jsonl"}, west={"output": "jsonl=west.jsonl"})
    lines = [json.loads(line) for line in call("sync", "--all-sets").out.splitlines()]
    assert (lines[-1]["type"], lines[-1]["exit_code"]) == ("sets", 0)
    assert {line["set"] for line in lines[:-1]} == set(NAMES)
    for name in NAMES:
        types = [line["type"] for line in lines if line.get("set") == name]
        assert (types[0], types[-1], "outcome" in types) == ("stage_began", "summary", True)
    own = [json.loads(line) for line in (place.folder / "west.jsonl").read_text().splitlines()]
    assert ("set" in own[0], own[-1]["type"]) == (False, "summary")


def test_progress_and_the_log_name_the_set(call, place, monkeypatch):
    monkeypatch.delenv("SYNCER_PLAN_NO_PROGRESS")
    lines = call("plan", "--all-sets").err.splitlines()
    assert {line.partition(": ")[0] for line in lines} == {f"set {name}" for name in NAMES}
    place.kubeconfig({"east": place.worlds["east"].url, "west": dead_url(), "north": place.worlds["north"].url})
    monkeypatch.setattr("syncer.cluster.client.random.uniform", lambda *_: 0.0)  # no pause between attempts
    logged = [json.loads(line) for line in call("plan", "--all-sets", "--log-format", "json", "-q").err.splitlines()]
    assert {line["set"] for line in logged if "set" in line} == set(NAMES)
    assert [line["set"] for line in logged if line["level"] == "error" and "hint" in line] == ["west"]
    assert [line["sets"] for line in logged if "sets" in line] == [3]


# -------------------------------------------------------------------------------- each ends by itself, one exit code


def test_a_cluster_that_is_down_is_one_error_and_the_others_are_synced(call, place, worlds, monkeypatch):
    monkeypatch.setattr("syncer.cluster.client.random.uniform", lambda *_: 0.0)  # no pause between attempts
    url = dead_url()
    place.kubeconfig({"east": worlds["east"].url, "west": url, "north": worlds["north"].url})
    ended = call("sync", "--all-sets", "-o", "json")
    told = json.loads(ended.out)
    assert (ended.code, codes(told), told["complete"]) == (1, {"east": 0, "west": 1, "north": 0}, False)
    assert ended.err.count("Error: ") == 1
    assert "Error: set west: " in ended.err
    assert f"cannot connect to {url}" in ended.err
    assert [problem["code"] for problem in told["sets"][1]["report"]["problems"]] == ["run-failed"]
    assert [worlds[name].spec("team-a/app:v1") is None for name in NAMES] == [False, True, False]


def test_a_broken_kubeconfig_is_an_error_of_its_set_and_the_others_go_on(call, place):
    (place.folder / "broken").write_text("contexts: [")
    place.settings(west={"kubeconfig": "broken"})
    ended = call("sync", "--all-sets", "-o", "json")
    assert (ended.code, codes(json.loads(ended.out))) == (1, {"east": 0, "west": 1, "north": 0})
    assert "Error: set west: broken: not a kubeconfig that can be used" in ended.err


def test_a_plugin_that_gives_no_credentials_fails_its_own_set_in_its_own_words(call, place):
    config = yaml.safe_load((place.folder / "kubeconfig").read_text())
    for context in config["contexts"][:2]:
        name = context["name"]
        context["context"]["user"] = name
        script = f"sleep 0.2; echo {name} says no >&2; exit 1"
        plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": "sh", "args": ["-c", script]}
        config.setdefault("users", []).append({"name": name, "user": {"exec": {**plugin, "interactiveMode": "Never"}}})
    (place.folder / "kubeconfig").write_text(yaml.safe_dump(config))
    told = json.loads(call("plan", "--all-sets", "-o", "json").out)
    errors = {each["name"]: each["error"] for each in told["sets"]}
    assert codes(told) == {"east": 1, "west": 1, "north": 0}
    assert ("east says no" in errors["east"], "west says no" in errors["west"]) == (True, True)
    assert ("west" in errors["east"], "east" in errors["west"]) == (False, False)


def test_an_output_of_a_set_that_cannot_be_written_is_an_error_of_that_set(call, place):
    place.settings(east={"output": "json=/dev/full"}, west={"output": "json=west.json"})
    ended = call("plan", "--all-sets", "-q")
    assert (ended.code, ended.err.count("Error: ")) == (1, 1)
    assert "Error: set east: /dev/full cannot be written: No space left on device" in ended.err
    assert json.loads((place.folder / "west.json").read_text())["owner"] == "west"


def test_a_gate_stops_its_set_alone(call, place, worlds):
    place.manifests("west", *(f"v{number}" for number in range(20)))
    assert call("sync", "--all-sets").code == 0
    place.manifests("west", *(f"v{number}" for number in range(8)))
    place.manifests("east", "v1", "v2")
    worlds["west"].forget()
    ended = call("sync", "--all-sets", "-o", "json")
    assert (ended.code, codes(json.loads(ended.out))) == (3, {"east": 0, "west": 3, "north": 0})
    assert "Error: set west: stopped, nothing was written: would prune 12 of 20 owned tags" in ended.err
    assert worlds["west"].writes() == []
    assert worlds["east"].spec("team-a/app:v2") is not None
    place.settings(west={"max-prune": 12})
    assert call("sync", "--all-sets").code == 0


def test_a_set_that_is_forbidden_to_list_hides_no_other(call, place, worlds):
    def rule(_, path):
        return (403, {"message": "no", "reason": "Forbidden"}) if "team-a" in path else None

    with front(worlds["west"].url, rule) as url:
        place.kubeconfig({"east": worlds["east"].url, "west": url, "north": worlds["north"].url})
        told = json.loads(call("sync", "--all-sets", "-o", "json").out)
    alone = {each["name"]: each["report"]["complete"] for each in told["sets"]}
    assert alone == {"east": True, "west": False, "north": True}
    assert worlds["north"].spec("team-a/app:v1") is not None
    assert worlds["west"].writes() == []


def test_a_slow_cluster_does_not_hold_up_the_others(call, place, worlds):
    written = threading.Event()

    def slow(_, path):
        if "imagestreams" in path:
            assert written.wait(20), "nobody wrote meanwhile"

    def quick(method, _):
        if method == "POST":
            written.set()

    with front(worlds["east"].url, slow) as east, front(worlds["north"].url, quick) as north:
        place.kubeconfig({"east": east, "west": worlds["west"].url, "north": north})
        assert call("sync", "--all-sets").code == 0
    assert written.is_set()


def test_a_defect_that_one_set_meets_is_an_error_of_that_set(monkeypatch, capsysbinary):
    from syncer.cli import run  # noqa: PLC0415 - the fixture would take the error for a defect of the test
    from syncer.sync import story  # noqa: PLC0415 - likewise

    real = story.read_source

    def source(spec, **more):
        if spec.location.endswith("west"):
            raise ZeroDivisionError
        return real(spec, **more)

    monkeypatch.setattr(story, "read_source", source)
    assert run(["sync", "--all-sets", "-o", "json"]) == 1
    out, err = capsysbinary.readouterr()
    assert codes(json.loads(out)) == {"east": 0, "west": 1, "north": 0}
    assert b"Error: set west: internal error: ZeroDivisionError at test_cli_sets.py" in err


def test_the_worst_of_all_sets_is_the_exit_code(call, place, worlds):
    assert call("plan", "--all-sets", "--detailed-exitcode").code == 2
    assert call("sync", "--set", "east", "--set", "north").code == 0
    assert call("plan", "--all-sets", "--detailed-exitcode").code == 2
    assert call("plan", "--set", "east", "--set", "north", "--detailed-exitcode").code == 0
    place.settings(west={"detailed-exitcode": True})
    assert call("plan", "--all-sets").code == 2

    def rule(method, _):
        return (403, {"message": "no", "reason": "Forbidden"}) if method == "POST" else None

    with front(worlds["west"].url, rule) as url:
        place.kubeconfig({"east": worlds["east"].url, "west": url, "north": worlds["north"].url})
        assert call("sync", "--all-sets").code == 4
        (place.repository / "north" / "v1.json").write_text("{")
        assert call("sync", "--all-sets").code == 1


def test_a_plan_of_wrong_manifests_says_so_where_no_text_does(call, place):
    (place.repository / "north" / "v1.json").write_text("{")
    ended = call("plan", "--all-sets", "-o", "json")
    assert (ended.code, codes(json.loads(ended.out))) == (1, {"east": 0, "west": 0, "north": 1})
    assert "Error: set north: north/v1.json:1:2: " in ended.err
    assert call("plan", "--all-sets").err == ""


# --------------------------------------------------------------------------------- wrong usage: 64, nothing done


@pytest.mark.parametrize(
    ("changed", "flags", "error"),
    [
        ({}, ["--set", "east", "--set", "wset"], "there is no set 'wset'"),
        ({}, ["--set", "east", "--set", "east"], "--set east is given twice"),
        ({}, ["--set", "east", "--all-sets"], "--set and --all-sets exclude each other"),
        ({}, ["--all-sets", "--profile"], "--profile takes one set"),
        ({"west": {"max-prune": "x"}}, ["--all-sets"], "set west: syncer.yaml:13:16: max-prune: 'x' is no limit"),
        ({"west": {"prune-used": True}}, ["--all-sets"], "set west: --prune-used goes with --impact"),
        ({"west": {"source": None}}, ["--all-sets"], "set west: Missing argument 'SOURCE'"),
        ({"west": {"context": "nowhere"}}, ["--all-sets"], "set west: there is no context 'nowhere' in kubeconfig"),
        ({"west": {"kubeconfig": "gone"}}, ["--all-sets"], "set west: --kubeconfig: there is no file gone"),
        ({"west": {"server": "api"}}, ["--all-sets"], "set west: 'api' is no server URL"),
        ({"west": {"token-file": "/dev/null"}}, ["--all-sets"], "set west: --token-file: there is no file /dev/null"),
        ({"west": {"output": "json"}}, ["--all-sets"], "set west: its output json goes to stdout"),
        ({"west": {"output": ["json", "html"]}}, ["--all-sets"], "set west: json, html cannot all go to stdout"),
        (
            {"west": {"output": "json=a"}, "east": {"output": "html=a"}},
            ["--all-sets"],
            "sets east and west have one output: ",
        ),
        ({"west": {"output": "json=a"}}, ["--all-sets", "-o", "html=a"], "unlike"),
        ({}, ["--all-sets", "--context", "west", "--owner", "x"], "sets east and west have one owner in one cluster"),
        (
            {"west": {"owner": None, "source": "tags", "context": "east"}, "east": {"owner": None, "source": "tags"}},
            ["--all-sets"],
            "/tags, in one cluster: they would prune each other",
        ),
        (
            {"west": {"source": "-"}, "east": {"source": "-"}},
            ["--all-sets"],
            "sets east and west have one source, standard input",
        ),
    ],
)
def test_64_for_a_set_that_is_wrong_before_any_begins(  # noqa: PLR0913, PLR0917 - a table
    call, place, worlds, changed, flags, error
):
    place.settings(**changed)
    for command in ("plan", "sync"):
        ended = call(command, *flags)
        if error == "unlike":  # flags beat the file, so that the set has no output of its own
            assert ended.code == 0
            continue
        assert (ended.code, ended.out) == (64, ""), ended.err
        assert error in ended.err
        assert all(world.requests() == [] for world in worlds.values())


@pytest.mark.parametrize(
    ("changed", "flags", "error"),
    [
        ({}, ["--undo-file", "u"], "sets east and west have one undo file: "),
        ({}, ["--metrics-file", "m"], "sets east and west have one metrics file: "),
        ({"west": {"lock-timeout": "5s"}}, [], "set west: --lock-timeout: there is no lock to wait for"),
        ({"west": {"pushgateway": "x"}}, [], "set west: --pushgateway: it is no URL"),
    ],
)
def test_64_for_what_only_a_sync_has(  # noqa: PLR0913, PLR0917 - a table
    call, place, worlds, changed, flags, error
):
    place.settings(**changed)
    ended = call("sync", "--all-sets", *flags)
    assert (ended.code, ended.out, error in ended.err) == (64, "", True), ended.err
    assert all(world.requests() == [] for world in worlds.values())


def test_64_names_every_set_that_is_wrong_and_not_the_first_alone(call, place):
    place.settings(east={"max-change": "x"}, north={"on-drift": "ignore"})
    ended = call("plan", "--all-sets")
    assert [line.partition(": syncer")[0] for line in ended.err.splitlines()] == ["Error: set east", "set north"]


def test_64_for_all_sets_where_there_are_none(call, place, monkeypatch, tmp_path):
    (place.folder / "syncer.yaml").write_text("owner: x\n")
    assert "syncer.yaml has no `sets:`" in call("plan", "--all-sets").err
    monkeypatch.chdir(tmp_path)
    ended = call("plan", "--all-sets")
    assert (ended.code, "--all-sets: there is no syncer.yaml here" in ended.err) == (64, True)


def test_one_set_may_read_stdin(call, place, worlds):
    place.settings(west={"source": "-"})
    assert call("sync", "--all-sets", stdin=json.dumps(tag("team-a/app:piped"))).code == 0
    assert worlds["west"].spec("team-a/app:piped") is not None
    assert worlds["east"].spec("team-a/app:v1") is not None


# -------------------------------------------------------------------------------------------------- what they share


def test_two_sets_of_one_cluster_with_an_owner_each_are_two_sets(call, place, worlds):
    (place.repository / "west" / "v1.json").write_text(json.dumps(tag("team-b/app:v1")))
    place.git("commit", "-am", "west is team-b")
    place.settings(west={"context": "east", "namespace": "team-b"})
    assert call("sync", "--set", "east", "--set", "west").code == 0
    assert worlds["east"].spec("team-b/app:v1")["annotations"][imagestreamtag.OWNER].startswith("west ")


def test_sets_of_one_owner_in_namespaces_of_their_own_take_the_lock_one_after_another(call, place, worlds):
    """Both read one folder of one cluster, each for one namespace; the lock is named after the owner."""
    (place.repository / "east" / "b.json").write_text(json.dumps(tag("team-b/app:v1")))
    place.git("add", ".")
    place.git("commit", "-m", "team-b, too")
    place.git("remote", "add", "origin", "https://git.example.com/team/tags.git")
    shared = {"owner": None, "source": "tags/east", "context": "east", "lock": "team-a/one"}
    place.settings(east=shared, west={**shared, "namespace": "team-b"})
    told = json.loads(call("sync", "--set", "east", "--set", "west", "-o", "json").out)
    assert codes(told) == {"east": 0, "west": 0}
    leases = [request for request in worlds["east"].writes() if "/leases" in request[1]]
    tags = [n for n, request in enumerate(worlds["east"].writes()) if "imagestreamtags" in request[1]]
    assert [len(tags), len(leases)] == [2, 4]  # each takes it and gives it back
    releases = [n for n, request in enumerate(worlds["east"].writes()) if "/leases" in request[1]][1:3]
    assert tags[0] < releases[0] < releases[1] < tags[1]


def test_each_set_has_an_undo_file_of_its_own_that_takes_it_back(call, worlds):
    told = json.loads(call("sync", "--all-sets", "-o", "json").out)
    files = {each["name"]: each["report"]["undo_file"] for each in told["sets"]}
    assert len(set(files.values())) == 3
    assert files["west"].endswith("-set-west.jsonl")
    assert call("restore", files["west"], "--set", "west").code == 0
    assert [worlds[name].spec("team-a/app:v1") is None for name in NAMES] == [False, True, False]


def test_metrics_of_two_clusters_with_one_owner_are_told_apart_by_the_set(call, place):
    place.settings(
        east={"owner": "tags", "metrics-file": "east.prom"}, west={"owner": "tags", "metrics-file": "west.prom"}
    )
    assert call("sync", "--all-sets").code == 0
    for name in ("east", "west"):
        text = (place.folder / f"{name}.prom").read_text()
        assert f'syncer_tags{{outcome="created",owner="tags",set="{name}"}} 1.0' in text


# ------------------------------------------------------------------------------------------------ other commands


def test_apply_takes_the_report_of_one_set_out_of_that_of_several_and_says_how(call, place, worlds):
    call("plan", "--all-sets", "-o", "json=all.json", "-q")
    for arguments in (("apply", "all.json", "--context", "west"), ("report", "merge", "all.json")):
        ended = call(*arguments)
        assert (ended.code, "all.json is the report of several sync sets" in ended.err) == (1, True)
        assert "jq '.sets[] | select(.name == \"NAME\") | .report' all.json > one.json" in ended.err
    [one] = [
        each["report"] for each in json.loads((place.folder / "all.json").read_text())["sets"] if each["name"] == "west"
    ]
    (place.folder / "one.json").write_text(json.dumps(one))
    assert call("apply", "one.json", "--kubeconfig", "kubeconfig", "--context", "west").code == 0
    assert [worlds[name].spec("team-a/app:v1") is None for name in NAMES] == [True, False, True]


def test_config_shows_what_counts_for_each_set(call, place):
    place.settings(west={"page-size": 7})
    ended = call("config", "sync", "--all-sets", "--concurrency", "3")
    tables = ended.out.split("# syncer sync; settings file: syncer.yaml, set ")[1:]
    assert [table.partition("\n")[0] for table in tables] == list(NAMES)
    for table, size in zip(tables, ("500", "7", "500"), strict=True):
        rows = {line.split()[0]: line.split()[1] for line in table.splitlines()[1:] if line}
        assert (rows["page-size"], rows["concurrency"]) == (size, "3")


# ---------------------------------------------------------------------------------------------------- interruption


def started(*options, command="sync"):
    arguments = [sys.executable, "-m", "syncer", command, "--all-sets", *options]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_each_set_in_good_order_and_gives_back_its_lock(place, worlds, number, code):
    """One is done, one writes its first tag of five, one still lists."""
    place.manifests("west", *(f"v{n}" for n in range(5)))
    place.settings(**{name: {"lock": "team-a/lock"} for name in NAMES})
    writing, listing, over = threading.Event(), threading.Event(), threading.Event()

    def slow_write(method, path):
        if method == "POST" and "imagestreamtags" in path:
            writing.set()
            over.wait(20)

    def slow_list(_, path):
        if "imagestreams" in path:
            listing.set()
            over.wait(20)

    with front(worlds["west"].url, slow_write) as west, front(worlds["north"].url, slow_list) as north:
        place.kubeconfig({"east": worlds["east"].url, "west": west, "north": north})
        run = started("-o", "json=report.json")
        assert writing.wait(30)
        assert listing.wait(30)
        deadline = time.monotonic() + 20
        while worlds["east"]("GET", "/apis/coordination.k8s.io/v1/namespaces/team-a/leases/lock")[1]["spec"].get(
            "holderIdentity"
        ) or not worlds["east"].spec("team-a/app:v1"):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        run.send_signal(number)
        time.sleep(0.3)
        over.set()
        out, err = run.communicate(timeout=40)
    assert (run.returncode, b"Traceback" in err) == (code, False), err
    told = json.loads((place.folder / "report.json").read_text())
    assert (told["exit_code"], told["interrupted"], codes(told)) == (
        code,
        True,
        {"east": 0, "west": code, "north": code},
    )
    outcomes = [change["outcome"] for change in told["sets"][1]["report"]["changes"]]
    assert outcomes == ["created"] + ["skipped"] * 4
    assert worlds["north"].spec("team-a/app:v1") is None
    assert b"interrupted: west, north" in out
    for world in worlds.values():
        lease = world("GET", "/apis/coordination.k8s.io/v1/namespaces/team-a/leases/lock")[1]
        assert not lease["spec"].get("holderIdentity"), world.url


def test_a_lock_that_another_run_holds_is_waited_for_by_its_set_alone_and_said_with_its_name(call, place, worlds):
    place.settings(west={"lock": "team-a/lock"}, north={"lock": "team-a/lock"})
    with held(worlds["west"].client.connection, "team-a", "lock"):
        ended = call("sync", "--all-sets", "-o", "json")
    assert (ended.code, codes(json.loads(ended.out))) == (75, {"east": 0, "west": 75, "north": 0})
    assert "Error: set west: the lock team-a/lock is held by " in ended.err


def test_a_server_that_hangs_does_not_keep_the_report_from_being_written_after_a_signal(place, worlds):
    hanging, over = threading.Event(), threading.Event()

    def hang(_, path):
        if "imagestreams" in path:
            hanging.set()
            over.wait(40)

    with front(worlds["west"].url, hang) as west:
        place.kubeconfig({"east": worlds["east"].url, "west": west, "north": worlds["north"].url})
        run = started("-o", "json=report.json")
        try:
            assert hanging.wait(30)
            run.terminate()
            deadline = time.monotonic() + 30
            while not (place.folder / "report.json").exists():
                assert time.monotonic() < deadline
                time.sleep(0.1)
            assert codes(json.loads((place.folder / "report.json").read_text()))["west"] == 143
            assert run.poll() is None  # it waits for what may hold a lock
        finally:
            over.set()
        _, err = run.communicate(timeout=30)
    assert (run.returncode, b"Traceback" in err, worlds["west"].writes()) == (143, False, [])


def test_a_plan_that_is_interrupted_tells_of_the_sets_that_were_done(place, worlds):
    hanging, over = threading.Event(), threading.Event()

    def hang(_, path):
        if "imagestreams" in path:
            hanging.set()
            over.wait(40)

    with front(worlds["west"].url, hang) as west:
        place.kubeconfig({"east": worlds["east"].url, "west": west, "north": worlds["north"].url})
        run = started("-o", "json=report.json", "-o", "jsonl", command="plan")
        try:
            assert hanging.wait(30)
            seen = set()
            while seen != {"east", "north"}:  # each of them is planned
                line = json.loads(run.stdout.readline())
                seen |= {line["set"]} if line["type"] == "summary" else set()
            run.send_signal(signal.SIGINT)
            time.sleep(0.2)
        finally:
            over.set()
        out, err = run.communicate(timeout=40)
    assert (run.returncode, b"Traceback" in err) == (130, False)
    told = json.loads((place.folder / "report.json").read_text())
    assert codes(told) == {"east": 0, "west": 130, "north": 0}
    assert json.loads(out.splitlines()[-1])["interrupted"] is True
    assert b"set west: interrupted" in err
