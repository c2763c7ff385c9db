"""The HTTP side: one Starlette application that turns requests into `Ask` and answers into responses."""

from __future__ import annotations

import json
import logging
from time import time
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from syncer.localapi import statuses
from syncer.localapi.auth import identify
from syncer.localapi.decoding import MAX_BODY
from syncer.localapi.lists import check_version
from syncer.localapi.requests import Ask, ListAnswer, ObjectAnswer, TextAnswer, WatchAnswer, check_timeout
from syncer.localapi.responses import JSON_TYPE, encode, negotiate
from syncer.localapi.statuses import StatusError
from syncer.localapi.watching import open_watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from syncer.localapi.world import World

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"]
_LOG = logging.getLogger(__name__)


def build_app(world: World, note: Callable[[str, str], None], clock: Callable[[], float] = time) -> Starlette:
    """Return the application; `note` is told the method and path (with query) of every request."""

    async def answer(request: Request) -> Response:
        query = request.url.query
        path = request.url.path
        try:
            return await _respond(request, world, clock())
        except StatusError as error:
            return _failure(error)
        except ClientDisconnect:
            return Response(status_code=400)
        except Exception:  # noqa: BLE001 - a client is answered whatever happens
            _LOG.exception("%s %s", request.method, request.url.path)
            return _failure(statuses.internal_error("the local API has a bug"))
        finally:
            note(request.method, f"{path}?{query}" if query else path)

    return Starlette(routes=[Route("/{path:path}", answer, methods=_METHODS)])


async def _respond(request: Request, world: World, now: float) -> Response:
    world.store.age(now)
    query = _query(request)
    if "watch" not in query:
        check_timeout(query.get("timeout", [""])[0])
    ask = Ask(
        method=request.method,
        path=request.scope["path"],
        query=query,
        headers=dict(request.headers),
        body=await _body(request),
        identity=identify(request.headers.get("authorization", ""), world.tokens),
        now=now,
    )
    got = world.dispatcher.answer(ask)
    if isinstance(got, TextAnswer):
        return PlainTextResponse(got.text, got.status)
    form = negotiate(request.headers.get("accept", "")) if not _is_discovery(ask) else None
    if isinstance(got, WatchAnswer):
        check_version(got.options.version)
        return StreamingResponse(open_watch(world, got, form, now), media_type=JSON_TYPE)
    if form is None:
        return Response(json.dumps(got.doc) if isinstance(got, ObjectAnswer) else b"", media_type=_discovery_type(got))
    return _success(got, encode(got, form, ask), form.media_type)


def _query(request: Request) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key, value in request.query_params.multi_items():
        found.setdefault(key, []).append(value)
    return found


async def _body(request: Request) -> bytes:
    """Read a body; one that is too long is read on for a while, else its sender sees a reset before the answer."""
    chunks, length = [], 0
    async for chunk in request.stream():
        length += len(chunk)
        if length <= MAX_BODY:
            chunks.append(chunk)
        elif length > 4 * MAX_BODY:
            break
    if length > MAX_BODY:
        raise statuses.too_large(MAX_BODY)
    return b"".join(chunks)


def _is_discovery(ask: Ask) -> bool:
    """Tell whether a path is answered whatever Accept says: kubectl asks for forms there that nothing else has."""
    parts = ask.path.strip("/").split("/")
    return parts[0] not in ("api", "apis") or len(parts) <= (3 if parts[0] == "apis" else 2)


def _discovery_type(got: ObjectAnswer | ListAnswer) -> str:
    aggregated = isinstance(got, ObjectAnswer) and got.doc.get("kind") == "APIGroupDiscoveryList"
    return f"{JSON_TYPE};g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList" if aggregated else JSON_TYPE


def _success(got: ObjectAnswer | ListAnswer, body: bytes, media_type: str) -> Response:
    response = Response(body, got.status if isinstance(got, ObjectAnswer) else 200, media_type=media_type)
    _warn(response, got.warnings if isinstance(got, ObjectAnswer) else ())
    return response


def _warn(response: Response, warnings: Iterable[str]) -> None:
    for text in warnings:
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        response.headers.append("Warning", f'299 - "{escaped}"')


def _failure(error: StatusError) -> Response:
    response = Response(json.dumps(error.document, separators=(",", ":")), error.code, media_type=JSON_TYPE)
    if "retryAfterSeconds" in (error.document.get("details") or {}):
        response.headers["Retry-After"] = str(error.document["details"]["retryAfterSeconds"])
    return response
