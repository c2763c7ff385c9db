"""Which lock a run takes: the one that `--lock` names, or in a pod the one named after the owner."""

from __future__ import annotations

import re
from contextlib import ExitStack, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import click

from syncer.cli.options import Duration, _together
from syncer.errors import ForbiddenError, NotFoundError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from syncer.cluster import Client
    from syncer.sync import Lock
