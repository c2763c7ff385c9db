"""What others do to tags while a run goes on: people, the import controller, another sync set."""

from world import MERGE_PATCH, split, stdin, tag

from syncer import sync
from syncer.source import SourceSpec

KINDS = ("point", "annotate", "protect", "unmark", "delete", "delete_stream", "create", "push", "import", "rival")
"""`import` asks for an image again, as a scheduled import does; `rival` is a run of another sync set."""


class Others:
    """Carries out edits (kind, tag, image) past any proxy; what is not there is refused, or passed over."""

    def __init__(self, world):
        self._world = world

    def do(self, edit):
        """Carry out an edit, and give the tags that it may have touched."""
        kind, text, image = edit
        namespace, stream, name = split(text)
        if kind in ("point", "annotate", "protect", "unmark", "import"):
            self._patch(kind, text, image)
        elif kind == "delete":
            self._world("DELETE", f"{namespace}/imagestreamtags/{stream}:{name}")
        elif kind == "delete_stream":
            whole = self._world.stream(text) or {}
            self._world("DELETE", f"{namespace}/imagestreams/{stream}")
            return {text, *(f"{namespace}/{stream}:{each['name']}" for each in whole.get("spec", {}).get("tags") or ())}
        elif kind == "push":
            self._world.api.push(namespace, stream, name)
        elif kind == "create":
            self._world("POST", f"{namespace}/imagestreamtags", tag(text, image))
        else:
            options = sync.Options(SourceSpec("-"), owner="rival", prune=False, wait=0, concurrency=1)
            sync.sync(options, self._world.client, stdin([tag(text, image)]))
        return {text}

    def _patch(self, kind, text, image):
        body = {
            "point": {"tag": {"from": {"namespace": None, **image}}},
            "import": {"tag": {"generation": 0}},
            "annotate": {"metadata": {"annotations": {"note": "by hand"}}},
            "protect": {"metadata": {"annotations": {"syncer.dev/prune": "disabled"}}},
            "unmark": {"metadata": {"annotations": {"syncer.dev/owner": None}}},
        }[kind]
        namespace, stream, name = split(text)
        if self._world.spec(text):  # a PATCH is an upsert
            self._world("PATCH", f"{namespace}/imagestreamtags/{stream}:{name}", body, MERGE_PATCH)
