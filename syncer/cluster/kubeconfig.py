"""Kubeconfig files through the kubernetes package: merging, certificates, tokens, exec plugins, refreshing.

The package logs a failed exec plugin and goes on as nobody, takes the last current-context of a list where kubectl
takes the first, and passes over `as`: these are put right here.
"""

from __future__ import annotations

import logging
import os
import time
from contextlib import contextmanager
from functools import lru_cache
from threading import Lock, get_ident
from typing import TYPE_CHECKING, Any, Final

from kubernetes.client import Configuration
from kubernetes.config import ConfigException
from kubernetes.config.kube_config import KubeConfigLoader, KubeConfigMerger

from syncer.cluster.answers import printable
from syncer.cluster.connection import Access
from syncer.cluster.credentials import Anonymous
from syncer.errors import ClusterError, SyncerError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from syncer.cluster.credentials import Credentials

_merge: Any = KubeConfigMerger  # the package's functions have no types
_load: Any = KubeConfigLoader

_CHECK_EVERY: Final = 30.0
"""Seconds between looks at a token's expiry: the package runs a plugin at every look in its last five minutes."""

_SAVING: Final = Lock()
_IMPERSONATION: Final = ("as-groups", "as-uid", "as-user-extra")


def load(files: Sequence[str], *, context: str, server: str, authenticate: bool) -> Access | None:
    """Read and merge the files; None where they hold no context and none is asked for.

    `server` is the one given by a flag: over plain http it gets none of the credentials (as kubectl), unless it is the
    kubeconfig's own. Without `authenticate`, the user of the context is left aside.
    """
    kubeconfig = _Kubeconfig(files) if authenticate else _looked_into(tuple(files), tuple(map(_stamp, files)))
    name = context or kubeconfig.current_context
    if not name and (server or not kubeconfig.names("contexts")):
        return None
    if name not in kubeconfig.names("contexts"):
        there = ", ".join(map(printable, kubeconfig.names("contexts"))) or "none"
        what = f"there is no context {printable(name)!r}" if name else "no context is chosen"
        raise UsageError(f"{what} in {kubeconfig.where}", hint=f"--context NAME; there are: {there}")
    kubeconfig.check(name, server=not server, user=authenticate)
    if server.startswith("http://") and server.rstrip("/") != kubeconfig.server(name):
        authenticate = False
    configuration = kubeconfig.configure(name, authenticate=authenticate)
    credentials: Credentials = Anonymous()
    if configuration.auth_settings():
        credentials = _Refreshed(files, name, configuration)
    return Access(
        server=server or kubeconfig.server(name),
        context=name,
        credentials=credentials,
        impersonate=kubeconfig.impersonated(name) if authenticate else "",
        verifies=bool(configuration.verify_ssl),
        ca_file=configuration.ssl_ca_cert or "",
        cert_file=configuration.cert_file or "",
        key_file=configuration.key_file or "",
        tls_server_name=configuration.tls_server_name or "",
        proxy=configuration.proxy or "",
    )


@lru_cache(maxsize=1)
def _looked_into(files: tuple[str, ...], _stamps: tuple[tuple[int, int, int], ...]) -> _Kubeconfig:
    """Read files without logging in; several sets look into the same ones, each for its context."""
    return _Kubeconfig(files)


def _stamp(file: str) -> tuple[int, int, int]:
    with _translated(file):
        status = os.stat(file)  # noqa: PTH116 - the name as it is given
    return status.st_mtime_ns, status.st_size, status.st_ino


class _Refreshed:
    """The credentials of a context: renewed by the package as they expire, and read anew after a 401."""

    def __init__(self, files: Sequence[str], context: str, configuration: Configuration) -> None:
        self._files = files
        self._context = context
        self._configuration = configuration
        self._lock = Lock()
        self._checked = time.monotonic()
        self._headers = _authorization(configuration)

    def headers(self) -> Mapping[str, str]:
        """Give the Authorization header, renewed where it is about to expire."""
        with self._lock:
            if time.monotonic() - self._checked > _CHECK_EVERY:
                with _translated(", ".join(self._files)):
                    self._headers = _authorization(self._configuration)
                self._checked = time.monotonic()
            return self._headers

    def renew(self, refused: Mapping[str, str]) -> bool:
        """Read the files again and run the plugin again, unless another thread just did."""
        with self._lock:
            if self._headers == refused:
                kubeconfig = _Kubeconfig(self._files)
                self._configuration = kubeconfig.configure(self._context, authenticate=True)
                self._headers = _authorization(self._configuration)
                self._checked = time.monotonic()
            return self._headers != refused


class _Kubeconfig:
    """The merged files, as the package merges them."""

    def __init__(self, files: Sequence[str]) -> None:
        self.where = ", ".join(files)
        with _translated(self.where):
            self._merger = _merge(os.pathsep.join(files))
            self._sections = {
                section: {entry.value["name"]: entry.value for entry in self._merger.config.value[section]}
                for section in ("contexts", "clusters", "users")
            }
            currents = [config.get("current-context") for config in self._merger.config_files.values()]
        self.current_context = next((str(current) for current in currents if current), "")

    def names(self, section: str) -> list[str]:
        """Name what a section holds, in the files' order."""
        return [str(name) for name in self._sections[section]]

    def server(self, context: str) -> str:
        """Give the server of a context, empty where it has none."""
        cluster = self._part("clusters", str(self._part("contexts", context).get("cluster")))
        return str(cluster.get("server") or "").rstrip("/")

    def check(self, context: str, *, server: bool, user: bool) -> None:
        """Raise ClusterError where a context names no server, or a user that is not there, though it is needed."""
        wanted = self._part("contexts", context).get("user")
        if user and wanted and wanted not in self._sections["users"]:
            raise ClusterError(
                f"{self.where}: there is no user {printable(str(wanted))!r}, of context {context!r}",
                hint="log in again (oc login), or choose another --context",
            )
        if server and not self.server(context):
            raise ClusterError(f"{self.where}: context {context!r} leads to no server", hint="check its cluster")

    def impersonated(self, context: str) -> str:
        """Give the user that the context's user acts as; raise ClusterError for what cannot be done."""
        user = self._user(context)
        for name in _IMPERSONATION:
            if user.get(name):
                raise ClusterError(f"{self.where}: the user of context {context!r} has {name}, which is not supported")
        return str(user.get("as") or "")

    def configure(self, context: str, *, authenticate: bool) -> Configuration:
        """Have the package load a context; raise ClusterError where it cannot, or finds no credentials in a plugin."""
        configuration = Configuration()
        configuration.proxy = None  # the environment's is for `proxy_for`; here only the kubeconfig's own counts
        with _translated(self.where), _logged() as log:
            if not authenticate:
                self._part("contexts", context).pop("user", None)
            # What was just taken out must not be missing in the file.
            persister = self._save if authenticate else None
            loader = _load(self._merger.config, context, config_base_path=None, config_persister=persister)
            loader.load_and_set(configuration)
        wanted = [kind for kind in ("exec", "auth-provider") if self._user(context).get(kind)]
        if wanted and not configuration.auth_settings() and not configuration.cert_file:
            said = printable("; ".join(log), 400) or "it gave none"
            raise ClusterError(
                f"{self.where}: no credentials from the {wanted[0]} of context {context!r}: {said}",
                hint="run the plugin by hand, or log in again",
            )
        return configuration

    def _save(self) -> None:
        """Write renewed tokens back, as the package would, one thread at a time: sets may share a file."""
        with _SAVING:
            self._merger.save_changes()

    def _user(self, context: str) -> dict[str, Any]:
        return self._part("users", str(self._part("contexts", context).get("user")))

    def _part(self, section: str, name: str) -> dict[str, Any]:
        entry = self._sections[section].get(name, {}).get(section.removesuffix("s"))
        return entry if isinstance(entry, dict) else {}


def _authorization(configuration: Configuration) -> Mapping[str, str]:
    """Give the header that the package made; a token from a file still has its line end there."""
    settings: dict[str, Any] = {**configuration.auth_settings()}
    for setting in settings.values():
        value = str(setting["value"] or "").strip()
        if any(not " " <= character <= "~" for character in value):
            raise ClusterError("the token of the kubeconfig is no token", hint="log in again (oc login)")
        return {"Authorization": value} if value else {}
    return {}


@contextmanager
def _translated(where: str) -> Iterator[None]:
    """Make one error of the many that the package, its parsers and its plugins raise.

    Messages of the package may quote the entry they are about, with its token, so that only their start is kept, and
    no cause goes along.
    """
    try:
        yield
    except SyncerError:
        raise
    except ConfigException as error:
        told = printable(str(error).removeprefix("Invalid kube-config file. ").partition(" in ")[0], 200)
        raise ClusterError(f"{where}: {told}", hint="check the kubeconfig, or log in again") from None
    except OSError as error:
        what = f"{error.strerror}: {error.filename}" if error.filename else type(error).__name__
        raise ClusterError(f"{where}: {what}", hint="check the files that the kubeconfig names") from None
    except Exception as error:  # noqa: BLE001  (YAML, base64, OAuth, subprocess and more: no common base)
        mark = getattr(error, "problem_mark", None)
        line = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise ClusterError(
            f"{where}: not a kubeconfig that can be used{line}: {type(error).__name__}",
            hint="check the file with kubectl config view",
        ) from None


class _Messages(logging.Handler):
    """Collects what the thread that made it logs: others may be logging in elsewhere."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.messages: list[str] = []
        self.thread_id = get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self.thread_id:
            self.messages.append(record.getMessage())


@contextmanager
def _logged() -> Iterator[list[str]]:
    """Collect what the package logs: that is where a failed plugin tells why."""
    handler = _Messages()
    logging.getLogger().addHandler(handler)
    try:
        yield handler.messages
    finally:
        logging.getLogger().removeHandler(handler)
