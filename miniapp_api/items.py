"""The open catalogue: items, their directory, centres (网上公开). Nobody has to sign in to read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from handlers.base import JSON, Call
from handlers.routing import ANYONE, Idempotency, Limit, Raw, Route
from kernel.errors import Code, InvalidInput
from miniapp_api.views import SAMPLE_NOTE, CentreView, ItemSummary, ItemView, centre_view, item_summary, item_view
from services.catalogue.model import Audience, Field, Level, LifeEvent
from services.catalogue.queries import Filter
from services.centres.queries import by_distance


class ItemQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Filters of the list; all given ones must fit."""

    words: Annotated[str, Meta(max_length=50)] | None = None
    field: Field | None = None
    department: Annotated[str, Meta(max_length=50)] | None = None
    life_event: LifeEvent | None = None
    audience: Audience | None = None
    level: Level | None = None
    centre: Annotated[str, Meta(max_length=40)] | None = None
    offset: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    limit: Annotated[int, Meta(ge=1, le=200)] = 50


class ItemList(Struct, kw_only=True):
    total: int
    items: list[ItemSummary]
    sample: str = SAMPLE_NOTE


class CentreQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``longitude`` and ``latitude`` together sort by distance (degrees, GCJ-02)."""

    item: Annotated[str, Meta(max_length=40)] | None = None
    district: Annotated[str, Meta(max_length=40)] | None = None
    longitude: Annotated[float, Meta(ge=-180, le=180)] | None = None
    latitude: Annotated[float, Meta(ge=-90, le=90)] | None = None


class CentreList(Struct, kw_only=True):
    centres: list[CentreView]


class Entry(Struct, kw_only=True):
    """One heading of the directory and how many items stand under it."""

    key: str
    items: int


class Directory(Struct, kw_only=True):
    """The headings under which the catalogue can be walked."""

    fields: list[Entry]
    departments: list[Entry]
    life_events: list[Entry]
    districts: list[Entry]


async def list_items(call: Call, query: ItemQuery) -> ItemList:
    """Items that pass the filters."""
    city = call.city
    wanted = Filter(
        field=query.field,
        department=query.department,
        life_event=query.life_event,
        audience=query.audience,
        level=query.level,
        words=query.words,
    )
    found = city.catalogue.search(wanted)
    if query.centre is not None:
        centre = city.centres.get(query.centre)
        kinds = {counter.kind.value: counter.except_items for counter in centre.counters}
        found = [i for i in found if i.content.counter in kinds and i.content.code not in kinds[i.content.counter]]
    page = found[query.offset : query.offset + query.limit]
    return ItemList(total=len(found), items=[item_summary(item) for item in page])


async def read_item(call: Call, code: str) -> Raw:
    """The published version of an item with its whole guide. An If-None-Match saves sending it again."""
    city = call.city
    item = city.catalogue.get(code)
    key = ("item", code, city.centres.edition)
    answer: Raw | None = city.catalogue.derived.get(key)
    if answer is None:
        bookable = bool(city.centres.for_item(item.content))
        body = msgspec.json.encode(item_view(item, bookable=bookable))
        headers = {"Etag": f'"{code}-{item.number}-{int(bookable)}"', "Cache-Control": "no-cache"}
        answer = city.catalogue.derived[key] = Raw(body, JSON, headers)
    return answer


async def read_item_version(call: Call, code: str, number: str) -> ItemView:
    """Any version that was ever published: bookings and cases keep theirs."""
    # Other scripts' digits and numbers beyond the database's are no version either.
    if not (number.isascii() and number.isdigit() and len(number) <= 9):
        raise InvalidInput(field="number", reason="a whole number")
    item = await call.city.catalogue.version(code, int(number))
    return item_view(item, bookable=False)


async def item_centres(call: Call, code: str, query: CentreQuery) -> CentreList:
    """The centres that accept an item, nearest first when the caller says where they are."""
    return await list_centres(call, msgspec.structs.replace(query, item=code))


async def list_centres(call: Call, query: CentreQuery) -> CentreList:
    """Centres, filtered by item and district."""
    city = call.city
    if (query.longitude is None) != (query.latitude is None):
        raise InvalidInput(field="longitude" if query.longitude is None else "latitude", reason="both or neither")
    found = city.centres.all() if query.item is None else city.centres.for_item(city.catalogue.get(query.item).content)
    if query.district is not None:
        found = [centre for centre in found if query.district in (centre.district, centre.division)]
    if query.longitude is not None and query.latitude is not None:
        pairs = by_distance(found, query.longitude, query.latitude)
        return CentreList(centres=[centre_view(centre, km) for centre, km in pairs])
    return CentreList(centres=[centre_view(centre) for centre in found])


async def read_centre(call: Call, code: str) -> CentreView:
    return centre_view(call.city.centres.get(code))


async def directory(call: Call) -> Directory:
    """The headings of the catalogue with their numbers of items."""
    city = call.city
    districts: dict[str, int] = {}
    for centre in city.centres.all():
        districts[centre.district] = districts.get(centre.district, 0) + 1
    return Directory(
        fields=_entries(city.catalogue.fields()),
        departments=_entries(city.catalogue.departments()),
        life_events=_entries(city.catalogue.life_events()),
        districts=_entries(districts),
    )


def _entries(counts: Mapping[Any, int]) -> list[Entry]:
    return [Entry(key=str(key), items=n) for key, n in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))]


def _route(path: str, endpoint: Any, summary: str, *errors: Code, content_type: str = "") -> Route:
    """All routes here are reads open to everyone."""
    return Route(
        "GET", path, endpoint, ANYONE, Limit.READ, Idempotency.SAFE, summary, errors, content_type=content_type
    )


ROUTES = [
    _route("/api/directory", directory, "Headings of the catalogue"),
    _route("/api/items", list_items, "List items", Code.CENTRE_NOT_FOUND),
    _route("/api/items/{code}", read_item, "Read an item", Code.ITEM_NOT_FOUND, content_type=JSON),
    _route("/api/items/{code}/versions/{number}", read_item_version, "Read a version of an item", Code.ITEM_NOT_FOUND),
    _route("/api/items/{code}/centres", item_centres, "Centres that accept an item", Code.ITEM_NOT_FOUND),
    _route("/api/centres", list_centres, "List centres", Code.ITEM_NOT_FOUND),
    _route("/api/centres/{code}", read_centre, "Read a centre", Code.CENTRE_NOT_FOUND),
]
