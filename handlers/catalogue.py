"""Catalogue editing: drafts, publication, withdrawal, versions, for the catalogue's editors."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from handlers.base import Call
from handlers.routing import Idempotency, Limit, Route, staff
from kernel.clock import SHANGHAI
from kernel.errors import Code, InvalidInput, NotFound
from kernel.machine import Actor
from services.catalogue.machine import MACHINE
from services.catalogue.model import EditorFilter, EditorLine, ItemContent, ItemRecord, ItemVersion

ShortText = Annotated[str, Meta(max_length=60)]


class ItemsQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``changed``: with or without a draft. ``after``: the last code of the page before."""

    words: ShortText | None = None
    department: ShortText | None = None
    state: Literal["draft", "published", "withdrawn"] | None = None
    changed: bool | None = None
    after: Annotated[str, Meta(max_length=12)] = ""
    limit: Annotated[int, Meta(ge=1, le=200)] = 50


class EditorItems(Struct, kw_only=True):
    """``next``: what to give as ``after`` for the next page; None on the last."""

    items: list[EditorLine]
    next: str | None


class ItemChange(Struct, kw_only=True):
    """One entry of an item's history. ``by``: a staff id, or the name of a command."""

    at: datetime
    action: str
    by: str
    note: str


class EditorItem(Struct, kw_only=True):
    """An item with all that an editor works on. ``version`` guards the next save: send it back as ``seen``."""

    code: str
    state: str
    version: int
    last_number: int
    actions: list[str]
    draft: ItemContent | None
    current: ItemVersion | None
    history: list[ItemChange]


class SaveRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``seen``: the ``version`` of the item as it was opened; 0 for an item that is new."""

    content: ItemContent
    seen: Annotated[int, Meta(ge=0)]


class PublishRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    seen: Annotated[int, Meta(ge=1)]


class WithdrawRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``reason`` is kept in the item's history."""

    reason: Annotated[str, Meta(min_length=1, max_length=200)]


async def items(call: Call, query: ItemsQuery) -> EditorItems:
    """Items of every state, with their drafts, in order of their codes."""
    wanted = EditorFilter(state=query.state, department=query.department, changed=query.changed, words=query.words)
    found = await call.city.editorial.page(wanted, query.after, query.limit + 1)
    shown = found[: query.limit]
    return EditorItems(items=shown, next=shown[-1].code if len(found) > query.limit else None)


async def item(call: Call, code: str) -> EditorItem:
    return _view(await call.city.editorial.item(code))


async def version(call: Call, code: str, number: str) -> ItemVersion:
    """Any version ever published."""
    if not (number.isascii() and number.isdecimal() and len(number) <= 9):
        raise NotFound(Code.ITEM_NOT_FOUND, item=code, version=number)
    return await call.city.catalogue.version(code, int(number))


async def save(call: Call, code: str, body: SaveRequest) -> EditorItem:
    """Keeps a draft. Everything that is wrong with it is told at once, in ``faults`` of the error."""
    if body.content.code != code:
        raise InvalidInput(field="$.content.code", reason="not the code in the path")
    return _view(await call.city.catalogue_actions.do_edit(body.content, call.officer.staff_id, seen=body.seen))


async def publish(call: Call, code: str, body: PublishRequest) -> EditorItem:
    """Residents see the draft, as the next version, within a second."""
    return _view(await call.city.catalogue_actions.do_publish(code, call.officer.staff_id, seen=body.seen))


async def withdraw(call: Call, code: str, body: WithdrawRequest) -> EditorItem:
    """Residents no longer find the item; its versions stay readable for whoever refers to them."""
    return _view(await call.city.catalogue_actions.do_withdraw(code, call.officer.staff_id, body.reason))


def _view(record: ItemRecord) -> EditorItem:
    return EditorItem(
        code=record.id,
        state=record.state,
        version=record.version,
        last_number=record.last_number,
        actions=MACHINE.allowed(record.state, Actor.STAFF),
        draft=record.draft,
        current=record.current,
        history=[
            ItemChange(at=e.at.astimezone(SHANGHAI), action=e.action, by=e.by, note=e.note)
            for e in reversed(record.history)
        ],
    )


_EDITOR = staff("catalogue_editor")
_READ = (_EDITOR, Limit.READ, Idempotency.SAFE)
_WRITE = (_EDITOR, Limit.WRITE, Idempotency.KEY)
_STEP = (Code.ITEM_NOT_FOUND, Code.ACTION_NOT_ALLOWED, Code.CONFLICT)
_ONE = "/staff/items/{code}"

ROUTES = [
    Route("GET", "/staff/items", items, *_READ, "Items and drafts"),
    Route("GET", _ONE, item, *_READ, "An item for editing", (Code.ITEM_NOT_FOUND,)),
    Route("GET", f"{_ONE}/versions/{{number}}", version, *_READ, "A published version", (Code.ITEM_NOT_FOUND,)),
    Route("PUT", f"{_ONE}/draft", save, *_WRITE, "Save a draft", (Code.CONFLICT,)),
    Route("POST", f"{_ONE}/publish", publish, *_WRITE, "Publish the draft", _STEP),
    Route("POST", f"{_ONE}/withdraw", withdraw, *_WRITE, "Withdraw an item", _STEP),
]
