"""Read views: a resident's inbox and consents, and what staff and operators look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from kernel.clock import Clock
from kernel.errors import InvalidInput
from services.notifications.machine import STATE_WORDS, State
from services.notifications.model import Channel, ConsentKind, Message, Template
from services.notifications.store import ConsentStore, MessageStore, TemplateStore

MAX_PAGE = 100

_CHANNEL_WORDS = {Channel.WECHAT: "微信", Channel.SMS: "短信"}


@dataclass(frozen=True, slots=True)
class InboxEntry:
    """One message as the resident sees it; ``state`` is in words, ``why`` says why it was sent (为什么收到).

    ``page``: the mini-program's page that it is about, or ""."""

    id: str
    title: str
    body: str
    why: str
    at: datetime
    read: bool
    urgent: bool
    state: str
    page: str


@dataclass(frozen=True, slots=True)
class InboxPage:
    """Newest first. ``next`` goes into ``after`` for the page that follows; None at the end."""

    entries: tuple[InboxEntry, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class MessageStep:
    at: datetime
    state: str
    note: str


@dataclass(frozen=True, slots=True)
class MessageStatus:
    """One message for staff: no text beyond the title, no contact data. ``steps`` is its history."""

    id: str
    person: str
    template: str
    cause: str
    title: str
    state: str
    words: str
    channel: str | None
    attempts: int
    last_error: str
    created_at: datetime
    updated_at: datetime
    steps: tuple[MessageStep, ...]


@dataclass(frozen=True, slots=True)
class Subscription:
    """A WeChat template the mini-program may ask for (wx.requestSubscribeMessage), and what this person has allowed.

    ``codes`` are the messages that use it. One-time and long-term ids cannot be asked for together (20002).
    """

    template_id: str
    kind: ConsentKind
    titles: tuple[str, ...]
    codes: tuple[str, ...]
    credits: int
    open: bool


class NotificationQueries:
    def __init__(self, messages: MessageStore, templates: TemplateStore, consents: ConsentStore, clock: Clock) -> None:
        self._messages = messages
        self._templates = templates
        self._consents = consents
        self._clock = clock

    async def inbox(self, person_id: str, after: str | None = None, limit: int = 20) -> InboxPage:
        """Raises InvalidInput for an ``after`` that no page has given, or a limit outside 1..100."""
        if not 1 <= limit <= MAX_PAGE:
            raise InvalidInput(field="$.limit", reason=f"1..{MAX_PAGE}")
        before = None if after is None else _read_cursor(after)
        found = await self._messages.inbox(person_id, self._clock.now(), before, limit + 1)
        page = found[:limit]
        more = _cursor(page[-1]) if len(found) > limit else None
        return InboxPage(tuple(_entry(message) for message in page), more)

    async def unread(self, person_id: str) -> int:
        return await self._messages.unread(person_id, self._clock.now())

    async def subscriptions(self, person_id: str) -> tuple[Subscription, ...]:
        """Every WeChat template of the current versions, with this person's consent."""
        current: dict[str, Template] = {template.code: template for template in await self._templates.all()}
        consents = {consent.template_id: consent for consent in await self._consents.of_person(person_id)}
        by_id: dict[str, list[Template]] = {}
        for template in current.values():
            if template.wechat is not None:
                by_id.setdefault(template.wechat.template_id, []).append(template)
        result = []
        for template_id, templates in by_id.items():
            part, consent = templates[0].wechat, consents.get(template_id)
            result.append(
                Subscription(
                    template_id=template_id,
                    kind=part.kind if part else ConsentKind.ONE_TIME,
                    titles=tuple(template.title for template in templates),
                    codes=tuple(template.code for template in templates),
                    credits=consent.credits if consent else 0,
                    open=consent.open if consent else False,
                )
            )
        return tuple(result)

    async def by_cause(self, cause: str, limit: int = 100) -> tuple[MessageStatus, ...]:
        """The messages of one event, the oldest first: "was this person told?" """
        return tuple(_status(message) for message in await self._messages.by_cause(cause, limit))

    async def failures(self, limit: int = 100) -> tuple[MessageStatus, ...]:
        """Failed and uncertain messages, the latest first: nobody reached, or nobody knows."""
        return tuple(_status(message) for message in await self._messages.trouble(limit))

    async def backlog(self, older_than: timedelta = timedelta(minutes=5)) -> int:
        """How many messages should have been looked at that long ago: 0 when the workers keep up."""
        return await self._messages.overdue(self._clock.now() - older_than)


def state_words(message: Message) -> str:
    """「已发出（微信）」"""
    state = State(message.state)
    words = STATE_WORDS[state]
    told = state in (State.SENT, State.DELIVERED) and message.channel is not None
    return f"{words}（{_CHANNEL_WORDS[message.channel]}）" if told and message.channel else words


def _entry(message: Message) -> InboxEntry:
    return InboxEntry(
        id=message.id,
        title=message.title,
        body=message.body,
        why=message.reason,
        at=message.at,
        read=not message.unread,
        urgent=message.urgent,
        state=state_words(message),
        page=message.page,
    )


def _status(message: Message) -> MessageStatus:
    steps: Sequence[MessageStep] = [MessageStep(entry.at, entry.to, entry.note) for entry in message.history]
    return MessageStatus(
        id=message.id,
        person=message.person,
        template=message.template,
        cause=message.cause,
        title=message.title,
        state=message.state,
        words=state_words(message),
        channel=None if message.channel is None else message.channel.value,
        attempts=message.attempts,
        last_error=message.last_error,
        created_at=message.created_at,
        updated_at=message.updated_at,
        steps=tuple(steps),
    )


def _cursor(message: Message) -> str:
    return f"{round(message.at.timestamp() * 1000)}.{message.id}"


def _read_cursor(text: str) -> tuple[datetime, str]:
    milliseconds, _, id_ = text.partition(".")
    if not milliseconds.isascii() or not milliseconds.isdigit() or len(milliseconds) > 14 or not id_:
        raise InvalidInput(field="$.after", reason="not a page's next")
    whole, rest = divmod(int(milliseconds), 1000)
    try:
        return datetime.fromtimestamp(whole, UTC) + timedelta(milliseconds=rest), id_
    except (ValueError, OverflowError, OSError) as error:
        raise InvalidInput(field="$.after", reason="not a page's next") from error
