"""What the server takes as a name, so that a bad one is seen before it is sent.

Each function gives what is wrong, as the end of a sentence ("… must be"), or an empty string.
"""

from __future__ import annotations

import re
from typing import Final

MAX_REPOSITORY: Final = 255
"""Characters of `namespace/stream`, and of a pull spec's name: a registry takes no more."""

_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_STREAM: Final = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")
_TAG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_QUALIFIED: Final = re.compile(r"[a-z0-9]([-a-z0-9_.]*[a-z0-9])?")
_IMAGE: Final = re.compile(r"(?P<stream>[^@:]*)@(?P<digest>[^@]*)")

# docker/distribution's reference grammar; its `[-]*` is `-+` here, the same language without the backtracking.
_HOST_PART: Final = r"(?:[A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9-]*[A-Za-z0-9])"
_HOST: Final = rf"{_HOST_PART}(?:\.{_HOST_PART})*(?::[0-9]+)?"
_COMPONENT: Final = r"[a-z0-9]+(?:(?:__|[._]|-+)[a-z0-9]+)*"
_DIGEST: Final = r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}"
_PULL_SPEC: Final = re.compile(
    rf"(?P<name>(?:{_HOST}/)?{_COMPONENT}(?:/{_COMPONENT})*)"
    rf"(?::(?P<tag>{_TAG.pattern}))?(?:@(?P<digest>{_DIGEST}))?"
)
_DIGEST_LENGTHS: Final = {"sha256": 64, "sha384": 96, "sha512": 128}
_MAX_PULL_SPEC: Final = 1024

_PASSWORD: Final = re.compile(r"[^\s/@:'\"]+:[^\s/@'\"]+(?=@(?!sha\d+:))")


def bad_namespace(name: str) -> str:
    """Check a namespace: an RFC 1123 label."""
    if len(name) <= 63 and _LABEL.fullmatch(name):  # noqa: PLR2004 - RFC 1123, section 2.1
        return ""
    return "an RFC 1123 label: lower case letters, digits and '-', at most 63, a letter or digit at both ends"


def bad_stream(name: str) -> str:
    """Check the name of an ImageStream."""
    if _STREAM.fullmatch(name):
        return ""
    return "lower case letters and digits, with single '.', '_' or '-' between them"


def bad_stream_in(namespace: str, name: str) -> str:
    """Check the name of an ImageStream, with the length of both names that a registry takes."""
    if len(f"{namespace}/{name}") > MAX_REPOSITORY:
        return f"at most {MAX_REPOSITORY} characters long, its namespace and a slash counted"
    return bad_stream(name)


def bad_tag(name: str) -> str:
    """Check the name of a tag."""
    if _TAG.fullmatch(name):
        return ""
    return "letters, digits, '_', '.' and '-', at most 128, the first neither '.' nor '-'"


def bad_tag_reference(name: str) -> str:
    """Check what an ImageStreamTag `from` names: `stream:tag`, or a tag of the same stream."""
    stream, colon, tag = name.partition(":")
    if not colon:
        return bad_tag(name)
    if bad_stream(stream) or bad_tag(tag):
        return "`stream:tag`, or the name of a tag of the same stream"
    return ""


def bad_image_reference(name: str) -> str:
    """Check what an ImageStreamImage `from` names: `stream@digest`."""
    match = _IMAGE.fullmatch(name)
    if match and not bad_stream(match["stream"]) and not _bad_digest(match["digest"]):
        return ""
    return "`stream@sha256:` and 64 hexadecimal digits"


def bad_pull_spec(spec: str) -> str:
    """Check the pull spec of an image."""
    match = _PULL_SPEC.fullmatch(spec) if len(spec) <= _MAX_PULL_SPEC else None
    if match is None:
        if "://" in spec:
            return "a pull spec without a scheme, such as registry.example.com/team/app:v1"
        if len(spec) <= _MAX_PULL_SPEC and _PULL_SPEC.fullmatch(spec.lower()):
            return "in lower case but for its registry and tag"
        return "a pull spec such as registry.example.com/team/app:v1"
    if len(match["name"]) > MAX_REPOSITORY:
        return f"at most {MAX_REPOSITORY} characters long, its tag or digest not counted"
    return _bad_digest(match["digest"]) if match["digest"] else ""


def without_password(text: str) -> str:
    """Write asterisks, as many as there are characters, over what looks like `USER:PASSWORD@` in a text."""
    return _PASSWORD.sub(lambda match: "*" * len(match[0]), text)


def _bad_digest(digest: str) -> str:
    algorithm, _, digits = digest.partition(":")
    if len(digits) == _DIGEST_LENGTHS.get(algorithm) and re.fullmatch(r"[0-9a-fA-F]+", digits):
        return ""
    return "pinned by a digest such as `sha256:` and 64 hexadecimal digits"


def bad_annotation_key(key: str) -> str:
    """Check an annotation's key; Kubernetes lowers it first, and then takes a qualified name."""
    prefix, slash, name = key.lower().rpartition("/")
    good_prefix = not slash or (len(prefix) <= 253 and _SUBDOMAIN.fullmatch(prefix))  # noqa: PLR2004 - RFC 1123
    if good_prefix and len(name) <= 63 and _QUALIFIED.fullmatch(name):  # noqa: PLR2004 - Kubernetes' own limit
        return ""
    return "a name of at most 63 letters, digits, '-', '_' and '.', after an optional DNS name and a slash"
