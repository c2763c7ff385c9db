"""The table: repositories, files and settings that were made to hurt, each with what syncer says of it.

A case is `Case(what it is, files, says)`. `files` maps paths below SOURCE to what lies there: text, bytes, a `Link`, or a
function that makes it. `says` is a piece of the output, with the place where there is one; "" where it is harmless, and
`finds` then names the tags that are planned. `code` is the exit code of `syncer sync`.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import struct
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TAG = """apiVersion: image.openshift.io/v1
kind: ImageStreamTag
metadata:
  name: app:v1
  namespace: team-a
tag:
  from:
    kind: DockerImage
    name: registry.example.com/team/app:v1
"""
BOM, ESC, BELL = "\ufeff", "\x1b", "\x07"
FINE = ("team-a/app:v1",)


@dataclass(frozen=True)
class Link:
    """A symbolic link."""

    target: str


@dataclass(frozen=True)
class Case:
    """One row of the table."""

    name: str
    files: Mapping[str, str | bytes | Link | Callable[[Path], None]]
    says: str
    code: int = 1
    finds: tuple[str, ...] = ()
    ref: bool = False
    """Whether it is committed, and read from the object database too."""
    make: Callable[[Path], None] | None = None
    """What is done to SOURCE, a repository then, once the files lie there."""
    source: str = "."
    options: tuple[str, ...] = ()
    stdin: str | bytes = b""
    settings: str | bytes | Link | None = None
    """`syncer.yaml` of the working directory, which is not in SOURCE."""


def with_(old: str, new: str, text: str = TAG) -> str:
    """Give the manifest with one thing changed."""
    assert old in text
    return text.replace(old, new, 1)


def big(size: int) -> Callable[[Path], None]:
    """Make a file that is as large as that, and takes no room on the disk."""

    def make(path: Path) -> None:
        with path.open("wb") as file:
            file.truncate(size)

    return make


def unix_socket(path: Path) -> None:
    """Make a socket; its path must be short."""
    here = os.open(".", os.O_RDONLY)
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.fchdir(here)
        os.close(here)


def laughs(levels: int, times: int, *, merge: bool = False) -> str:
    """Make aliases of aliases of aliases."""
    lines = ["a0: &a0 {x: 1}" if merge else "a0: &a0 [x]"]
    for level in range(1, levels):
        before = ", ".join([f"*a{level - 1}"] * times)
        lines.append(f"a{level}: &a{level} {{k: [{before}]}}" if merge else f"a{level}: &a{level} [{before}]")
    return "\n".join(lines) + "\n"


def one(name: str, text: str | bytes, says: str, code: int = 1, finds: tuple[str, ...] = ()) -> Case:
    """Make a case of one file, `app.yaml`."""
    return Case(name, {"app.yaml": text}, says, code, finds)


# fmt: off
# A row of the table is a line.
ENCODINGS = [
    one("a byte that is no UTF-8", b"a: \xc3\x28\n", "app.yaml:1:4: not UTF-8: the byte 0xC3 fits nowhere"),
    one("a byte that is no UTF-8, on a later line", TAG.encode() + b"# \xff\n", "app.yaml:10:3: not UTF-8: the byte 0xFF"),
    one("a continuation byte alone", b"\x80", "app.yaml:1:1: not UTF-8: the byte 0x80 fits nowhere"),
    one("an overlong slash", b"a: \xc0\xaf\n", "app.yaml:1:4: not UTF-8: the byte 0xC0 fits nowhere"),
    one("an overlong NUL", b"a: \xc0\x80\n", "app.yaml:1:4: not UTF-8: the byte 0xC0 fits nowhere"),
    one("a surrogate in UTF-8", b"a: \xed\xa0\x80\n", "app.yaml:1:4: not UTF-8: the byte 0xED fits nowhere"),
    one("a character beyond Unicode", b"a: \xf4\x90\x80\x80\n", "app.yaml:1:4: not UTF-8: the byte 0xF4 fits nowhere"),
    one("a character that ends too early", b"a: \xe2\x82", "app.yaml:1:4: not UTF-8: the byte 0xE2 fits nowhere"),
    one("Latin-1", "# Größe\n".encode("latin-1"), "app.yaml:1:5: not UTF-8: the byte 0xF6 fits nowhere"),
    one("UTF-16, little endian", TAG.encode("utf-16"), "app.yaml:1:1: the file is UTF-16, and manifests are UTF-8"),
    one("UTF-16, big endian", b"\xfe\xff" + TAG.encode("utf-16-be"), "app.yaml:1:1: the file is UTF-16"),
    one("UTF-32", TAG.encode("utf-32"), "app.yaml:1:1: the file is UTF-32, and manifests are UTF-8"),
    one("UTF-16 without a mark", TAG.encode("utf-16-le"), "app.yaml:1:2: a NUL character stands in the text"),
    one("a NUL", with_("app:v1", "app:v1\0"), "app.yaml:4:15: a NUL character stands in the text"),
    one("a NUL at the very end", TAG + "\0", "app.yaml:10:1: a NUL character stands in the text"),
    one("an archive", b"\x1f\x8b\x08\0\0\0\0\0", "app.yaml:1:2: not UTF-8: the byte 0x8B fits nowhere"),
    one("a program", b"\x7fELF\x02\x01\x01\0", "app.yaml:1:8: a NUL character stands in the text"),
    one("a bell in a comment", f"# {BELL}\n{TAG}", "app.yaml:1:3: the character U+0007 may not stand in YAML"),
    one("an escape sequence", with_("app:v1", f"{ESC}[2Japp:v1"), "app.yaml:4:9: the character U+001B may not stand in YAML"),
    one("an escaped escape sequence", with_("app:v1", r'"app\e[2J:v1"'), r"app.yaml:4:9, team-a/app\x1b[2J:v1: the name"),
    one("a C1 control", f"# \x9b31m\n{TAG}", "app.yaml:1:3: the character U+009B may not stand in YAML"),
    one("DEL", f"# \x7f\n{TAG}", "app.yaml:1:3: the character U+007F may not stand in YAML"),
    one("half a surrogate pair", with_("app:v1", r'"app\ud800:v1"'), "app.yaml:4:9: half of a surrogate pair is no character"),
    one("a mark of byte order", BOM + TAG, "", 0, FINE),
    one("a mark of byte order in the middle", with_("v1\n", f"v1{BOM}\n"), "app.yaml:1:13: the apiVersion of an ImageStreamTag is"),
    one("CRLF", TAG.replace("\n", "\r\n"), "", 0, FINE),
    one("CR alone", TAG.replace("\n", "\r"), "", 0, FINE),
    one("line separators in a name", with_("app:v1", '"app\u2028:v1"'), r"app.yaml:4:9, team-a/app\u2028:v1: the name"),
    one("text that runs from right to left", with_("app:v1", '"app\u202e:v1"'), r"app.yaml:4:9, team-a/app\u202e:v1: the name"),
    one("an invisible character", with_("team-a", '"team-a\u200b"'), "app.yaml:5:14: a namespace must be an RFC 1123 label"),
    one("a look-alike", with_("app:v1", "\u0430pp:v1"), "app.yaml:4:9, team-a/\u0430pp:v1: the name of an ImageStream must be lower case letters"),
]

DEEP = 5000
YAML = [
    one("aliases that grow to a billion values", laughs(10, 9), "aliases repeat more than 100,000 values"),
    one("aliases of mappings that grow", laughs(10, 9, merge=True), "aliases repeat more than 100,000 values"),
    one("one anchor, a hundred thousand times", "a: &a [" + "x, " * 400 + "x]\nb: [" + "*a, " * 300 + "*a]\n", "app.yaml:2:997: aliases repeat more than 100,000 values"),
    one("an alias within what it names", "&a [*a]\n", "app.yaml:1:5: the alias *a stands inside what it names"),
    one("an alias of nothing", "a: *b\n", "app.yaml:1:4: the alias *b names no anchor that comes before it"),
    one("an alias of another document", "a: &a 1\n---\nb: *a\n", "app.yaml:3:4: the alias *a names no anchor"),
    one("a merge of a text", "a:\n  <<: text\n", "app.yaml:2:7: a merge key `<<` takes a mapping or a list of mappings"),
    one("a merge of itself", "a: &a\n  <<: *a\n", "app.yaml:2:7: the alias *a stands inside what it names"),
    one("lists, 5,000 deep", "[" * DEEP, "app.yaml:1:101: nested deeper than 100 levels"),
    one("mappings, 5,000 deep", "{a: " * DEEP, "app.yaml:1:401: nested deeper than 100 levels"),
    one("dashes, 5,000 deep", "- " * DEEP, "app.yaml:1:201: nested deeper than 100 levels"),
    one("blocks, 150 deep", "".join(f"{' ' * n}a:\n" for n in range(150)), "app.yaml:101:101: nested deeper than 100 levels"),
    one("keys of keys", "? " * DEEP, "nested deeper than 100 levels"),
    Case("JSON, 5,000 deep", {"app.json": '{"a":' * DEEP}, "app.json:1:501: nested deeper than 100 levels"),
    Case("JSON lists, 100,000 deep", {"app.json": "[" * 100_000}, "app.json:1:101: nested deeper than 100 levels"),
    one("a tag that calls Python", "!!python/object/apply:os.system ['touch ran']\n", "the source holds no ImageStreamTag", 3),
    one("a tag that calls Python, in a field", with_("app:v1", "!!python/object/apply:os.system ['touch ran']"), "app.yaml:4:9: the YAML tag !!python/object/apply:os.system is not understood"),
    one("a tag that names a Python function", with_("DockerImage", "!!python/name:os.system DockerImage"), "app.yaml:8:11: the YAML tag !!python/name:os.system is not understood"),
    one("a tag of JavaScript", with_("team-a", "!!js/function 'function(){}'"), "app.yaml:5:14: the YAML tag !!js/function is not understood"),
    one("a tag of Ruby", with_("team-a", "!ruby/object:Gem::Requirement x"), "app.yaml:5:14: the YAML tag !ruby/object:Gem::Requirement is not understood"),
    one("a tag of CloudFormation", with_("app:v1", "!Ref App"), "app.yaml:4:9: the YAML tag !Ref is not understood"),
    one("a tag of Ansible", with_("team-a", "!vault |\n    $ANSIBLE_VAULT"), "the YAML tag !vault is not understood"),
    one("bytes", with_("app:v1", "!!binary YXBwOnYx"), "app.yaml:4:9: the YAML tag !!binary is not understood"),
    one("a set", with_("tag:\n", "tag: !!set\n"), "the YAML tag !!set is not understood"),
    one("a number that is none", with_("app:v1", "!!int app:v1"), "app.yaml:4:9: 'app:v1' is not what the YAML tag !!int says"),
    one("a key twice", TAG + "kind: ImageStreamTag\n", "app.yaml:10:1: the key 'kind' is here for the second time; the first is on line 2"),
    one("a key twice, deep down", with_("    kind: DockerImage\n", "    kind: DockerImage\n    kind: DockerImage\n"), "app.yaml:9:5: the key 'kind' is here for the second time"),
    one("a key twice, in braces", with_("metadata:\n  name: app:v1\n  namespace: team-a", "metadata: {name: 'app:v1', name: 'app:v2', namespace: team-a}"), "app.yaml:3:28: the key 'name' is here for the second time"),
    one("a key twice, once quoted", TAG + '"kind": ImageStreamTag\n', "app.yaml:10:1: the key 'kind' is here for the second time"),
    one("a key twice, in a document of another kind", "kind: ConfigMap\napiVersion: v1\ndata: {a: '1', a: '2'}\n", "app.yaml:3:16: the key 'a' is here for the second time"),
    Case("a key twice, in JSON", {"app.json": '{"kind": 1,\n "kind": 2}'}, "app.json:2:2: the key 'kind' is here for the second time"),
    one("null as a key", with_("tag:\n", "tag:\n  ~: x\n"), "app.yaml:7:3: null cannot be a key"),
    one("a list as a key", with_("tag:\n", "tag:\n  [a]: x\n"), "app.yaml:7:3: a key must be a string"),
    one("a quote that never ends", with_("app:v1", '"app:v1'), "app.yaml:10:1: while scanning a quoted scalar found unexpected end of stream"),
    one("a tab where space must be", with_("  name: app:v1", "\tname: app:v1"), "app.yaml:4:1: while scanning for the next token found character"),
    one("an escape that is none", with_("app:v1", r'"app:\q1"'), "app.yaml:4:15: while scanning a double-quoted scalar found unknown escape character 'q'"),
    one("another version of YAML", f"%YAML 3.0\n---\n{TAG}", "app.yaml:1:1: found incompatible YAML document"),
    one("a directive twice", f"%YAML 1.2\n%YAML 1.2\n---\n{TAG}", "app.yaml:2:1: found duplicate YAML directive"),
    one("a template", with_("app:v1", "{{ .Values.name }}"), "app.yaml:4:9: metadata.name must be a string, not a mapping"),
    one("a merge conflict", f"<<<<<<< HEAD\n{TAG}=======\n{TAG}>>>>>>> theirs\n", "app.yaml:2:11: mapping values are not allowed here"),
    one("text that is not YAML", "{", "app.yaml:1:2: while parsing a flow node expected the node content"),
    one("two colons", "a: b: c\n", "app.yaml:1:5: mapping values are not allowed"),
    one("ten thousand empty documents", "---\n" * 10_000, "the source holds no ImageStreamTag", 3),
    one("a line of 10 MB", f"# {'x' * 10_000_000}\n{TAG}", "", 0, FINE),
    one("a name of 10 MB", with_("app:v1", "a" * 10_000_000 + ":v1"), "app.yaml:4:9, team-a/aaaaaaaa"),
    one("a name of 10 MB in a key", f"? {'a' * 10_000_000}\n: 1\n", "the source holds no ImageStreamTag", 3),
    one("a hundred thousand values", "a: [" + "1," * 100_000 + "]\n", "the source holds no ImageStreamTag", 3),
    one("a number of 5,000 digits", with_("app:v1", "9" * 5000), "app.yaml:4:9: metadata.name must be a string, not the number inf"),
    one("a number of a million digits", f"a: 0x{'f' * 1_000_000}\n", "the source holds no ImageStreamTag", 3),
    one("a float beyond all bounds", with_("app:v1", "1e999999"), "app.yaml:4:9: metadata.name must be a string, not the number inf"),
    Case("JSON that is cut off", {"app.json": '{"kind": "ImageStreamTag",'}, "app.json:1:27: not JSON: expected a key in double quotes, but the text ends"),
    Case("JSON with NaN", {"app.json": '{"a": NaN}'}, "app.json:1:7: not JSON: expected a value, but found 'N'"),
    Case("JSON with a comment", {"app.json": "// x\n{}"}, "app.json:1:1: not JSON: expected a value, but found '/'"),
    Case("JSON that goes on", {"app.json": "{} {}"}, "app.json:1:4: not JSON: expected the end of the document"),
    Case("YAML in a JSON file", {"app.json": TAG}, "app.json:1:1: not JSON: expected a value, but found 'a'"),
    Case("JSON with a control character", {"app.json": '{"a": "\x01"}'}, "app.json:1:8: not JSON: invalid control character"),
]

# fmt: on
NAME, SPACE, FROM = "  name: app:v1\n", "  namespace: team-a\n", "    name: registry.example.com/team/app:v1\n"
AT, IN, OF = "app.yaml:4:9, team-a/", "app.yaml:5:14", "app.yaml:9:11, team-a/app:v1: "


def named(name: str) -> str:
    """Give a manifest of that name, as JSON writes it."""
    return with_("app:v1\n", f'"{name}"\n')


def spaced(namespace: str) -> str:
    """Give a manifest in that namespace."""
    return with_("team-a", f'"{namespace}"')


def pointing(name: str) -> str:
    """Give a manifest that points there."""
    return with_("registry.example.com/team/app:v1", f'"{name}"')


def noted(key: str, value: str = '"x"') -> str:
    """Give a manifest with an annotation."""
    return with_(SPACE, f"{SPACE}  annotations:\n    {key}: {value}\n")


# fmt: off
FIELDS = [
    one("a name that climbs", named("..:.."), f"{AT}..:..: the name of an ImageStream must be"),
    one("a stream that climbs", named("../../x:v1"), f"{AT}../../x:v1: the name of an ImageStream must be"),
    one("a tag that climbs", named("app:../../v1"), "app.yaml:4:9, team-a/app:../../v1: "),
    one("a name with a query", named("app:v1?dryRun=All"), f"{AT}app:v1?dryRun=All: "),
    one("a name with a fragment", named("app#:v1"), f"{AT}app#:v1: "),
    one("a name that is percent-encoded", named("app%2f..:v1"), f"{AT}app%2f..:v1: "),
    one("a name of two lines", named(r"app\n:v1"), rf"{AT}app\n:v1: "),
    one("a name that ends a header", named(r"app\r\nX-Evil: 1:v1"), r"app.yaml:4:9, team-a/app\r\nX-Evil: 1:v1: the name must be `stream:tag`, with exactly one colon"),
    one("a name with a NUL", named(r"app\0:v1"), r"app.yaml:4:9, team-a/app\x00:v1: the name of an ImageStream must be"),
    one("a name that is a command", named("$(touch ran):v1"), f"{AT}$(touch ran):v1: "),
    one("a name that is an option", named("--all:v1"), f"{AT}--all:v1: "),
    one("a name that is markup", named("<script>alert(1)</script>:v1"), "app.yaml:4:9, team-a/<script>alert(1)</script>:v1: the name of an ImageStream must be"),
    one("a name without a colon", named("app"), "app.yaml:4:9, team-a/app: the name must be `stream:tag`, with exactly one colon"),
    one("a name of three parts", named("a:b:c"), "app.yaml:4:9, team-a/a:b:c: the name must be `stream:tag`, with exactly one colon"),
    one("a name of empty parts", named(":"), "app.yaml:4:9, team-a/:: the name must be `stream:tag`, with exactly one colon"),
    one("an empty name", named(""), "app.yaml:4:9: metadata.name is missing"),
    one("a name in upper case", named("APP:v1"), f"{AT}APP:v1: the name of an ImageStream must be lower case"),
    one("a name of 300 characters", named("a" * 300 + ":v1"), "app.yaml:4:9, team-a/aaaaaaaa"),
    one("a tag of 300 characters", named("app:" + "v" * 300), "app.yaml:4:9, team-a/app:vvvvvvvv"),
    one("a name that is a number", with_("app:v1", "7"), "app.yaml:4:9: metadata.name must be a string, not the number 7"),
    one("a name that is a list", with_("app:v1", "[app:v1]"), "app.yaml:4:9: metadata.name must be a string, not a list"),
    one("a name that is a moment", with_("app:v1", "2026-01-01T10:00:00"), "app.yaml:4:9, team-a/2026-01-01T10:00:00: the name must be `stream:tag`, with exactly one colon"),
    one("a namespace that climbs", spaced("../../x"), "app.yaml:5:14: a namespace must be an RFC 1123 label"),
    one("a namespace with a query", spaced("x?dryRun=All#"), "app.yaml:5:14: a namespace must be an RFC 1123 label"),
    one("a namespace of two", spaced("team-a/imagestreams"), "app.yaml:5:14: a namespace must be an RFC 1123 label"),
    one("a namespace with a space", spaced("team a"), "app.yaml:5:14: a namespace must be an RFC 1123 label"),
    one("a namespace that is everything", spaced("*"), "app.yaml:5:14: a namespace must be an RFC 1123 label"),
    one("a namespace that is a mapping", with_("team-a", "{a: b}"), "app.yaml:5:14: metadata.namespace must be a string, not a mapping"),
    one("a namespace of the cluster", spaced("openshift"), "namespace openshift is not in scope", 0),
    one("metadata that is a list", with_("metadata:\n" + NAME + SPACE, "metadata: []\n"), "app.yaml:3:11: metadata must be a mapping, not a list"),
    one("no metadata", with_("metadata:\n" + NAME + SPACE, ""), "metadata is missing"),
    one("a name that the server should make up", with_("name: app:v1", "generateName: app"), "app.yaml:4:3, team-a: metadata has no field 'generateName'"),
    one("a stanza that is a number", TAG.partition("tag:")[0] + "tag: 7\n", "app.yaml:6:6, team-a/app:v1: tag must be a mapping"),
    one("no stanza", TAG.partition("tag:")[0], "`tag` is missing"),
    one("a spec", TAG + "spec: {}\n", "app.yaml:10:1, team-a/app:v1: there is no field 'spec'"),
    one("an owner reference", with_(SPACE, f"{SPACE}  ownerReferences: [{{kind: Node, name: x}}]\n"), "app.yaml:6:3, team-a/app:v1: ownerReferences are not applied", 0, FINE),
    one("a finalizer", with_(SPACE, f"{SPACE}  finalizers: [x]\n"), "app.yaml:6:3, team-a/app:v1: finalizers are not applied", 0, FINE),
    one("a field that nobody knows", with_("tag:\n", "tag:\n  exec: sh\n"), "app.yaml:7:3, team-a/app:v1: tag has no field 'exec'"),
    one("a field of Python", with_("tag:\n", "tag:\n  __class__: x\n"), "app.yaml:7:3, team-a/app:v1: tag has no field '__class__'"),
    one("`from` that is a text", with_("\n    kind: DockerImage\n" + FROM, " evil\n"), "app.yaml:7:9, team-a/app:v1: tag.from must be a mapping"),
    one("`from` of a kind that is none", with_("DockerImage", "Secret"), "app.yaml:8:11, team-a/app:v1: tag.from.kind must be DockerImage"),
    one("`from` without a name", with_(FROM, ""), "team-a/app:v1: tag.from.name is missing"),
    one("an image with credentials", pointing("https://ann:s3cret@registry.example.com/x"), "app.yaml:9:11, team-a/app:v1: "),
    one("an image with a user", pointing("ann:s3cret@registry.example.com/x"), "app.yaml:9:11, team-a/app:v1: "),
    one("an image that climbs", pointing("registry.example.com/../../x"), OF),
    one("an image that is a file", pointing("file:///etc/passwd"), OF),
    one("an image with a space", pointing("registry.example.com/a b"), OF),
    one("an image of two lines", pointing(r"registry.example.com/a\nb"), OF),
    one("an image that is a command", pointing("$(touch ran)"), OF),
    one("an image that is an option", pointing("--config=/etc/passwd"), OF),
    one("an image with a port that is none", pointing("registry.example.com:99999/a"), "", 0, FINE),
    one("an image with a digest that is none", pointing("registry.example.com/a@sha256:beef"), OF),
    one("an image of 10,000 characters", pointing("a/" * 5000 + "a"), OF),
    one("a flag that is a text", with_("tag:\n", 'tag:\n  reference: "yes"\n'), "tag.reference must be true or false, not a string"),
    one("a policy that is none", with_("tag:\n", "tag:\n  referencePolicy: {type: Evil}\n"), "tag.referencePolicy.type must be Source or Local"),
    one("an annotation whose key is none", noted('"a b"'), "app.yaml:7:5, team-a/app:v1"),
    one("an annotation whose key climbs", noted('"../x/y"'), "app.yaml:7:5, team-a/app:v1"),
    one("an annotation that is a number", noted("a", "7"), "app.yaml:7:8, team-a/app:v1"),
    one("an annotation of 300 KB", noted("a", f'"{"x" * 300_000}"'), "app.yaml:6:3, team-a/app:v1: 300,001 bytes of annotations; Kubernetes takes 262,144"),
    one("an owner mark that was forged", noted("syncer.dev/owner", '"others team-a/app:v1"'), "", 0, FINE),
    one("a record that was forged", noted("syncer.dev/last-applied", '"{}"'), "", 0, FINE),
    one("another version of the API", with_("image.openshift.io/v1", "image.openshift.io/v2"), "app.yaml:1:13: the apiVersion of an ImageStreamTag is image.openshift.io/v1, not 'image.openshift.io/v2'"),
    one("no version of the API", with_("apiVersion: image.openshift.io/v1\n", ""), "apiVersion is missing"),
    one("a kind that is misspelt", with_("kind: ImageStreamTag", "kind: ImageStreamTags"), "app.yaml:2:7: image.openshift.io has no kind 'ImageStreamTags'"),
    one("a kind that is a list", with_("kind: ImageStreamTag", "kind: [ImageStreamTag]"), "app.yaml:2:7: kind is missing"),
    one("one tag twice in a file", f"{TAG}---\n{TAG}", "app.yaml:14:9, team-a/app:v1: team-a/app:v1 is described twice; first at app.yaml:1"),
    Case("one tag twice in two files", {"a.yaml": TAG, "b/b.yaml": TAG}, "b/b.yaml:4:9, team-a/app:v1: team-a/app:v1 is described twice; first at a.yaml:1"),
    one("a list in a list in a list", "{apiVersion: v1, kind: List, items: [" * 30 + "7" + "]}" * 30, "the source holds no ImageStreamTag", 3),
    one("a list that is none", "apiVersion: v1\nkind: List\nitems: {a: b}\n", "app.yaml:3:8: items must be a list, not a mapping"),
    one("a list of nothing", "apiVersion: v1\nkind: List\nitems: [null, 7, [], {}]\n", "the source holds no ImageStreamTag", 3),
    one("tags of a stream that are none", "apiVersion: image.openshift.io/v1\nkind: ImageStream\nmetadata: {name: app, namespace: team-a}\nspec: {tags: [7, null]}\n", "app.yaml:4:15, team-a/app: spec.tags[0] must be a mapping, not the number 7"),
    one("a follower of itself", with_("kind: DockerImage\n    name: registry.example.com/team/app:v1", "kind: ImageStreamTag\n    name: app:v1"), "which follows it in a circle", 0, FINE),
    one("labels", with_(SPACE, f"{SPACE}  labels: {{a: b}}\n"), "labels are not applied", 0, FINE),
]


FILES = [
    Case("a link to a file of the system", {"app.yaml": Link("/etc/passwd")}, "app.yaml:1:1: it is a symbolic link to /etc/passwd, which is not in SOURCE", ref=True),
    Case("a link that climbs", {"a/app.yaml": Link("../../outside.yaml")}, "a/app.yaml:1:1: it is a symbolic link to ../../outside.yaml", ref=True),
    Case("a link that climbs further than there is", {"app.yaml": Link("../" * 50 + "etc/passwd")}, "app.yaml:1:1: it is a symbolic link to ../../", ref=True),
    Case("a link to a folder outside", {"folder": Link("/etc")}, "folder:1:1: it is a symbolic link to /etc, which is not in SOURCE"),
    Case("a link to a manifest by another name", {"notes": Link("/outside/app.yaml")}, "notes:1:1: it is a symbolic link to /outside/app.yaml", ref=True),
    Case("a link to a secret of this process", {"app.yaml": Link("/proc/self/environ")}, "app.yaml:1:1: it is a symbolic link to /proc/self/environ", ref=True),
    Case("a link to what never ends", {"app.yaml": Link("/dev/zero")}, "app.yaml:1:1: it is a symbolic link to /dev/zero", ref=True),
    Case("a link to a link that climbs", {"app.yaml": Link("b"), "b": Link("/etc/passwd")}, "app.yaml:1:1: it is a symbolic link to b, which is not in SOURCE"),
    Case("a link with an escape sequence", {"app.yaml": Link(f"/{ESC}[2J")}, r"app.yaml:1:1: it is a symbolic link to /\x1b[2J", ref=True),
    Case("a link within SOURCE", {"app.yaml": TAG, "b.yaml": Link("app.yaml")}, "", 0, FINE, ref=True),
    Case("a link to itself", {"a.yaml": Link("a.yaml"), "app.yaml": TAG}, "", 0, FINE, ref=True),
    Case("a link to nothing", {"a.yaml": Link("gone.yaml"), "app.yaml": TAG}, "", 0, FINE, ref=True),
    Case("a folder that holds itself", {"a/b": Link("../a"), "a/app.yaml": TAG}, "", 0, FINE, ref=True),
    Case("a pipe", {"pipe.yaml": os.mkfifo, "app.yaml": TAG}, "", 0, FINE),
    Case("a socket", {"socket.yaml": unix_socket, "app.yaml": TAG}, "", 0, FINE),
    Case("a folder that is called like a manifest", {"folder.yaml/app.yaml": TAG}, "", 0, FINE, ref=True),
    Case("a name that is an option", {"--output=ran.yaml": "a: ["}, "--output=ran.yaml:1:5: ", ref=True),
    Case("a name that is another option", {"-rf/-n.yaml": "a: ["}, "-rf/-n.yaml:1:5: ", ref=True),
    Case("a name that is a command", {"$(touch ran);`touch ran`.yaml": "a: ["}, "$(touch ran);`touch ran`.yaml:1:5: ", ref=True),
    Case("a name of two lines", {"a\nb.yaml": "a: ["}, r"a\nb.yaml:1:5: ", ref=True),
    Case("a name with an escape sequence", {f"{ESC}[2J.yaml": "a: ["}, r"\x1b[2J.yaml:1:5: ", ref=True),
    Case("a name that runs from right to left", {"\u202elmay.yaml": "a: ["}, r"\u202elmay.yaml:1:5: ", ref=True),
    Case("a name that is a command of GitHub", {"::error::x.yaml": "a: ["}, "::error::x.yaml:1:5: ", ref=True),
    Case("a name that is markup", {"<b>[x](y).yaml": "a: ["}, "<b>[x](y).yaml:1:5: ", ref=True),
    Case("a name that is a pathspec", {":(top)x.yaml": "a: ["}, ":(top)x.yaml:1:5: ", ref=True),
    Case("a name that is a pattern", {"*.yaml": "a: [", "**/[a-z]?.yaml": "b: ["}, "*.yaml:1:5: ", ref=True),
    Case("a name that is not UTF-8", {os.fsdecode(b"caf\xe9.yaml"): TAG}, r"caf\xe9.yaml:1:1: the name of the file is not UTF-8", ref=True),
    Case("a folder whose name is not UTF-8", {os.fsdecode(b"\xff/app.yaml"): TAG}, r"\xff/app.yaml:1:1: the name of the file is not UTF-8", ref=True),
    Case("a name of 255 bytes", {"a" * 250 + ".yaml": "a: ["}, "aaaa.yaml:1:5: ", ref=True),
    Case("names that differ in case", {"app.yaml": TAG, "APP.yaml": TAG, "App.YAML": TAG}, "is described twice; first at", ref=True),
    Case("names that differ in composition", {"\u00e4.yaml": TAG, "a\u0308.yaml": TAG}, "is described twice; first at", ref=True),
    Case("names that only look the same", {"app.yaml": TAG, "\u0430pp.yaml": TAG}, "is described twice; first at app.yaml:1", ref=True),
    Case("a hidden file", {".hidden.yaml": "a: ["}, ".hidden.yaml:1:5: ", ref=True),
    Case("folders, 900 deep", {"a/" * 900 + "app.yaml": "a: ["}, "a/a/app.yaml:1:5: "),
    Case("folders, 1,500 deep", {"a/" * 1500 + "app.yaml": "a: ["}, "a/a/app.yaml:1:5: "),
    Case("a file of 32 MB and one byte", {"app.yaml": big(33_554_433)}, "app.yaml:1:1: the file has 33,554,433 bytes; a manifest has at most 33,554,432"),
    Case("a file of a terabyte", {"app.yaml": big(2**40)}, "app.yaml:1:1: the file has 1,099,511,627,776 bytes"),
    Case("many large files", {f"{n}.yaml": big(33_554_432) for n in range(33)}, "the manifests of SOURCE have more than 1,073,741,824 bytes together"),
    Case("a pointer of Git LFS", {"app.yaml": "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n"}, "app.yaml:1:1: a Git LFS pointer stands where the manifest should be", ref=True),
    Case("an empty file", {"app.yaml": ""}, "the source holds no ImageStreamTag", 3, ref=True),
    Case("nothing but white space", {"app.yaml": " \n \n"}, "the source holds no ImageStreamTag", 3, ref=True),
    Case("nothing at all", {}, "the source holds no ImageStreamTag", 3),
    Case("a manifest in .git", {".git/app.yaml": "a: [", "app.yaml": TAG}, "", 0, FINE),
    Case("a .git that leads nowhere", {".git": "gitdir: /nowhere/.git\n", "app.yaml": TAG}, "Error: SOURCE . cannot be read: not a git repository"),
    Case("a .git that is a link", {".git": Link("/nowhere"), "app.yaml": TAG}, "", 0, FINE),
    Case("settings of another one's", {"syncer.yaml": "owner: evil\nserver: https://evil.example.com\nno-prune: true\n", "app.yaml": TAG}, "", 0, FINE, ref=True),
    Case("settings that run something", {".syncer.yaml": "!!python/object/apply:os.system ['touch ran']\n", "app.yaml": TAG}, "", 0, FINE, ref=True),
]


# fmt: on


# ------------------------------------------------------------------------------------------------------ repositories

OUTSIDE = "outside.yaml"
"""A manifest that lies beside SOURCE, and must not be read."""


def git(root: Path, *arguments: str, stdin: bytes = b"") -> str:
    """Run git as whoever made the repository."""
    who = {f"GIT_{role}_{what}": "eve@example.com" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    alone = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, **who}
    command = ["git", "-c", "protocol.file.allow=always", "-c", "core.precomposeUnicode=false", *arguments]
    return os.fsdecode(
        subprocess.run(command, cwd=root, env=alone, input=stdin, check=True, capture_output=True).stdout
    ).strip()


def commit(root: Path) -> None:
    """Make a folder a repository, or add to it, with all that lies there in one commit."""
    if not (root / ".git").exists():
        git(root, "init", "--quiet", "-b", "main")
    git(root, "add", "--all", "--force")
    git(root, "commit", "--quiet", "--allow-empty", "--no-verify", "-m", "change")


def blob(root: Path, data: bytes = TAG.encode()) -> str:
    """Write a blob; gives its id."""
    return git(root, "hash-object", "-w", "--stdin", stdin=data)


def forged(*entries: tuple[str, bytes, str]) -> Callable[[Path], None]:
    """Put a tree on `main` that git itself would not make: of (mode, name, id or `blob`)."""

    def make(root: Path) -> None:
        tree = b"".join(
            mode.encode() + b" " + name + b"\0" + bytes.fromhex(blob(root) if what == "blob" else what)
            for mode, name, what in entries
        )
        put_tree(root, git(root, "hash-object", "-w", "-t", "tree", "--literally", "--stdin", stdin=tree))

    return make


def put_tree(root: Path, tree: str) -> None:
    """Have `main` be a commit of a tree."""
    git(root, "update-ref", "refs/heads/main", git(root, "commit-tree", "-m", "forged", tree))


def tree_bomb(root: Path) -> None:
    """Make a tree of ten times one tree, ten levels deep: ten billion files of eleven objects."""
    mode, what, name = "100644 blob", blob(root), "{}.yaml"
    for _ in range(10):
        lines = "".join(f"{mode} {what}\t{name.format(number)}\n" for number in range(10))
        mode, what, name = "040000 tree", git(root, "mktree", stdin=lines.encode()), "{}"
    put_tree(root, what)


def index_of(*names: str) -> Callable[[Path], None]:
    """Write an index that lists these names (gitformat-index(5)), as git itself would not."""

    def make(root: Path) -> None:
        data = b"DIRC" + struct.pack(">II", 2, len(names))
        for name in sorted(names):
            head = struct.pack(">10I", *[0] * 6, 0o100644, 0, 0, 0) + bytes.fromhex(blob(root))
            entry = head + struct.pack(">H", len(name)) + name.encode()
            data += entry + b"\0" * (8 - len(entry) % 8)
        (root / ".git/index").write_bytes(data + hashlib.sha1(data, usedforsecurity=False).digest())

    return make


def without(path: str) -> Callable[[Path], None]:
    """Remove the object of a file."""

    def make(root: Path) -> None:
        name = git(root, "rev-parse", f"HEAD:{path}")
        (root / ".git/objects" / name[:2] / name[2:]).unlink()

    return make


def holding(path: str, text: str | bytes) -> Callable[[Path], None]:
    """Write a file below SOURCE, in `.git` say, after all was committed."""

    def make(root: Path) -> None:
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())

    return make


def configured(*settings: str) -> Callable[[Path], None]:
    """Add `key=value` to the repository's configuration."""

    def make(root: Path) -> None:
        for setting in settings:
            git(root, "config", "--add", *setting.split("=", 1))

    return make


def replaced_folder(root: Path) -> None:
    """Put a link in place of a folder whose files are tracked."""
    shutil.rmtree(root / "a")
    (root / "a").symlink_to("..")


def replaced_commit(root: Path) -> None:
    """Have git show another commit in place of the one at the tip."""
    tip = git(root, "rev-parse", "HEAD")
    (root / "app.yaml").write_text("a: [")
    git(root, "commit", "--quiet", "-am", "evil")
    git(root, "replace", tip, "HEAD")
    git(root, "reset", "--quiet", "--hard", tip)


def overlooked(root: Path) -> None:
    """Change a file, and tell git to overlook that."""
    git(root, "update-index", "--assume-unchanged", "app.yaml")
    (root / "app.yaml").write_text("a: [")


MAIN = ("--ref", "main")
APP = {"app.yaml": TAG}
# fmt: off
REPOSITORIES = [
    Case("a tree that climbs", APP, "../app.yaml:1:1: the name of the file leads out of SOURCE", make=forged(("100644", b"../app.yaml", "blob")), options=MAIN),
    Case("a tree whose folder climbs", APP, "a/../../x.yaml:1:1: the name of the file leads out of SOURCE", make=forged(("100644", b"..", "blob"), ("100644", b"a/../../x.yaml", "blob")), options=MAIN),
    Case("a tree with an absolute name", APP, "/etc/app.yaml:1:1: the name of the file leads out of SOURCE", make=forged(("100644", b"/etc/app.yaml", "blob")), options=MAIN),
    Case("a tree with one name twice", APP, "is described twice; first at x.yaml:1", make=forged(("100644", b"x.yaml", "blob"), ("100644", b"x.yaml", "blob")), options=MAIN),
    Case("a tree with a mode that is none", APP, "", 0, FINE, make=forged(("100777", b"x.yaml", "blob")), options=MAIN),
    Case("a tree with an empty name", APP, "empty filename in tree entry", make=forged(("100644", b"", "blob")), options=MAIN),
    Case("a tree of ten billion files", APP, "git lists more files than anybody has", make=tree_bomb, options=MAIN),
    Case("a tree whose file is a tree", APP, "the repository holds something else than a file as x.yaml", make=forged(("100644", b"x.yaml", "4b825dc642cb6eb9a060e54bf8d69288fbee4904")), options=MAIN),
    Case("a tree whose file is nowhere", APP, "the repository lacks an object: x.yaml", make=forged(("100644", b"x.yaml", "1" * 40)), options=MAIN),
    Case("a tree that is cut off", APP, "too-short tree object", make=lambda root: put_tree(root, git(root, "hash-object", "-w", "-t", "tree", "--literally", "--stdin", stdin=b"100644 x.yaml\0abc")), options=MAIN),
    Case("a link with a target of 5,000 bytes", APP, "x.yaml:1:1: it is a symbolic link with a target of 5,000 bytes", make=lambda root: forged(("120000", b"x.yaml", blob(root, b"x" * 5000)))(root), options=MAIN),
    Case("a link with a NUL", APP, r"x.yaml:1:1: it is a symbolic link to /etc/\x00", make=lambda root: forged(("120000", b"x.yaml", blob(root, b"/etc/\0")))(root), options=MAIN),
    Case("a submodule of nothing", APP, "", 0, FINE, make=lambda root: git(root, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},module") and None, options=MAIN),
    Case("a submodule that is an option", {**APP, ".gitmodules": '[submodule "x"]\n path = x\n url = --upload-pack=touch ran\n update = !touch ran\n'}, "", 0, FINE, ref=True),
    Case("a file that is gone from the objects", APP, "the repository lacks an object: app.yaml", make=without("app.yaml"), options=MAIN),
    Case("an index that climbs", APP, "../outside.yaml:1:1: the name of the file leads out of SOURCE", make=index_of("../outside.yaml", "app.yaml")),
    Case("an index that climbs from a folder", {"a/app.yaml": TAG}, "a/../../outside.yaml:1:1: the name of the file leads out of SOURCE", make=index_of("a/../../outside.yaml", "a/app.yaml")),
    Case("an index that is none", APP, "Error: the files of the repository cannot be listed: .git/index: index file smaller than expected", make=holding(".git/index", "x")),
    Case("a folder that became a link", {"a/outside.yaml": TAG}, "a:1:1: it is a symbolic link to .., which is not in SOURCE", make=replaced_folder),
    Case("a work tree elsewhere", APP, "", 0, FINE, make=configured("core.worktree=/")),
    Case("a repository that says it is bare", APP, "", 0, FINE, make=configured("core.bare=true")),
    Case("a repository of another time", APP, "Error: SOURCE . cannot be read: Expected git repo version <= 1, found 99", make=configured("core.repositoryFormatVersion=99")),
    Case("an extension that nobody knows", APP, "Error: SOURCE . cannot be read: unknown repository extension", make=configured("core.repositoryFormatVersion=1", "extensions.evil=true")),
    Case("a configuration that is none", APP, "Error: SOURCE . cannot be read: bad config line 1 in file", make=holding(".git/config", f"{ESC}[2J")),
    Case("a configuration that includes itself", APP, "Error: SOURCE . cannot be read: exceeded maximum include depth", make=configured("include.path=config")),
    Case("a configuration that includes a secret", APP, "Error: SOURCE . cannot be read: bad config line 1 in file /etc/passwd", 1, make=configured("include.path=/etc/passwd")),
    Case("a HEAD that is none", APP, "", 0, FINE, make=holding(".git/HEAD", "evil")),
    Case("a HEAD in a circle", APP, "", 0, FINE, make=holding(".git/HEAD", "ref: HEAD\n")),
    Case("a HEAD that is an option", APP, "", 0, FINE, make=holding(".git/HEAD", "ref: refs/heads/--upload-pack=x\n")),
    Case("a HEAD that climbs", APP, "", 0, FINE, make=holding(".git/HEAD", "ref: ../../../etc/passwd\n")),
    Case("refs that are none", APP, "Error: there is no branch, tag or commit 'main'", make=holding(".git/packed-refs", "evil\n"), options=MAIN),
    Case("objects from elsewhere", APP, "", 0, FINE, make=holding(".git/objects/info/alternates", "/nowhere\n../../..\n"), options=MAIN),
    Case("another commit in place of this one", APP, "", 0, FINE, make=replaced_commit, options=MAIN),
    Case("a lock on the index", APP, "", 0, FINE, make=holding(".git/index.lock", "")),
    Case("everything is ignored", {**APP, ".gitignore": "*\n"}, "the source holds no ImageStreamTag", 3, make=lambda root: git(root, "rm", "--quiet", "--cached", "app.yaml") and None),
    Case("a change that git is told to overlook", APP, "app.yaml:1:5: ", make=overlooked),
    Case("attributes that change what is read", APP, "", 0, FINE, make=holding(".gitattributes", "*.yaml text eol=crlf working-tree-encoding=UTF-16 ident export-subst filter=lfs -diff\n")),
    Case("attributes of 10 MB", APP, "", 0, FINE, make=holding(".gitattributes", "*" * 10_000_000 + " text\n")),
    Case("a message that steers a terminal", APP, "", 0, FINE, make=lambda root: git(root, "commit", "--quiet", "--allow-empty", "-m", f"{ESC}[2J\u202e<script>") and None),
    Case("an author that steers a terminal", {**APP, ".mailmap": f"{ESC}[31mRoot <root@x> <eve@example.com>\n"}, "", 0, FINE, ref=True),
    Case("an origin with credentials", APP, "Source https://git.example.com/tags", 0, FINE, make=configured("remote.origin.url=https://ann:s3cret@git.example.com/tags")),
    Case("an origin that runs something", APP, "", 0, FINE, make=configured("remote.origin.url=ext::touch ran")),
]

# fmt: on


# ------------------------------------------------------------------------------------------------------------ SOURCE


def where(name: str, source: str, says: str, code: int = 64, **more: object) -> Case:
    """Make a case of a SOURCE that is none."""
    return Case(name, {}, says, code, source=source, **more)  # type: ignore[arg-type]


HELPER, BEGINS = "SOURCE asks git to run a helper", "SOURCE is a URL that begins with"
# fmt: off
SOURCES = [
    where("a helper that runs a command", "ext::sh -c touch% ran", f"{HELPER} (ext::)"),
    where("a helper of file descriptors", "fd::17", f"{HELPER} (fd::)"),
    where("a helper that nobody knows", "evil::x", f"{HELPER} (evil::)"),
    where("a helper around a URL", "ext::https://example.com", f"{HELPER} (ext::)"),
    where("an option of git", "--upload-pack=touch ran", "No such option"),
    where("a short option of git", "-u", "No such option"),
    where("an option behind the end of options", "--upload-pack=touch ran", "SOURCE looks like an option", options=("--",)),
    where("no encryption", "http://git.example.com/tags", f"{BEGINS} http://"),
    where("git's own protocol", "git://git.example.com/tags", f"{BEGINS} git://"),
    where("ftp", "ftp://git.example.com/tags", f"{BEGINS} ftp://"),
    where("a script", "javascript://alert(1)", f"{BEGINS} javascript://"),
    where("a scheme in upper case", "EXT://x", f"{BEGINS} ext://"),
    where("ssh with an option for a host", "ssh://-oProxyCommand=touch%20ran/x", "that ssh would take for an option"),
    where("ssh with an option for a user", "ssh://-oProxyCommand=x@git.example.com/x", "that ssh would take for an option"),
    where("ssh with an option for a path", "-oProxyCommand=touch ran:x", "SOURCE looks like an option", options=("--",)),
    where("scp with an option for a host", "ann@-oProxyCommand=x:y", "a host that ssh would take for an option"),
    where("a query with a token", "https://git.example.com/tags?token=s3cret", "SOURCE is a URL with a query or fragment: https://git.example.com/tags"),
    where("a fragment", "https://git.example.com/tags#s3cret", "SOURCE is a URL with a query or fragment: https://git.example.com/tags"),
    where("no host", "https:///tags", "SOURCE is a URL without a host"),
    where("a port that is none", "https://git.example.com:99999/tags", "SOURCE is no valid URL"),
    where("an address that is none", "https://[::1/tags", "SOURCE is no valid URL"),
    where("credentials", "https://ann:s3cret@127.0.0.1:1/tags.git", "https://127.0.0.1:1/tags.git cannot be cloned", 1),
    where("a token", "https://s3cret@127.0.0.1:1/tags.git", "https://127.0.0.1:1/tags.git cannot be cloned", 1),
    where("credentials that hold an @", "https://ann:s3cret@s3cret@127.0.0.1:1/x", "https://127.0.0.1:1/x cannot be cloned", 1),
    where("credentials that end a header", "https://ann:s3cret%0d%0aX-Evil:1@127.0.0.1:1/x", "https://127.0.0.1:1/x cannot be cloned", 1),
    where("nothing", "", "SOURCE is empty"),
    where("a file of the system", "/etc/passwd", "SOURCE /etc/passwd is a file", 1),
    where("a device", "/dev/zero", "SOURCE /dev/zero is a file", 1),
    where("a folder that is not there", "../nowhere", "SOURCE ../nowhere does not exist", 1),
    where("a repository that is not there", "file:///nowhere/x.git", "file:///nowhere/x.git cannot be cloned", 1),
    where("a repository of another computer", "file://example.com/x.git", "file://example.com/x.git cannot be cloned", 1),
    where("a name with a NUL", "a\0b", r"SOURCE a\x00b does not exist", 1),
    where("a name with an escape sequence", f"a{ESC}[2J", r"SOURCE a\x1b[2J does not exist", 1),
    where("a URL with an escape sequence", f"https://127.0.0.1:1/{ESC}[2J", r"https://127.0.0.1:1/\x1b[2J cannot be cloned", 1),
    where("a name of 100,000 characters", "a" * 100_000, "Error: SOURCE aaaaaa", 1),
    where("a ref that is an option", ".", "--ref cannot be '--upload-pack=x'", options=("--ref=--upload-pack=x",)),
    where("a ref that is a refspec", ".", "--ref cannot be 'a:b'", options=("--ref", "a:b")),
    where("a ref that is a pattern", ".", "--ref cannot be 'refs/heads/*'", options=("--ref", "refs/heads/*")),
    where("a ref that looks for a message", ".", "--ref cannot be ':/x'", options=("--ref", ":/x")),
    where("a ref of two lines", ".", r"--ref cannot be 'a\nb'", options=("--ref", "a\nb")),
    where("a commit to compare with that is an option", ".", "--since cannot be '--output=ran'", options=("--since=--output=ran",)),
    where("a path that climbs", ".", "--path '../x' is not within SOURCE", options=("--path", "../x")),
    where("a path from the root", ".", "--path '/etc' is not within SOURCE", options=("--path", "/etc")),
    where("a path that climbs in the middle", ".", "--path 'a/../../b' is not within SOURCE", options=("--path", "a/../../b")),
    where("a pattern of nothing", ".", "--exclude has an empty pattern", options=("--exclude", "/")),
]

# fmt: on


# -------------------------------------------------------------------------------------------------- settings and stdin


def setting(name: str, text: str | bytes | Link, says: str, code: int = 64, **more: object) -> Case:
    """Make a case of a `syncer.yaml`, beside a source in which nothing is wrong."""
    return Case(name, APP, says, code, settings=text, **more)  # type: ignore[arg-type]


# fmt: off
SETTINGS = [
    setting("a key that nobody knows", "exec: touch ran\n", "syncer.yaml:1:1: unknown key 'exec'"),
    setting("a tag that calls Python", "owner: !!python/object/apply:os.system ['touch ran']\n", "syncer.yaml:1:8: owner takes one value"),
    setting("aliases that grow", "owner: x\n" + laughs(10, 9), "syncer.yaml:2:1: unknown key 'a0'"),
    setting("a key twice", "page-size: 1\npage-size: 2\n", "syncer.yaml:2:1: page-size is here twice; first in line 1"),
    setting("a list", "- a\n", "syncer.yaml:1:1: syncer.yaml must be a mapping"),
    setting("a mapping for a text", "owner: {a: b}\n", "syncer.yaml:1:8: owner takes one value"),
    setting("1,000 deep", "sets: " + "[" * 1000, "syncer.yaml is no YAML: too deep"),
    setting("no UTF-8", b"owner: \xff\n", "syncer.yaml:1:1: not UTF-8: the byte 0xFF"),
    setting("a NUL", "page-size: 1\0\n", "syncer.yaml:1:1: the character U+0000 may not stand in YAML"),
    setting("UTF-16", "page-size: 1\n".encode("utf-16"), "syncer.yaml:1:1: not UTF-8: the byte 0xFF"),
    setting("an escape sequence", f"{ESC}[2J: 1\n", "syncer.yaml:1:1: the character U+001B may not stand in YAML"),
    setting("an escaped escape sequence", r'"\e[2J": 1', r"syncer.yaml:1:1: unknown key '\x1b[2J'"),
    setting("a quote that never ends", 'owner: "x\n', "syncer.yaml:2:1: while scanning a quoted scalar found unexpected end of stream"),
    setting("a link to a file of the system", Link("/etc/passwd"), "syncer.yaml:1:1: syncer.yaml must be a mapping"),
    setting("a link to itself", Link("syncer.yaml"), "", 0, finds=FINE),
    setting("10 MB", "# " + "x" * 10_000_000 + "\n", "syncer.yaml is larger than 1 MiB"),
    setting("a number that is none", "page-size: many\n", "syncer.yaml:1:12: page-size: 'many' is not a valid integer"),
    setting("a number beyond all bounds", f"page-size: {'9' * 5000}\n", "syncer.yaml:1:12: page-size: '999"),
    setting("an owner that forges a mark", "sync: {take-from: 'others team-a/x:v1'}\n", "syncer.yaml:1:19: take-from: 'others team-a/x:v1': an owner holds no space"),
    setting("an undo file over a file of the system", "", "Error: the undo file /etc/passwd cannot be written (File exists); nothing was written to the cluster", 1, options=("--undo-file", "/etc/passwd")),
    setting("an undo file over a device", "", "Error: the undo file /dev/null cannot be written (File exists); nothing was written", 1, options=("--undo-file", "/dev/null")),
    setting("an undo file over a folder", "", "Error: the undo file / cannot be written (File exists); nothing was written", 1, options=("--undo-file", "/")),
    setting("a report into a folder that may not be written", "output: [json=/proc/x/report.json]\n", "Error: /proc/x/report.json cannot be written: No such file or directory", 1),
    setting("a kubeconfig that is none", "kubeconfig: /etc/passwd\nserver: ''\n", "Error: /etc/passwd: not a kubeconfig that can be used", 1),
    setting("signers that are none", "verify-commit: /etc/passwd\n", "--verify-commit: /etc/passwd holds neither allowed signers nor OpenPGP public keys"),
]
# fmt: on


def piped(name: str, text: str | bytes, says: str, code: int = 1, finds: tuple[str, ...] = ()) -> Case:
    """Make a case of what comes on stdin."""
    return Case(name, {}, says, code, finds, source="-", stdin=text)


# fmt: off
STDIN = [
    piped("nothing on stdin", "", "the source holds no ImageStreamTag", 3),
    piped("no UTF-8 on stdin", b"\xff", "<stdin>:1:1: not UTF-8: the byte 0xFF fits nowhere"),
    piped("a NUL on stdin", b"a: \0", "<stdin>:1:4: a NUL character stands in the text"),
    piped("nesting on stdin", "[" * DEEP, "<stdin>:1:101: nested deeper than 100 levels"),
    piped("aliases that grow on stdin", laughs(10, 9), "<stdin>:6:40: aliases repeat more than 100,000 values"),
    piped("more than 32 MB on stdin", b"#" * 33_554_433, "Error: stdin has more than the 33,554,432 bytes that a manifest has at most"),
    piped("one tag twice on stdin", f"{TAG}---\n{TAG}", "<stdin>:14:9, team-a/app:v1: team-a/app:v1 is described twice; first at <stdin>:1"),
    piped("a manifest on stdin", TAG, "", 0, FINE),
]
# fmt: on

THEMES = {
    "encodings": ENCODINGS,
    "YAML and JSON": YAML,
    "fields": FIELDS,
    "files": FILES,
    "repositories": REPOSITORIES,
    "SOURCE": SOURCES,
    "settings": SETTINGS,
    "stdin": STDIN,
}


def lay(case: Case, root: Path) -> None:
    """Put the files of a case below a folder."""
    for name, content in case.files.items():
        path = str(root)
        for part in name.split("/")[:-1]:  # os.makedirs calls itself for each level
            path = f"{path}/{part}"
            with suppress(FileExistsError):
                Path(path).mkdir()
        file = root / name
        if isinstance(content, Link):
            file.symlink_to(content.target)
        elif callable(content):
            content(file)
        else:
            file.write_bytes(content if isinstance(content, bytes) else content.encode())
