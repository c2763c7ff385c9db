"""What a SOURCE is, and that no credential of it is ever shown or on a command line."""

import base64
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncer.errors import UsageError
from syncer.source.command import Finished, Git
from syncer.source.location import Remote, display_url, owner_of, parse_location, shown


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("https://github.com/org/repo.git", "https://github.com/org/repo.git"),
        ("https://user:s3cret@github.com:8443/org/repo", "https://github.com:8443/org/repo"),
        ("https://t0ken@github.com/org/repo", "https://github.com/org/repo"),
        ("https://[::1]:8443/repo", "https://[::1]:8443/repo"),
        ("HTTPS://github.com/org", "https://github.com/org"),
        ("ssh://git@host:2222/repo", "ssh://git@host:2222/repo"),
        ("ssh://git:s3cret@host/repo", "ssh://git@host/repo"),
        ("file:///srv/repo.git", "file:///srv/repo.git"),
        ("git@github.com:org/repo.git", "git@github.com:org/repo.git"),
        ("host:repo", "host:repo"),
    ],
)
def test_a_url_is_a_remote_without_its_secrets(location, url):
    remote = parse_location(location)
    assert isinstance(remote, Remote)
    assert remote.url == url
    assert "s3cret" not in repr(remote)
    assert "t0ken" not in repr(remote)


@pytest.mark.parametrize("location", ["/srv/repo", "repo", "./host:repo", "../x", "a/b:c"])
def test_anything_else_is_a_directory(location):
    assert parse_location(location) == Path(location)


def test_a_directory_that_looks_like_a_host_is_a_directory(tmp_path, monkeypatch):
    (tmp_path / "host:repo").mkdir()
    monkeypatch.chdir(tmp_path)
    assert parse_location("host:repo") == Path("host:repo")


@pytest.mark.parametrize(
    "location",
    [
        "-oProxyCommand=x:repo",
        "git@-oProxyCommand=x:repo",
        "ssh://-oProxyCommand=x/repo",
        "ssh://-oProxyCommand=x@host/repo",
        "ext::sh -c x",
        "persistent-https::https://x",
        "http://example.com/repo",
        "https:///repo",
        "https://host:port/repo",
        "https://host/repo?private_token=s3cret",
        "https://u:s3cret@host/repo#x",
    ],
)
def test_what_is_refused_is_refused_without_its_secrets(location):
    with pytest.raises(UsageError) as raised:
        parse_location(location)
    assert "s3cret" not in raised.value.message + raised.value.hint


@pytest.mark.parametrize(
    "location",
    [
        "https://ann:s3cret/x@git.example.com/tags",
        "https:/ann:s3cret@git.example.com/tags",
        "https//ann:s3cret@git.example.com/tags",
        " https://ann:s3cret@git.example.com/tags",
        "ann:s3cret@git.example.com:tags",
    ],
)
def test_a_password_in_what_is_nearly_a_url_is_not_quoted(location):
    with pytest.raises(UsageError) as raised:
        parse_location(location)
    assert "s3cret" not in f"{raised.value.message} {raised.value.hint}"
    assert "s3cret" not in display_url(location) + owner_of(location, "")  # a clone's origin may be such a one


@pytest.mark.parametrize("url", ["https://git.example.com:8443/@team/tags", "ssh://git@[::1]:22/a@b", "git@host:a@b/c"])
def test_an_at_sign_in_a_path_stays(url):
    assert display_url(url) == url


def test_credentials_reach_git_by_its_configuration_alone(tmp_path):
    """Their header is bound to the server that the URL names."""
    remote = parse_location("https://user:p%40ss@127.0.0.1:1/repo")
    assert remote.authorization == "Authorization: Basic " + base64.b64encode(b"user:p@ss").decode()
    assert remote.server == "https://127.0.0.1:1/"
    git = Git(tmp_path, {f"http.{remote.server}.extraHeader": remote.authorization})
    seen = git.run("config", "--get-urlmatch", "http.extraHeader", "https://127.0.0.1:1/repo")
    assert seen.text == remote.authorization
    assert git.run("config", "--get-urlmatch", "http.extraHeader", "https://127.0.0.1:2/repo").text == ""
    assert "Basic" not in repr(git)


def test_configuration_that_the_environment_holds_already_stays(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "user.name")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "someone")
    git = Git(tmp_path)
    assert git.run("config", "--get", "user.name").text == "someone"
    assert git.run("config", "--get", "core.hooksPath").text == os.devnull
    assert git.run("config", "--get", "protocol.ext.allow").text == "never"


def test_git_never_prompts(tmp_path):
    git = Git(tmp_path)
    assert git.run("-c", "alias.prompt=!echo $GIT_TERMINAL_PROMPT", "prompt").text == "0"


def test_what_git_says_is_shown_without_credentials():
    errors = "remote: Not here\nfatal: unable to access 'https://u:s3cret@host/x/': Could not resolve host: host\n"
    error = Finished(128, b"", errors).failure("x cannot be cloned")
    assert error.message == "x cannot be cloned: unable to access 'https://host/x/': Could not resolve host: host"
    assert "network" in error.hint


@given(
    st.text(
        st.characters(
            blacklist_characters="/@ \t\n\r'\"\x0b\x0c\x1c\x1d\x1e\x1f\x85\xa0", categories=["L", "N", "P", "S"]
        ),
        min_size=1,
    )
)
def test_no_credential_survives(secret):
    text = f"fatal: 'https://user:{secret}@example.com/x' failed"
    assert shown(text) == "fatal: 'https://example.com/x' failed"
    assert display_url(f"https://user:{secret}@example.com/x") == "https://example.com/x"
    assert owner_of(f"https://user:{secret}@example.com/x.git", "") == "example.com/x"


@pytest.mark.parametrize(
    ("url", "path", "owner"),
    [
        ("", "a", ""),
        ("git@github.com:org/repo.git", "", "github.com/org/repo"),
        ("git@host:/srv/repo.git/", "a/b", "host/srv/repo/a/b"),
        ("https://host/x.git/", "", "host/x"),
        ("ssh://git@host:22/~/x", "", "host:22/~/x"),
        ("file:///srv/x.git", "", "/srv/x"),
        ("/srv/x.git", "a", "/srv/x/a"),
        ("../x", "", "../x"),
        ("file:///srv/my tags.git", "a b", "/srv/my%20tags/a%20b"),
        ("https://host/a%20b", "größe\n\udcff", "host/a%20b/größe%0A%FF"),
    ],
)
def test_an_owner_is_a_url_without_scheme_user_and_suffix(url, path, owner):
    assert owner_of(url, path) == owner
