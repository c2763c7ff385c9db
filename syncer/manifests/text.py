"""A file's bytes → its documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from syncer.manifests.json_text import json_document
from syncer.manifests.problems import BrokenTextError, Flaw, Place
from syncer.manifests.yaml_text import yaml_documents

if TYPE_CHECKING:
    from collections.abc import Iterator

    from syncer.manifests.document import Document
    from syncer.model import Blob

_LFS: Final = b"version https://git-lfs.github.com/spec/"
_UTF8_MARK: Final = b"\xef\xbb\xbf"
_OTHER_MARKS: Final = {
    b"\xff\xfe\x00\x00": "UTF-32",
    b"\x00\x00\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}


def documents(blob: Blob) -> Iterator[Document]:
    """Yield each document of a file that is not empty, YAML or JSON.

    A `.json` file must be JSON; any other is YAML, save that a text which begins with `{` and is JSON is read as such
    (kubectl does the same; the indentation of JSON may be tabs, that of YAML may not). Raises BrokenTextError where the
    text cannot be read on.
    """
    text = _decode(blob.data)
    if blob.path.lower().endswith(".json"):
        document = json_document(text)
        if document is not None:
            yield document
        return
    if text.lstrip().startswith("{"):
        try:
            document = json_document(text)
        except BrokenTextError:
            document = None
        if document is not None:
            yield document
            return
    yield from yaml_documents(text)


def _decode(data: bytes) -> str:
    """Read bytes as UTF-8, with or without a byte order mark."""
    start = Place(1, 1)
    if data.startswith(_LFS):
        hint = "fetch the file itself (git lfs pull), or keep manifests out of Git LFS"
        raise BrokenTextError(Flaw("lfs-pointer", "a Git LFS pointer stands where the manifest should be", start, hint))
    for mark, name in _OTHER_MARKS.items():
        if data.startswith(mark):
            message = f"the file is {name}, and manifests are UTF-8"
            raise BrokenTextError(Flaw("encoding", message, start, "save it as UTF-8"))
    data = data.removeprefix(_UTF8_MARK)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        message = f"not UTF-8: the byte 0x{data[error.start]:02X} fits nowhere"
        raise BrokenTextError(Flaw("encoding", message, _place(data, error.start), "save it as UTF-8")) from error
    if (nul := text.find("\0")) >= 0:
        message = "a NUL character stands in the text: the file is binary, or UTF-16 without a mark"
        before = text[:nul].encode()
        raise BrokenTextError(Flaw("encoding", message, _place(data, len(before)), "save it as UTF-8"))
    return text


def _place(data: bytes, at: int) -> Place:
    """Find a byte's line and column; the bytes before it are UTF-8."""
    line_start = data.rfind(b"\n", 0, at) + 1
    return Place(data.count(b"\n", 0, at) + 1, len(data[line_start:at].decode("utf-8", "replace")) + 1)
