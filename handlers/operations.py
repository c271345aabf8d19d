"""For operators and machines: health, readiness, metrics, the API's own description."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from handlers.base import JSON, Call
from handlers.openapi import page
from handlers.routing import ANYONE, OPERATOR, Idempotency, Limit, Raw, Route
from kernel.errors import Code, Unavailable


class Health(Struct, kw_only=True):
    """The process runs and its event loop turns; says nothing about what it depends on."""

    status: str = "ok"


class Readiness(Struct, kw_only=True):
    """The process can serve: the catalogue is loaded, the matcher built, the database answers."""

    status: str
    items: int
    centres: int
    matcher: int
    database: str
    valkey: str


async def healthz(call: Call) -> Health:
    """Alive. A supervisor restarts the process when this does not answer."""
    return Health()


async def readyz(call: Call) -> Readiness:
    """Ready for callers. A load balancer sends none while this answers 503; Valkey away is worse service, not none."""
    city = call.city
    state = await call.frame.probe()
    # An edition published a moment ago is answered from the one before until its matcher is built.
    loaded = len(city.catalogue) > 0 and city.ask.items > 0
    ready = state["database"] == "ok" and loaded and not call.frame.draining
    if not ready:
        fields: dict[str, Any] = {"items": len(city.catalogue), "matcher": city.ask.items, **state}
        raise Unavailable(Code.UNAVAILABLE, None, draining=call.frame.draining, **fields)
    return Readiness(status="ok", items=len(city.catalogue), centres=len(city.centres), matcher=city.ask.items, **state)


async def metrics(call: Call) -> Raw:
    """Prometheus' text format."""
    call.frame.metrics.index_items.set(call.city.ask.items)
    return Raw(call.frame.metrics.exposition(), "text/plain; version=0.0.4; charset=utf-8")


async def openapi(call: Call) -> Raw:
    """This API's description, made from the route table."""
    return Raw(msgspec.json.encode(call.frame.openapi), JSON, {"Cache-Control": "no-cache"})


async def docs(call: Call) -> Raw:
    """The same as a page."""
    return Raw(page(call.frame.openapi), "text/html; charset=utf-8", {"Cache-Control": "no-cache"})


_NO_LIMIT = (Limit.NONE, Idempotency.SAFE)

ROUTES = [
    Route("GET", "/healthz", healthz, ANYONE, *_NO_LIMIT, "Alive"),
    Route("GET", "/readyz", readyz, ANYONE, *_NO_LIMIT, "Ready"),
    Route("GET", "/metrics", metrics, OPERATOR, *_NO_LIMIT, "Metrics", content_type="text/plain"),
    Route("GET", "/openapi.json", openapi, ANYONE, *_NO_LIMIT, "This API", content_type=JSON),
    Route("GET", "/docs", docs, ANYONE, *_NO_LIMIT, "This API as a page", content_type="text/html"),
]
