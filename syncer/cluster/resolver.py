"""Has the cluster look images up in their registries, with its own pull secrets, and import none of them.

An ImageStreamImport with `spec.import: false` stores nothing (openshift-apiserver, `imagestreamimport/rest.go`). A
server dry run would not do instead: the server writes the stream for all that.
"""

from __future__ import annotations

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from syncer import imagestreamtag
from syncer.cluster.answers import printable
from syncer.errors import ClusterError, ForbiddenError, NotFoundError, NotSentError
from syncer.plan.resolving import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from syncer.cluster.client import Client
    from syncer.model import Json, ObjectKey
    from syncer.plan.resolving import Ask, Place

MOST: Final = 10
"""Images a request: each may take a registry seconds, and the server gives a request up after a minute."""
_FAULTS: Final[dict[str, str]] = {"NotFound": "missing", "Unauthorized": "denied", "Forbidden": "denied"}


def look_up(
    client: Client, asks: Iterable[Ask], *, concurrency: int, tell: Callable[[int], None] = lambda _: None
) -> dict[ObjectKey, Answer]:
    """Ask for each pull spec; what cannot be had is an answer, too. `tell` hears how many images were looked up.

    Where this client may not ask in a namespace, that is asked no more; a server that cannot be reached is not either.
    """
    streams: dict[tuple[str, str], list[Ask]] = defaultdict(list)
    for ask in asks:
        streams[ask.key.namespace, ask.key.stream].append(ask)
    batches = [group[n : n + MOST] for group in streams.values() for n in range(0, len(group), MOST)]
    asking = _Asking(client, tell)
    with ThreadPoolExecutor(max_workers=max(1, concurrency)) as pool:
        try:
            found = list(pool.map(asking.batch, batches))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return {key: answer for each in found for key, answer in each.items()}


class _Asking:
    """Asks; threads share it."""

    def __init__(self, client: Client, tell: Callable[[int], None]) -> None:
        self._client = client
        self._tell = tell
        self._known: dict[str, Answer] = {}  # by namespace, where asking again is of no use; "" is everywhere

    def batch(self, asks: Sequence[Ask]) -> dict[ObjectKey, Answer]:
        answers = self._answers(asks)
        self._tell(len(asks))
        return answers

    def _answers(self, asks: Sequence[Ask]) -> dict[ObjectKey, Answer]:
        """Ask for the images of a stream together; where that fails as a whole, for each one alone."""
        namespace = asks[0].key.namespace
        if known := self._known.get("") or self._known.get(namespace):
            return _all(asks, known)
        try:
            body = self._client.ask(imagestreamtag.imports_path(namespace), import_of(asks))
            return _read(asks, body)
        except ForbiddenError as error:
            known = self._known[namespace] = Answer(fault="forbidden", message=error.message)
            return _all(asks, known)
        except NotSentError as error:
            known = self._known[""] = Answer(fault="failed", message=error.message)
            return _all(asks, known)
        except ClusterError as error:
            if len(asks) > 1:
                return {key: answer for ask in asks for key, answer in self._answers([ask]).items()}
            return _all(asks, Answer(fault="failed", message=error.message))


def import_of(asks: Sequence[Ask]) -> dict[str, Json]:
    """Write the ImageStreamImport that asks for images of one stream, and imports none.

    `to` names the tag: its annotations may say which architecture is wanted of a list of manifests.
    """
    images = [
        {
            "from": {"kind": "DockerImage", "name": ask.pull_spec},
            "to": {"name": ask.key.tag},
            "importPolicy": dict(ask.import_policy),
            "referencePolicy": dict(ask.reference_policy),
        }
        for ask in asks
    ]
    return {
        "apiVersion": imagestreamtag.API_VERSION,
        "kind": "ImageStreamImport",
        "metadata": {"namespace": asks[0].key.namespace, "name": asks[0].key.stream},
        "spec": {"import": False, "images": images},
    }


def read_images(client: Client, places: Iterable[Place], *, concurrency: int) -> dict[Place, Answer]:
    """Read images of streams; one that is not there is missing, and one that may not be read is forbidden."""
    wanted = sorted(places)
    with ThreadPoolExecutor(max_workers=max(1, concurrency)) as pool:
        return dict(zip(wanted, pool.map(lambda place: _image(client, place), wanted), strict=True))


def _image(client: Client, place: Place) -> Answer:
    try:
        image = client.get(imagestreamtag.image_path(*place)).get("image")
    except NotFoundError as error:
        if not error.proves_absence:  # a load balancer's page: it says nothing of the image
            return Answer(place.digest, fault="failed", message=error.message)
        told = f"no tag of {place.namespace}/{place.stream} has it, or has had it"
        return Answer(place.digest, fault="missing", message=told)
    except ForbiddenError as error:
        return Answer(place.digest, fault="forbidden", message=error.message)
    except ClusterError as error:
        return Answer(place.digest, fault="failed", message=error.message)
    return Answer(place.digest, _built(image, ()))


# --------------------------------------------------------------------------------------------- what is answered


def _all(asks: Iterable[Ask], answer: Answer) -> dict[ObjectKey, Answer]:
    return {ask.key: answer for ask in asks}


def _read(asks: Sequence[Ask], body: Json) -> dict[ObjectKey, Answer]:
    """Read the status of each image. Raises ClusterError where the answer is not one to these questions."""
    status = body.get("status")
    images = status.get("images") if isinstance(status, dict) else None
    if not isinstance(images, list) or len(images) != len(asks):
        path = imagestreamtag.imports_path(asks[0].key.namespace)
        raise ClusterError(f"POST {path}: the answer does not say what became of each image")
    return {ask.key: _answer(image) for ask, image in zip(asks, images, strict=True)}


def _answer(told: Json) -> Answer:
    told = told if isinstance(told, dict) else {}
    image, status = told.get("image"), told.get("status")
    status = status if isinstance(status, dict) else {}
    metadata = image.get("metadata") if isinstance(image, dict) else None
    digest = metadata.get("name") if isinstance(metadata, dict) else None
    if status.get("status") == "Success" and isinstance(digest, str) and digest:
        return Answer(digest, _built(image, told.get("manifests")))
    fault = _FAULTS.get(str(status.get("reason")), "failed")
    message = printable(str(status.get("message") or "the server does not say why"))
    return Answer(fault=fault, message=message)  # type: ignore[arg-type]  # one of _FAULTS


def _built(image: Json, manifests: Json) -> str:
    """Give when an image was built; of a list of manifests, when the last of them was: the list's own date is made up.

    The server gives a list the time at which it is asked (openshift-apiserver, `importer/image.go`).
    """
    image = image if isinstance(image, dict) else {}
    if image.get("dockerImageManifests"):
        return max(map(_created, manifests if isinstance(manifests, list) else ()), default="")
    return _created(image)


def _created(image: Json) -> str:
    metadata = image.get("dockerImageMetadata") if isinstance(image, dict) else None
    created = metadata.get("Created") if isinstance(metadata, dict) else None
    return created if isinstance(created, str) else ""
