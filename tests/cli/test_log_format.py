"""stderr as JSON: every line is an object with time, level and message, whatever happens."""

import json
from datetime import datetime

import pytest
from world import front


def lines(ended):
    found = [json.loads(line) for line in ended.err.splitlines()]
    for line in found:
        assert datetime.fromisoformat(line["time"]).tzinfo
        assert line["level"] in ("info", "warning", "error")
        assert line["message"]
    return found


def test_a_run_logs_each_change_and_what_it_came_to(syncer, world, checkout):
    ended = syncer("sync", checkout, "--server", world.url, "-q", "--log-format", "json")
    change, end = lines(ended)
    assert (ended.code, ended.out) == (0, "")
    assert {"level": "info", "namespace": "team-a", "name": "app:v1", "outcome": "created"}.items() <= change.items()
    assert (end["exit_code"], end["owner"], end["tags"]["created"]) == (0, "git.example.com/team/tags", 1)


def test_a_change_that_fails_is_an_error_and_so_is_the_end(syncer, world, checkout):
    def rule(method, _):
        return (403, {"message": "no", "reason": "Forbidden"}) if method == "POST" else None

    with front(world.url, rule) as url:
        ended = syncer("sync", checkout, "--server", url, "-q", "--log-format", "json")
    assert ended.code == 4
    assert [line["level"] for line in lines(ended) if "outcome" in line] == ["error"]
    assert [line["level"] for line in lines(ended) if "tags" in line] == ["error"]


def test_without_q_progress_is_logged_too_and_the_report_stays_text(syncer, world, checkout, monkeypatch):
    monkeypatch.delenv("SYNCER_SYNC_NO_PROGRESS")
    ended = syncer("sync", checkout, "--server", world.url, "--log-format", "json")
    assert "Sync: 1 created." in ended.out
    assert next(line["message"][:7] for line in lines(ended) if "outcome" not in line) == "Read 1 "


def test_an_error_and_wrong_usage_are_lines_with_what_to_do(syncer, world, tmp_path):
    ended = syncer("plan", tmp_path / "gone", "--server", world.url, "--log-format", "json")
    error = lines(ended)[-1]
    assert (error["level"], error["exit_code"], bool(error["hint"])) == ("error", 1, True)
    ended = syncer("plan", ".", "--page-size", "none", "--log-format", "json")
    (usage,) = lines(ended)
    assert (ended.code, usage["exit_code"]) == (64, 64)


@pytest.mark.parametrize(
    "wrong",
    [
        ("sync", "--nope", "--log-format", "json"),
        ("plan", ".", "--log-format=json", "--nope"),
        ("apply", "--log-format", "json", "--nope"),
        ("restore", "--log-format", "json", "undo.jsonl", "--server"),
        ("sync", ".", "--log-format", "json", "--config", "gone.yaml"),
    ],
)
def test_a_command_line_that_cannot_be_parsed_is_a_line_too(syncer, wrong):
    ended = syncer(*wrong)
    (usage,) = lines(ended)
    assert (ended.code, usage["exit_code"]) == (64, 64)


def test_the_format_that_a_pod_is_given_counts_for_wrong_usage_too(syncer, tmp_path, monkeypatch):
    settings = tmp_path / "pod.yaml"
    settings.write_text("sync:\n  log-format: json\n")
    (by_file,) = lines(syncer("sync", ".", "--config", settings, "--nope"))
    monkeypatch.setenv("SYNCER_SYNC_LOG_FORMAT", "json")
    (by_variable,) = lines(syncer("sync", ".", "--nope"))
    assert "--nope" in by_file["message"]
    assert "--nope" in by_variable["message"]


def test_a_warning_is_a_line_and_the_next_run_is_for_people_again(syncer, world, checkout, tmp_path):
    (tmp_path / "file").write_text("")
    metrics = ("--metrics-file", tmp_path / "file" / "syncer.prom")
    ended = syncer("sync", checkout, "--server", world.url, "-q", "--log-format", "json", *metrics)
    assert [line["message"][:8] for line in lines(ended) if line["level"] == "warning"] == ["metrics:"]
    ended = syncer("sync", checkout, "--server", world.url, "-q", *metrics)
    assert ended.err.startswith("Warning: metrics: ")


def test_the_settings_file_counts_where_the_format_is_given_on_the_command_line_too(syncer, tmp_path):
    (tmp_path / "syncer.yaml").write_text("sets: {web: {source: gone}}\n")
    ended = syncer("plan", "--config", tmp_path / "syncer.yaml", "--set", "web", "--server", "http://127.0.0.1:1",
                   "--log-format", "json")  # fmt: skip
    (error,) = lines(ended)
    assert (ended.code, "gone does not exist" in error["message"]) == (1, True)
