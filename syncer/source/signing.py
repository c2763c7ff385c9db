"""Whether a commit is signed by somebody whom the user trusts: what `--verify-commit FILE` asks.

git verifies, in a repository that syncer made, so that SOURCE's own configuration names neither programs nor keys.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from syncer.errors import SourceError, UsageError
from syncer.source.command import TRANSPORTS, Git

if TYPE_CHECKING:
    from collections.abc import Iterator

OPTION: Final = "--verify-commit"
_ARMOUR: Final = b"-----BEGIN PGP PUBLIC KEY BLOCK-----"
_PACKET: Final = 0x80
"""The bit that every OpenPGP packet begins with (RFC 9580, 4.2), and no line of text does."""
_SIGNATURE: Final = re.compile(rb"^gpgsig(?:-sha256)? -----BEGIN (\w+) (?:SIGNATURE|MESSAGE)-----$", re.MULTILINE)
_HEADERS: Final = re.compile(rb"^gpgsig", re.MULTILINE)
"""Every header that git could take for a signature: which one it verifies depends on the repository's hash."""
_SIGNER: Final = re.compile(rb"^(?!#)\S.* (?:ssh-|ecdsa-|sk-)\S+ +[A-Za-z0-9+/]+=*( .*)?$", re.MULTILINE)
_GPG_CONF: Final = "batch\nno-autostart\nno-auto-key-retrieve\ntrust-model always\n"
"""A keyring of its own needs no agent and asks nobody; whoever is in it is trusted."""


@dataclass(frozen=True, slots=True)
class Signers:
    """Whose signatures count: `ssh`, a file of allowed signers (ssh-keygen(1)), or `openpgp`, exported public keys."""

    path: Path
    kind: Literal["ssh", "openpgp"]


def read_signers(name: str) -> Signers:
    """Tell what a file of signers is. Raises UsageError for one that cannot be read, or holds no public key."""
    path = Path(name).resolve()
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{OPTION}: {name} cannot be read: {(error.strerror or str(error)).lower()}") from error
    if data.lstrip().startswith(_ARMOUR) or (data and data[0] & _PACKET):
        return Signers(path, "openpgp")
    if b"PRIVATE KEY" in data or not _SIGNER.search(data):
        hint = (
            "write a line `ann@example.com ssh-ed25519 AAAA…` for each signer (ssh-keygen(1), ALLOWED SIGNERS), "
            "or export OpenPGP keys: gpg --export --armor KEY > FILE"
        )
        raise UsageError(f"{OPTION}: {name} holds neither allowed signers nor OpenPGP public keys", hint=hint)
    return Signers(path, "ssh")


@contextmanager
def verified(git: Git, commit: str, signers: Signers) -> Iterator[Git]:
    """Copy a commit out of a repository, object by object, each checked against its hash, and verify the copy.

    Gives git in the copy, which is gone afterwards. Raises SourceError as `verify` does.
    """
    with tempfile.TemporaryDirectory(prefix="syncer-") as name:
        copy = Git(Path(name), environment=TRANSPORTS)
        format_ = git.run("rev-parse", "--show-object-format").text
        place = git.run("rev-parse", "--absolute-git-dir")
        made = copy.run("init", "--bare", "--template=", "--quiet", f"--object-format={format_}", ".")
        fetch = ("-c", "protocol.version=2", "fetch", "--depth=1", "--no-tags", "--quiet", "--")
        fetched = copy.run(*fetch, place.text, commit)
        for each in (place, made, fetched):
            if each.status:
                raise each.failure(f"commit {commit[:12]} cannot be copied to be verified")
        verify(copy, commit, signers)
        yield copy


def verify(git: Git, commit: str, signers: Signers) -> None:
    """Raise SourceError unless a commit bears a good signature of one of the signers, valid at its date."""
    content = git.run("cat-file", "commit", commit)
    if content.status:
        raise content.failure(f"commit {commit[:12]} cannot be read")
    header = content.output.partition(b"\n\n")[0]
    found = _SIGNATURE.search(header)
    if not found:
        raise SourceError(
            f"commit {commit[:12]} is not signed",
            hint=f"{OPTION} takes signed commits alone, merges too: git commit -S",
        )
    if len(_HEADERS.findall(header)) > 1:
        message = f"commit {commit[:12]} bears more than one signature: which of them counts would be open"
        raise SourceError(message, hint="sign it once: git commit --amend -S")
    kind = {b"SSH": "ssh", b"PGP": "openpgp"}.get(found[1], "x509")
    if kind != signers.kind:
        message = (
            f"commit {commit[:12]} has a signature of another kind ({kind}) than {signers.path.name} ({signers.kind})"
        )
        raise SourceError(message, hint=f"give {OPTION} a file for that kind, or have it signed with the right key")
    if kind == "ssh":
        _check(git, commit, signers, f"gpg.ssh.allowedSignersFile={signers.path}")
        return
    with tempfile.TemporaryDirectory(prefix="syncer-") as home:
        (Path(home) / "gpg.conf").write_text(_GPG_CONF)
        with_keys = replace(git, environment={"GNUPGHOME": home})
        _import(with_keys, signers.path)
        _check(with_keys, commit, signers)


def _check(git: Git, commit: str, signers: Signers, *settings: str) -> None:
    options = [word for setting in ("gpg.minTrustLevel=fully", *settings) for word in ("-c", setting)]
    checked = git.run(*options, "verify-commit", "--raw", commit)
    if not checked.status:
        return
    said = checked.errors
    if missing := re.search(r"cannot run (\S+): No such file", said):
        raise _lacking(Path(missing[1]).name)
    by = ""
    if key := re.search(r"key (SHA256:\S+)|(?:NO_PUBKEY|GOODSIG|KEYSIG|EXPSIG) ([0-9A-F]{16,})", said):
        by = f" by {key[1] or key[2]}"
    if "No principal matched" in said or "NO_PUBKEY" in said:
        message = f"commit {commit[:12]} is signed{by}, which {signers.path} does not name, or not for its date"
        raise SourceError(message, hint=f"add the key to the file if you trust it: {_show(signers)}")
    for word, cause in (("EXPKEYSIG", "with a key that has expired"), ("REVKEYSIG", "with a key that was revoked")):
        if word in said:
            raise SourceError(
                f"commit {commit[:12]} is signed{by} {cause}", hint="have it signed with one that is valid"
            )
    raise checked.failure(f"commit {commit[:12]} has a signature that is not good{by}")


def _show(signers: Signers) -> str:
    return "a line `NAME KEY`" if signers.kind == "ssh" else "gpg --export --armor KEY >> FILE"


def _import(git: Git, keys: Path) -> None:
    """Fill an empty GnuPG home with the keys of a file."""
    try:
        done = subprocess.run(  # noqa: S603 - no shell, and no option can come of a path that begins with /
            ["gpg", "--quiet", "--import", "--", keys],  # noqa: S607 - the one that git would run
            env=git.surroundings(),
            capture_output=True,
            check=False,
        )
    except OSError:
        raise _lacking("gpg") from None
    if done.returncode:
        raise UsageError(f"{OPTION}: gpg finds no public keys in {keys}", hint="gpg --export --armor KEY > FILE")


def _lacking(program: str) -> SourceError:
    hint = {"gpg": "install GnuPG", "ssh-keygen": "install OpenSSH's client"}.get(program, f"install {program}")
    return SourceError(f"{OPTION} needs {program}, which cannot be run", hint=f"{hint}, and have it on the PATH")
