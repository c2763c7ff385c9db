"""Runs git: without prompts, hooks, or programs of a repository; its failures become our errors, without secrets."""

from __future__ import annotations

import os
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from syncer.errors import SourceError
from syncer.source.location import shown

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import IO

_CONFIGURATION: Final[Mapping[str, str]] = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "protocol.ext.allow": "never",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "http.lowSpeedLimit": "1",
    "http.lowSpeedTime": "60",
}
"""Whatever a repository's own configuration says: nothing is run or tidied up, and no server may stall for ever."""

_ENVIRONMENT: Final[Mapping[str, str]] = {
    "LC_ALL": "C",  # what git says is looked at, here and in `clone`
    "LANGUAGE": "C",
    "GIT_ALLOW_PROTOCOL": "",
    "GIT_LFS_SKIP_SMUDGE": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
}

TRANSPORTS: Final[Mapping[str, str]] = {"GIT_ALLOW_PROTOCOL": "https:ssh:file"}
"""What a repository of ours may fetch by. Others may not at all: a partial clone would fetch what it lacks by programs
that its own configuration names (`core.sshCommand`, `remote.NAME.uploadpack`)."""

_FILTERS: Final = r"^filter\..*\.(clean|smudge|process|required)$"
_UNTRUSTED: Final = frozenset({"local", "worktree"})
"""Scopes of configuration that are the repository's own (git-config(1), --show-scope)."""

MAX_LISTED: Final = 128 * 1024 * 1024
"""Bytes of names. A tree can hold one tree ten times, ten levels deep; a million files have less than this."""

_ANOTHER_REPOSITORY: Final = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_WORK_TREE",
)
"""What git sets for a hook or alias, and obeys before the directory that it runs in (git-rev-parse(1))."""

_HINTS: Final[Mapping[str, str]] = {
    "dubious ownership": "the repository is another user's: git config --global --add safe.directory DIRECTORY",
    "Authentication failed": "check the credentials: those of a credential helper, or in SOURCE",
    "could not read": "the repository needs credentials: a credential helper's, or https://USER:TOKEN@HOST/… in SOURCE",
    "Permission denied": "check the ssh key, and that it may read the repository",
    "Host key verification failed": "add the host's key to ~/.ssh/known_hosts",
    "Could not resolve host": "check the host's name, and the network",
    "not found": "check the URL; without credentials, a private repository is not found either",
    "does not appear to be a git repository": "check the URL",
    "does not exist": "check the URL",
}
"""What to do, by what git says."""

_SAID: Final = 64 * 1024
_SAYS: Final = ("fatal: ", "error: ")
_LONGEST: Final = 1000
_EPILOGUE: Final = "fatal: Could not read from remote repository."
"""What git adds when the transport has said why already."""


@dataclass(frozen=True, slots=True)
class Finished:
    """What a git command left."""

    status: int
    output: bytes
    errors: str

    @property
    def text(self) -> str:
        """The output, which is a name or two, without the line's end."""
        return os.fsdecode(self.output).removesuffix("\n")

    def failure(self, what: str) -> SourceError:
        """Make an error of what git, or the transport below it, said last."""
        lines = [line.strip() for line in shown(self.errors).partition(_EPILOGUE)[0].splitlines() if line.strip()]
        last = max((number for number, line in enumerate(lines) if line.startswith(_SAYS)), default=-1)
        said = " ".join(lines[last:])[:_LONGEST] if lines else f"git ended with {self.status}"
        for word in _SAYS:
            said = said.removeprefix(word)
        hint = next((hint for word, hint in _HINTS.items() if word in self.errors), "")
        return SourceError(f"{what}: {said}", hint=hint)


@dataclass(frozen=True, slots=True)
class Git:
    """git in one directory. `secrets` is configuration that must not be on a command line."""

    directory: Path
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    environment: Mapping[str, str] = field(default_factory=dict)

    def unfiltered(self) -> Git:
        """Have no filter run that only the repository's own configuration names (gitattributes(5), "filter").

        Whoever made the repository would choose a program to be run where git compares files. Those that the user has
        set up for all repositories stay, such as that of Git LFS.
        """
        listed = self.run("config", "--show-scope", "--null", "--get-regexp", _FILTERS).output.split(b"\0")
        trusted, foreign = dict[str, str](), set[str]()
        for scope, entry in zip(listed[::2], listed[1::2], strict=False):
            key, _, value = os.fsdecode(entry).partition("\n")
            if scope.decode() in _UNTRUSTED:
                foreign.add(key)
            else:
                trusted[key] = value
        off = {key: "false" if key.endswith(".required") else "" for key in foreign}
        settings = {key: trusted.get(key, value) for key, value in off.items()}
        return replace(self, secrets={**self.secrets, **settings}) if settings else self

    def run(
        self, *arguments: str, stdin: bytes = b"", longest: float | None = None, most: int | None = None
    ) -> Finished:
        """Run a command and wait for it.

        After `longest` seconds, or `most` bytes, it is ended, and has written what it has. Raises SourceError where git
        itself cannot be run.
        """
        try:
            process = subprocess.Popen(  # noqa: S603 - no shell, and what a user gives stands where git takes no option
                ["git", *arguments],  # noqa: S607 - the one that the user has on the PATH
                cwd=self.directory,
                env=self.surroundings(),
                stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        except OSError as error:
            raise SourceError("git cannot be run", hint="install git, and have it on the PATH") from error
        with process, ThreadPoolExecutor(2) as pool:
            errors = pool.submit(_drain, process.stderr)
            if process.stdin:
                pool.submit(_feed, process.stdin, stdin)
            timer = threading.Timer(longest, process.kill) if longest else None
            if timer:
                timer.start()
            output = process.stdout.read(-1 if most is None else most) if process.stdout else b""
            if most is not None and len(output) >= most:
                process.kill()
            said = errors.result()
            if timer:
                timer.cancel()
        return Finished(process.returncode, output, said.decode(errors="replace"))

    def listing(self, *arguments: str) -> Finished:
        """Run a command that lists files. Raises SourceError where there is no end to them."""
        finished = self.run(*arguments, most=MAX_LISTED)
        if len(finished.output) >= MAX_LISTED:
            message = f"git lists more files than anybody has: their names alone are {MAX_LISTED:,} bytes"
            raise SourceError(message, hint="give the folder that holds the manifests as SOURCE")
        return finished

    def surroundings(self) -> dict[str, str]:
        """Give the environment that git gets; it may hold configuration already (git-config(1), GIT_CONFIG_COUNT)."""
        count = os.environ.get("GIT_CONFIG_COUNT", "0")
        first = int(count) if count.isdigit() else 0
        settings = {**_CONFIGURATION, **self.secrets}
        environment = {name: value for name, value in os.environ.items() if name not in _ANOTHER_REPOSITORY}
        environment |= {**_ENVIRONMENT, **self.environment, "GIT_CONFIG_COUNT": str(first + len(settings))}
        for number, (key, value) in enumerate(settings.items(), first):
            environment |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
        return environment


def _drain(pipe: IO[bytes] | None) -> bytes:
    """Read all that git says is wrong, and keep as much of its end as a message can be made of."""
    kept = b""
    while pipe and (chunk := pipe.read1(_SAID)):  # type: ignore[attr-defined]  # a pipe of Popen is a BufferedReader
        kept = (kept + chunk)[-_SAID:]
    return kept


def _feed(pipe: IO[bytes], data: bytes) -> None:
    with suppress(BrokenPipeError), pipe:
        pipe.write(data)
