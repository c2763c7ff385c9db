"""Runs git: without prompts, hooks or helpers; its failures become our errors, no credentials in them."""

from __future__ import annotations

import os
import signal
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from syncer.errors import SourceError
from syncer.source.location import shown

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

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
    "GIT_ALLOW_PROTOCOL": "https:ssh:file",
    "GIT_LFS_SKIP_SMUDGE": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
}

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
        lines = [line for line in shown(self.errors).partition(_EPILOGUE)[0].splitlines() if line.strip()]
        said = lines[-1].removeprefix("fatal: ").removeprefix("error: ") if lines else f"git ended with {self.status}"
        hint = next((hint for word, hint in _HINTS.items() if word in self.errors), "")
        return SourceError(f"{what}: {said}", hint=hint)


@dataclass(frozen=True, slots=True)
class Git:
    """git in one directory. `secrets` is configuration that must not be on a command line."""

    directory: Path
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    environment: Mapping[str, str] = field(default_factory=dict)

    def run(self, *arguments: str, stdin: bytes = b"", longest: float | None = None) -> Finished:
        """Run a command and wait for it; after `longest` seconds it is ended, and has written what it has.

        Raises SourceError where git itself cannot be run.
        """
        try:
            finished = subprocess.run(  # noqa: S603 - no shell, and what a user gives stands where git takes no option
                ["git", *arguments],  # noqa: S607 - the one that the user has on the PATH
                cwd=self.directory,
                env=self.surroundings(),
                input=stdin,
                capture_output=True,
                check=False,
                timeout=longest,
            )
        except subprocess.TimeoutExpired as expired:
            return Finished(-signal.SIGKILL, expired.stdout or b"", "")
        except OSError as error:
            raise SourceError("git cannot be run", hint="install git, and have it on the PATH") from error
        return Finished(finished.returncode, finished.stdout, finished.stderr.decode(errors="replace"))

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
