"""`--profile`: where the time of a run went, on stderr."""

import pytest


@pytest.mark.parametrize("command", ["plan", "sync"])
def test_stages_and_functions_are_told_on_stderr_and_the_report_stays_as_it_is(syncer, checkout, world, command):
    common = [command, checkout, "--server", world.url, "-n", "team-a"]
    ended = syncer(*common, "--profile")
    assert ended.code == 0
    assert [line.split()[0] for line in ended.err.splitlines()[:4]] == ["source", "manifests", "live", "plan"]
    assert "function calls" in ended.err
    assert "function calls" not in ended.out


def test_without_it_nothing_is_told(syncer, checkout, world):
    assert syncer("plan", checkout, "--server", world.url).err == ""
