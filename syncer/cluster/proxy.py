"""The proxy that the environment names for a server, by the rules of kubectl (Go's `http.ProxyFromEnvironment`)."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping


def proxy_for(server: str, environ: Mapping[str, str]) -> str:
    """Give the proxy URL for a server URL, empty for none; never one for this machine itself."""
    parts = urlsplit(server)
    names = (f"{parts.scheme}_proxy".upper(), f"{parts.scheme}_proxy")
    proxy = next((environ[name] for name in names if environ.get(name)), "")
    excluded = environ.get("NO_PROXY") or environ.get("no_proxy") or ""
    if not proxy or _excludes(excluded, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)):
        return ""
    return proxy if "://" in proxy else f"http://{proxy}"


def _excludes(excluded: str, host: str, port: int) -> bool:
    if host == "localhost" or _within(host, "127.0.0.0/8") or _within(host, "::1/128"):
        return True
    for entry in (entry.strip().lower() for entry in excluded.split(",")):
        name, colon, wanted = entry.rpartition(":")
        if colon and wanted.isdecimal() and not _within(entry, "::/0"):
            if int(wanted) != port:
                continue
            entry = name.strip("[]")  # noqa: PLW2901  (the port has had its say)
        if entry == "*" or (entry and (_within(host, entry) or _named(host, entry))):
            return True
    return False


def _named(host: str, entry: str) -> bool:
    """Whether an entry names the host or a domain above it; one with a leading dot names only those below."""
    domain = entry.removeprefix("*")
    return host == domain or host.endswith(domain if domain.startswith(".") else f".{domain}")


def _within(host: str, network: str) -> bool:
    try:
        return ip_address(host) in ip_network(network, strict=False)
    except ValueError:
        return False
