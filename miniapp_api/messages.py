"""The inbox inside the mini-program, and which messages the resident has subscribed to."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from handlers.base import Call, Done
from handlers.routing import RESIDENT, Idempotency, Limit, Route
from kernel.errors import Code
from miniapp_api.views import local


class InboxQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``after``: the ``next`` of the page before."""

    after: Annotated[str, Meta(max_length=60)] | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 20


class MessageView(Struct, kw_only=True):
    """A message; ``why`` says why it was sent, ``state`` whether and how it went out.

    ``page``: where in the mini-program what it is about can be seen, "" for nowhere."""

    id: str
    title: str
    body: str
    why: str
    at: datetime
    read: bool
    urgent: bool
    state: str
    page: str


class Inbox(Struct, kw_only=True):
    unread: int
    messages: list[MessageView]
    next: str | None


class SubscriptionView(Struct, kw_only=True):
    """A message template that the mini-program may ask consent for at a tap (wx.requestSubscribeMessage)."""

    template_id: str
    kind: str
    titles: list[str]
    codes: list[str]
    credits: int
    open: bool


class Subscriptions(Struct, kw_only=True):
    subscriptions: list[SubscriptionView]


async def inbox(call: Call, query: InboxQuery) -> Inbox:
    """Messages to the caller, newest first: whatever became of WeChat and SMS, all of them stand here."""
    queries = call.city.notification_queries
    page = await queries.inbox(call.person, query.after, query.limit)
    messages = [
        MessageView(
            id=m.id,
            title=m.title,
            body=m.body,
            why=m.why,
            at=local(m.at),
            read=m.read,
            urgent=m.urgent,
            state=m.state,
            page=m.page,
        )
        for m in page.entries
    ]
    return Inbox(unread=await queries.unread(call.person), messages=messages, next=page.next)


async def mark_read(call: Call, message_id: str) -> Done:
    await call.city.notifications.do_mark_read(call.person, message_id)
    return Done()


async def subscriptions(call: Call) -> Subscriptions:
    """The templates and what the caller has allowed. WeChat tells us of consents by itself, through its push."""
    found = await call.city.notification_queries.subscriptions(call.person)
    return Subscriptions(
        subscriptions=[
            SubscriptionView(
                template_id=s.template_id,
                kind=s.kind.value,
                titles=list(s.titles),
                codes=list(s.codes),
                credits=s.credits,
                open=s.open,
            )
            for s in found
        ]
    )


_READ = (RESIDENT, Limit.READ, Idempotency.SAFE)

ROUTES = [
    Route("GET", "/api/messages", inbox, *_READ, "My messages"),
    Route(
        "PUT",
        "/api/messages/{message_id}/read",
        mark_read,
        RESIDENT,
        Limit.WRITE,
        Idempotency.NATURAL,
        "Mark a message as read",
        (Code.MESSAGE_NOT_FOUND,),
    ),
    Route("GET", "/api/subscriptions", subscriptions, *_READ, "Messages I may subscribe to"),
]
