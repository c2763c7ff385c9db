"""Answers requests for ImageStreamImages: an image that a tag of a stream has, or has had."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncer.localapi import statuses
from syncer.localapi.images import shown_image
from syncer.localapi.requests import Answer, Ask, ObjectAnswer, call_of
from syncer.localapi.streams import ordered_meta
from syncer.localapi.tagevents import NoSuchImage, find_image
from syncer.localapi.values import IMAGE_API, timestamp

if TYPE_CHECKING:
    from syncer.localapi.images import Images
    from syncer.localapi.imagestreams import ImageStreams


class ImageApi:
    """The one verb of ImageStreamImages."""

    def __init__(self, streams: ImageStreams, images: Images) -> None:
        self._streams = streams
        self._images = images

    def get(self, ask: Ask, namespace: str, name: str) -> Answer:
        """Read the image that `STREAM@DIGEST` names."""
        stream_name, _, wanted = name.partition("@")
        if not stream_name or not wanted or "@" in wanted:
            raise statuses.bad_request("ImageStreamImages must be retrieved with <name>@<id>")
        stream = self._streams.get(namespace, stream_name, call_of(ask, "imagestreams"))
        try:
            digest = find_image(stream.history, wanted, timestamp(ask.now))["image"]
        except NoSuchImage as error:
            raise statuses.not_found("imagestreamimage", name) from error
        image = self._images.find(digest)
        reference = (image or {}).get("dockerImageReference", "")
        meta = {"name": name, "namespace": namespace}
        if image:
            meta["creationTimestamp"] = image["metadata"].get("creationTimestamp")
        doc = {"kind": "ImageStreamImage", "apiVersion": IMAGE_API, "metadata": ordered_meta(meta)}
        return ObjectAnswer({**doc, "image": shown_image(image, digest, reference, {})})
