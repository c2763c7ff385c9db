"""`--verify-commit` on the command line: every command that reads SOURCE refuses before a file is parsed."""

import subprocess

import pytest

ALLOWED = "ann@example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1N9L4qwd7sU9o0uGXbBCyqRyUn9vPKQpwrU6dX5SgN\n"


@pytest.fixture
def signers(tmp_path):
    path = tmp_path / "allowed_signers"
    path.write_text(ALLOWED)
    return path


@pytest.mark.parametrize("command", ["plan", "sync", "validate", "explain", "doctor"])
def test_an_unsigned_commit_is_refused_before_a_file_is_parsed_and_nothing_is_written(
    syncer, world, checkout, signers, command
):
    (checkout / "broken.yaml").write_text("a: [")
    author = ("-c", "user.name=Ann", "-c", "user.email=ann@example.com")
    for line in (["add", "."], [*author, "commit", "--quiet", "--no-gpg-sign", "-m", "broken"]):
        subprocess.run(["git", *line], cwd=checkout, check=True)
    words = ["team-a/app:v1"] if command == "explain" else []
    cluster = [] if command == "validate" else ["--server", world.url]
    ended = syncer(command, *words, checkout, "--verify-commit", signers, *cluster)
    assert ended.code == 1
    told = ended.out + ended.err
    assert "is not signed" in told
    assert "broken.yaml" not in told
    assert world.writes() == []


def test_syncer_yaml_names_the_signers_beside_itself(syncer, world, checkout, signers):
    config = signers.with_name("syncer.yaml")
    config.write_text("verify-commit: allowed_signers\n")
    ended = syncer("plan", checkout, "--config", config, "--server", world.url)
    assert (ended.code, "is not signed" in ended.err) == (1, True)
    ended = syncer("plan", checkout, "--config", config, "--verify-commit", "absent", "--server", world.url)
    assert (ended.code, ended.err) == (64, "Error: --verify-commit: absent cannot be read: no such file or directory\n")


def test_stdin_is_no_commit(syncer, world, signers):
    ended = syncer("plan", "-", "--verify-commit", signers, "--server", world.url)
    assert (ended.code, "--verify-commit has no meaning for stdin" in ended.err) == (64, True)
