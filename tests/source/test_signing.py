"""`--verify-commit`: real keys, real signatures, and a repository that would like to choose both."""

import io
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from syncer.errors import SourceError, SyncerError, UsageError
from syncer.source import SourceSpec, read_source
from syncer.source.signing import read_signers

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, ("ssh-keygen", "gpg", "gpgconf"))), reason="it takes ssh-keygen and gpg to sign commits"
)
ANN, EVE = "ann@example.com", "eve@example.com"


def run(*command, cwd=None, **environment):
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, **environment}, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """SSH keys of Ann and Eve, an OpenPGP key of each, and the files that name Ann alone."""
    folder = tmp_path_factory.mktemp("keys")
    for name in (ANN, EVE):
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(folder / name))
        home = folder / f"{name}-gnupg"
        home.mkdir(mode=0o700)
        gpg = ("gpg", "--batch", "--homedir", str(home))
        run(*gpg, "--quiet", "--passphrase", "", "--quick-generate-key", f"<{name}>", "ed25519", "sign", "never")
        (folder / f"{name}.asc").write_text(run(*gpg, "--export", "--armor"))
    (folder / "allowed").write_text(f"# who may\n{ANN} {(folder / f'{ANN}.pub').read_text()}")
    yield folder
    for name in (ANN, EVE):
        run("gpgconf", "--homedir", str(folder / f"{name}-gnupg"), "--kill", "all")


class Repository:
    """A repository with one file, and a commit for each call of `commit`."""

    def __init__(self, root, keys):
        self.root, self.keys = root, keys
        root.mkdir()
        self.git("init", "--quiet", "-b", "main")

    def git(self, *arguments, **environment):
        identity = {f"GIT_{who}_{what}": ANN for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        alone = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, **identity, **environment}
        return run("git", *arguments, cwd=self.root, **alone).strip()

    def commit(self, text, by="", kind="ssh"):
        (self.root / "app.yaml").write_text(text)
        self.git("add", ".")
        key = f"{self.keys / by}.pub" if kind == "ssh" else by
        sign = ["-c", f"gpg.format={kind}", "-c", f"user.signingkey={key}"] if by else []
        arguments = ["commit", "--quiet", "-m", text, "-S" if by else "--no-gpg-sign"]
        return self.git(*sign, *arguments, GNUPGHOME=str(self.keys / f"{by}-gnupg"))


@pytest.fixture
def repository(tmp_path, keys):
    return Repository(tmp_path / "repository", keys)


def read(location, signers, **options):
    return read_source(SourceSpec(str(location), signers=str(signers), **options), stdin=io.BytesIO())


def refused(location, signers, **options):
    with pytest.raises(SyncerError) as raised:
        read(location, signers, **options)
    return f"{raised.value.message} | {raised.value.hint}"


# --------------------------------------------------------------------------------------------------- who may, who not

KINDS = pytest.mark.parametrize(("kind", "file"), [("ssh", "allowed"), ("openpgp", f"{ANN}.asc")])
PLACES = pytest.mark.parametrize("place", ["directory", "directory with --ref", "bare", "url", "url with --ref"])


def locate(repository, place):
    """Give SOURCE and options for each way to read one repository."""
    location, options = repository.root, {"ref": "main"} if "--ref" in place else {}
    if place == "bare":
        bare = repository.root.parent / "bare.git"
        repository.git("clone", "--quiet", "--bare", ".", str(bare))
        return bare, options
    return (f"file://{location}" if place.startswith("url") else location), options


@KINDS
@PLACES
def test_a_commit_of_a_signer_is_read(repository, keys, kind, file, place):
    repository.commit("a: 1\n")
    repository.commit("a: 2\n", by=ANN, kind=kind)
    location, options = locate(repository, place)
    source = read(location, keys / file, **options)
    assert [(blob.path, blob.data) for blob in source.blobs] == [("app.yaml", b"a: 2\n")]
    assert (source.info.commit, source.info.dirty) == (repository.git("rev-parse", "HEAD"), False)


@KINDS
@PLACES
def test_a_commit_of_somebody_else_is_refused_and_the_key_is_named(repository, keys, kind, file, place):
    repository.commit("a: 1\n", by=ANN, kind=kind)
    repository.commit("a: 2\n", by=EVE, kind=kind)
    location, options = locate(repository, place)
    told = refused(location, keys / file, **options)
    commit = repository.git("rev-parse", "--short=12", "HEAD")
    assert told.startswith(f"commit {commit} is signed by {'SHA256:' if kind == 'ssh' else ''}")
    assert f"{keys / file} does not name" in told


@KINDS
@PLACES
def test_an_unsigned_commit_is_refused_whoever_signed_the_one_before(repository, keys, kind, file, place):
    repository.commit("a: 1\n", by=ANN, kind=kind)
    repository.commit("a: 2\n")
    location, options = locate(repository, place)
    assert "is not signed | " in refused(location, keys / file, **options)


@KINDS
def test_a_commit_that_was_changed_after_it_was_signed_is_refused(repository, keys, kind, file):
    repository.commit("a: 1\n", by=ANN, kind=kind)
    forged = repository.git("cat-file", "commit", "HEAD").replace("a: 1", "a: 2") + "\n"
    path = repository.root.parent / "forged"
    path.write_text(forged)
    commit = repository.git("hash-object", "-t", "commit", "-w", str(path))
    assert f"commit {commit[:12]} " in refused(repository.root, keys / file, ref=commit)


def test_a_signature_of_another_kind_is_refused(repository, keys):
    repository.commit("a: 1\n", by=ANN, kind="openpgp")
    assert "has a signature of another kind (openpgp) than allowed (ssh)" in refused(repository.root, keys / "allowed")
    repository.commit("a: 2\n", by=ANN)
    assert f"kind (ssh) than {ANN}.asc (openpgp)" in refused(repository.root, keys / f"{ANN}.asc")


def test_a_signer_counts_only_for_the_time_that_the_file_gives(repository, keys, tmp_path):
    repository.commit("a: 1\n", by=ANN)
    line = (keys / f"{ANN}.pub").read_text()
    for limit, allowed in (("valid-before", False), ("valid-after", True)):
        signers = tmp_path / limit
        signers.write_text(f'{ANN} {limit}="20200101" {line}')
        if allowed:
            assert read(repository.root, signers).blobs
        else:
            assert "does not name, or not for its date" in refused(repository.root, signers)


def test_a_key_for_other_purposes_than_git_does_not_count(repository, keys, tmp_path):
    repository.commit("a: 1\n", by=ANN)
    (tmp_path / "signers").write_text(f'{ANN} namespaces="file" {(keys / f"{ANN}.pub").read_text()}')
    assert "is not permitted for use in signature namespace" in refused(repository.root, tmp_path / "signers")


def test_a_revoked_key_does_not_count(repository, keys, tmp_path):
    repository.commit("a: 1\n", by=EVE, kind="openpgp")
    home = tmp_path / "gnupg"
    shutil.copytree(keys / f"{EVE}-gnupg", home, ignore=shutil.ignore_patterns("S.*"))
    (revocation,) = (home / "openpgp-revocs.d").glob("*.rev")
    text = revocation.read_text()
    revocation.write_text(text[text.index(":-----BEGIN") + 1 :])
    gpg = ("gpg", "--batch", "--no-autostart", "--homedir", str(home))
    run(*gpg, "--quiet", "--import", str(revocation))
    (tmp_path / "revoked.asc").write_text(run(*gpg, "--export", "--armor"))
    assert read(repository.root, keys / f"{EVE}.asc").blobs
    assert "with a key that was revoked" in refused(repository.root, tmp_path / "revoked.asc")


def test_several_keys_and_a_binary_keyring_will_do(repository, keys, tmp_path):
    both = tmp_path / "both"
    both.write_text((keys / f"{EVE}.asc").read_text() + (keys / f"{ANN}.asc").read_text())
    binary = tmp_path / "binary"
    binary.write_bytes(
        subprocess.run(
            ["gpg", "--dearmor"], input=(keys / f"{ANN}.asc").read_bytes(), capture_output=True, check=True
        ).stdout
    )
    repository.commit("a: 1\n", by=ANN, kind="openpgp")
    assert read(repository.root, both).blobs
    assert read(repository.root, binary).blobs


# ----------------------------------------------------------------------------------------------- what is not a commit


def test_a_dirty_directory_and_one_outside_git_and_stdin_are_refused(repository, keys, tmp_path):
    repository.commit("a: 1\n", by=ANN)
    (repository.root / "new.yaml").write_text("b: 1\n")
    assert "is dirty: it holds what is in no commit, and so was signed by nobody" in refused(
        repository.root, keys / "allowed"
    )
    (tmp_path / "plain").mkdir()
    assert "--verify-commit has no commit to verify" in refused(tmp_path / "plain", keys / "allowed")
    assert "--verify-commit has no meaning for stdin" in refused("-", keys / "allowed")


def test_what_git_ignores_or_is_told_to_overlook_is_not_read(repository, keys):
    """A file that `git status` does not show is no reason to refuse, and what is read is the commit."""
    (repository.root / ".gitignore").write_text("ignored.yaml\n")
    repository.commit("a: 1\n", by=ANN)
    (repository.root / "ignored.yaml").write_text("a: 3\n")
    repository.git("update-index", "--assume-unchanged", "app.yaml")
    (repository.root / "app.yaml").write_text("a: 2\n")
    assert [blob.data for blob in read(repository.root, keys / "allowed").blobs] == [b"a: 1\n"]


def test_objects_that_are_not_what_they_are_named_after_are_refused(repository, keys):
    """git checks no hash when it reads a loose object: who can write into .git could change all that was signed."""
    repository.commit("a: 1\n", by=ANN)
    blob, other = repository.git("rev-parse", "HEAD:app.yaml"), repository.root / "other"
    other.write_text("a: 2\n")
    forged = repository.git("hash-object", "-w", str(other))
    other.unlink()
    objects = repository.root / ".git/objects"
    target = objects / blob[:2] / blob[2:]
    target.chmod(0o644)
    shutil.copy(objects / forged[:2] / forged[2:], target)
    assert repository.git("cat-file", "blob", blob) == "a: 2"
    assert "cannot be copied to be verified" in refused(repository.root, keys / "allowed", ref="main")


# ----------------------------------------------------------------------------------------------- what judges, and how


@KINDS
def test_the_repository_names_neither_programs_nor_keys(repository, keys, tmp_path, kind, file):
    ran = tmp_path / "ran"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {ran}\nexit 0\n")
    program.chmod(0o755)
    eves = tmp_path / "eves"
    eves.write_text(f"{EVE} {(keys / f'{EVE}.pub').read_text()}")
    repository.commit("a: 1\n", by=EVE, kind=kind)
    for name in ("gpg.program", "gpg.openpgp.program", "gpg.ssh.program", "gpg.ssh.defaultKeyCommand"):
        repository.git("config", name, str(program))
    repository.git("config", "gpg.ssh.allowedSignersFile", str(eves))
    repository.git("config", "gpg.minTrustLevel", "never")
    assert "does not name" in refused(repository.root, keys / file)
    assert not ran.exists()


@KINDS
def test_a_key_that_the_user_trusts_for_other_things_does_not_count(repository, keys, monkeypatch, kind, file):
    eves = keys / "eves"
    eves.write_text(f"{EVE} {(keys / f'{EVE}.pub').read_text()}")
    repository.commit("a: 1\n", by=EVE, kind=kind)
    monkeypatch.setenv("GNUPGHOME", str(keys / f"{EVE}-gnupg"))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "gpg.ssh.allowedSignersFile")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", str(eves))
    assert "does not name" in refused(repository.root, keys / file)


@KINDS
@pytest.mark.parametrize("place", ["directory", "url"])
def test_a_second_signature_of_another_kind_lets_no_other_key_in(  # noqa: PLR0913, PLR0917 - fixtures
    repository, keys, monkeypatch, kind, file, place
):
    eves = keys / "eves"
    eves.write_text(f"{EVE} {(keys / f'{EVE}.pub').read_text()}")
    repository.commit("a: 1\n", by=EVE, kind="openpgp" if kind == "ssh" else "ssh")
    armour = "SSH SIGNATURE" if kind == "ssh" else "PGP SIGNATURE"
    first = f"gpgsig-sha256 -----BEGIN {armour}-----\n eA==\n -----END {armour}-----\ngpgsig "
    text = f"{repository.git('cat-file', 'commit', 'HEAD')}\n".replace("gpgsig ", first, 1)
    (repository.root / ".git/forged").write_text(text)
    forged = repository.git("hash-object", "-t", "commit", "-w", str(repository.root / ".git/forged"))
    repository.git("update-ref", "HEAD", forged)
    monkeypatch.setenv("GNUPGHOME", str(keys / f"{EVE}-gnupg"))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "gpg.ssh.allowedSignersFile")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", str(eves))
    location, options = locate(repository, place)
    assert "bears more than one signature" in refused(location, keys / file, **options)


def test_signers_that_lie_in_the_repository_are_refused(repository, keys):
    shutil.copy(keys / "allowed", repository.root / "allowed")
    (repository.root / "folder").mkdir()
    (repository.root / "folder/b.yaml").write_text("b: 1\n")
    repository.commit("a: 1\n", by=ANN)
    for location in (repository.root, repository.root / "folder"):
        with pytest.raises(UsageError, match="lies in the repository: whoever changes that decides who may sign"):
            read(location, repository.root / "allowed")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nobody\n",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA\n",
        "<html>",
        "-----BEGIN OPENSSH PRIVATE KEY-----\nann ssh-ed25519 AAAA\n",
        "-----BEGIN PGP PRIVATE KEY BLOCK-----\n",
    ],
)
def test_a_file_without_a_signer_is_refused(tmp_path, text):
    (tmp_path / "signers").write_text(text)
    with pytest.raises(UsageError, match="holds neither allowed signers nor OpenPGP public keys"):
        read_signers(str(tmp_path / "signers"))


def test_a_keyring_that_holds_no_key_and_a_file_that_is_not_there_are_refused(repository, tmp_path):
    repository.commit("a: 1\n", by=ANN, kind="openpgp")
    (tmp_path / "ring.asc").write_text("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n-----END PGP PUBLIC KEY BLOCK-----\n")
    assert "gpg finds no public keys in" in refused(repository.root, tmp_path / "ring.asc")
    assert "cannot be read: no such file" in refused(repository.root, tmp_path / "absent")


@KINDS
def test_a_program_that_is_missing_is_named(repository, tmp_path, monkeypatch, kind, file):
    repository.commit("a: 1\n", by=ANN, kind=kind)
    (tmp_path / "git").symlink_to(Path(shutil.which("git")).resolve())
    monkeypatch.setenv("PATH", str(tmp_path))
    program = "ssh-keygen" if kind == "ssh" else "gpg"
    with pytest.raises(SourceError, match=f"--verify-commit needs {program}, which cannot be run"):
        read(repository.root, repository.keys / file)


def test_nothing_is_left_behind(repository, keys, tmp_path, monkeypatch):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    repository.commit("a: 1\n", by=ANN, kind="openpgp")
    read(repository.root, keys / f"{ANN}.asc")
    refused(repository.root, keys / "allowed")
    assert list(scratch.iterdir()) == []
