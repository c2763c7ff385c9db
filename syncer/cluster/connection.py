"""Which API server, as whom, and how trusted: flags over kubeconfig over the pod's service account, as kubectl."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from syncer.cluster.credentials import Anonymous, Credentials, TokenFile
from syncer.cluster.proxy import proxy_for
from syncer.errors import ClusterError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where a pod finds its token and the cluster's CA."""


@dataclass(frozen=True, slots=True)
class ConnectionOptions:
    """The flags that say which cluster; empty means not given. `request_timeout` in seconds, 0 for none."""

    kubeconfig: str = ""
    context: str = ""
    server: str = ""
    token_file: str = ""
    certificate_authority: str = ""
    insecure_skip_tls_verify: bool = False
    impersonate: str = ""
    request_timeout: float = 30.0


@dataclass(frozen=True, slots=True)
class Access:
    """What one origin (flags, a kubeconfig, a service account) says of a server. Paths are files, empty for none."""

    server: str
    context: str = ""
    credentials: Credentials = field(default_factory=Anonymous)
    impersonate: str = ""
    verifies: bool = True
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    tls_server_name: str = ""
    proxy: str = ""


@dataclass(frozen=True, slots=True)
class Connection:
    """A server to talk to: its URL without a trailing slash, and what goes along with each request.

    `tls` is None for plain http; `timeout` in seconds, for connecting and for each read, 0 for none.
    """

    server: str
    context: str
    credentials: Credentials
    headers: Mapping[str, str]
    tls: ssl.SSLContext | None
    verifies: bool
    tls_server_name: str
    proxy: str
    timeout: float


def connect(
    options: ConnectionOptions, *, environ: Mapping[str, str], service_account: Path = SERVICE_ACCOUNT
) -> Connection:
    """Find out how to reach the cluster; nothing is sent yet.

    Order as in kubectl: each flag overrides the kubeconfig (`--kubeconfig`, else `$KUBECONFIG`, a list, else
    `~/.kube/config`); without one, the pod's service account. Raises UsageError for flags that cannot be, ClusterError
    for a kubeconfig that cannot be used.
    """
    access, server = _access(options, environ, service_account, authenticate=True)
    return Connection(
        server=server,
        context=access.context,
        credentials=access.credentials,
        headers=_impersonation(access.impersonate),
        tls=_tls(access) if server.startswith("https:") else None,
        verifies=access.verifies,
        tls_server_name=access.tls_server_name,
        proxy=access.proxy or proxy_for(server, environ),
        timeout=options.request_timeout,
    )


def locate(options: ConnectionOptions, *, environ: Mapping[str, str], service_account: Path = SERVICE_ACCOUNT) -> str:
    """Give the server's URL without its credentials: no plugin runs, nothing is renewed. Raises as `connect`."""
    access, server = _access(options, environ, service_account, authenticate=False)
    _impersonation(access.impersonate)
    return server


def _access(
    options: ConnectionOptions, environ: Mapping[str, str], service_account: Path, *, authenticate: bool
) -> tuple[Access, str]:
    if options.certificate_authority and options.insecure_skip_tls_verify:
        raise UsageError("--certificate-authority and --insecure-skip-tls-verify exclude each other")
    found = _found(options, environ, service_account, authenticate=authenticate and not options.token_file)
    access = _overridden(found, options)
    return access, _checked(access.server)


def _found(
    options: ConnectionOptions, environ: Mapping[str, str], service_account: Path, *, authenticate: bool
) -> Access:
    """Take the first origin that is there. What only flags name needs none, and then none is loaded."""
    explicit = bool(options.kubeconfig or options.context)
    plain = options.server.startswith("http://")
    # kubectl sends no credentials of a kubeconfig over plain HTTP: nothing in it is of use then.
    files = () if plain and not explicit else _kubeconfigs(options, environ)
    if files:
        from syncer.cluster import kubeconfig  # noqa: PLC0415  (it brings all of the kubernetes package, 0.3 s)

        access = kubeconfig.load(files, context=options.context, server=options.server, authenticate=authenticate)
        if access is not None:
            return access
    if explicit:
        raise UsageError(
            "there is no kubeconfig that holds a context", hint="check --kubeconfig, --context and $KUBECONFIG"
        )
    if options.server:
        return Access(options.server)
    if environ.get("KUBERNETES_SERVICE_HOST") and (service_account / "token").is_file():
        from syncer.cluster import serviceaccount  # noqa: PLC0415  (it is of use in a pod alone)

        return serviceaccount.load(service_account, environ)
    raise UsageError(
        "no cluster to talk to: no --server, no kubeconfig, and this is no pod with a service account",
        hint="log in (oc login), set $KUBECONFIG, or give --kubeconfig or --server",
    )


def _kubeconfigs(options: ConnectionOptions, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Name the kubeconfig files that exist; a missing one of a list is passed over, as kubectl does."""
    if options.kubeconfig:
        if not Path(options.kubeconfig).is_file():
            raise UsageError(f"--kubeconfig {options.kubeconfig} is no file")
        return (options.kubeconfig,)
    home = environ.get("HOME", "")
    default = str(Path(home, ".kube", "config")) if home else ""
    names = (environ.get("KUBECONFIG") or default).split(os.pathsep)
    return tuple(name for name in names if name and Path(name).is_file())


def _overridden(access: Access, options: ConnectionOptions) -> Access:
    """Let the flags that were given win."""
    if options.server:
        access = replace(access, server=options.server)
    if options.token_file:
        access = replace(access, credentials=TokenFile(Path(options.token_file)), cert_file="", key_file="")
    if options.certificate_authority:
        access = replace(access, ca_file=options.certificate_authority, verifies=True)
    if options.insecure_skip_tls_verify:
        access = replace(access, ca_file="", verifies=False)
    if options.impersonate:
        access = replace(access, impersonate=options.impersonate)
    return access


def _checked(server: str) -> str:
    """Hold a server URL to its form: http or https, a host, perhaps a path; no credentials in it."""
    try:
        parts = urlsplit(server)
        host, _ = parts.hostname, parts.port
    except ValueError:
        parts, host = urlsplit(""), None
    if parts.username or parts.password or "@" in parts.netloc:
        raise UsageError("the server URL must not hold credentials", hint="give a token by --token-file")
    if parts.scheme not in {"http", "https"} or not host or parts.query or parts.fragment or not server.isprintable():
        raise UsageError(f"{server!r} is no server URL", hint="it reads https://HOST:PORT")
    return server.rstrip("/")


def _impersonation(user: str) -> Mapping[str, str]:
    """Give the header of `--as`: the bytes of UTF-8, as kubectl sends them."""
    if not user:
        return {}
    if not user.isprintable():
        raise UsageError("--as must be a user's name, without control characters")
    return {"Impersonate-User": user.encode().decode("latin-1")}


def _tls(access: Access) -> ssl.SSLContext:
    """Make the TLS settings, verifying by default; one context serves all connections."""
    if access.ca_file and not Path(access.ca_file).is_file():
        raise UsageError(f"the certificate authority {access.ca_file} is no file", hint="check --certificate-authority")
    try:
        context = ssl.create_default_context(cafile=access.ca_file or None)
        # Python 3.13 asks more of certificates than RFC 5280 verifiers do; kubectl takes clusters' old CAs.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if not access.verifies:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if access.cert_file:
            # An empty password rather than a prompt on the terminal.
            context.load_cert_chain(access.cert_file, access.key_file or None, password=lambda: "")
    except (OSError, ValueError) as error:
        raise ClusterError(
            f"the CA or the client certificate for {access.server} cannot be used",
            hint="check that the files are PEM, and that the key belongs to the certificate and has no password",
        ) from error
    return context
