"""The only code that changes messages, consents and templates; ``dispatch.py`` has the sending.

Nothing is sent from here: ``do_notify`` puts a message into the queue, and into the inbox at the same moment.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec

from kernel.clock import Clock
from kernel.errors import Code, Conflict, InvalidInput, NotFound
from kernel.ids import Ids, Kind
from kernel.machine import Actor
from services.notifications import machine
from services.notifications.machine import MESSAGE, State
from services.notifications.model import (
    ConsentEntry,
    ConsentEntryKind,
    ConsentKind,
    Message,
    Template,
    TemplateContent,
    WechatPart,
)
from services.notifications.policy import NotificationRules
from services.notifications.ports import Receipt
from services.notifications.rendering import check_values, render, render_page, template_problems
from services.notifications.store import ConsentStore, EarlyReceipt, EarlyReceiptStore, MessageStore, TemplateStore
from services.store import Document, Duplicate, Step

log = logging.getLogger("banshi.notifications")

# A receipt races at most the sender of the same message; more rounds than that mean something else is wrong.
_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Imported:
    """``added`` versions are new, ``unchanged`` ones were there."""

    added: int
    unchanged: int


@dataclass(frozen=True, slots=True)
class ReceiptCount:
    """``applied`` moved a message, ``repeated`` told nothing new, ``unmatched`` belong to no message (yet)."""

    applied: int = 0
    repeated: int = 0
    unmatched: int = 0


@dataclass(frozen=True, slots=True)
class WechatSent:
    """One entry of subscribe_msg_sent_event; ``person_id`` is whose openid it came with, None when unknown."""

    msgid: str
    person_id: str | None
    template_id: str
    error_code: int
    error_status: str


class Notifications:
    """Everything but the sending."""

    def __init__(
        self,
        messages: MessageStore,
        templates: TemplateStore,
        consents: ConsentStore,
        early_receipts: EarlyReceiptStore,
        clock: Clock,
        ids: Ids,
        rules: NotificationRules | None = None,
    ) -> None:
        self._messages = messages
        self._templates = templates
        self._consents = consents
        self._early_receipts = early_receipts
        self._clock = clock
        self._ids = ids
        self._rules = rules or NotificationRules()

    async def do_import_templates(self, content: bytes) -> Imported:
        """All versions in a JSON array of TemplateContent, or none of them.

        Raises InvalidInput with ``problems``: what is wrong, or that a stored version would have been changed.
        """
        contents = read_templates(content)
        stored = {(t.code, t.version): t for t in await self._templates.all()}
        problems = _import_problems(contents, stored)
        if problems:
            raise InvalidInput(field="$", problems=problems)
        new = sorted((c for c in contents if (c.code, c.version) not in stored), key=lambda c: (c.code, c.version))
        added = await self._templates.add(new, self._clock.now())
        return Imported(added, len(contents) - added)

    async def do_notify(
        self,
        person_id: str,
        template_code: str,
        values: Mapping[str, Any],
        cause: str,
        not_before: datetime | None = None,
    ) -> Message:
        """Queues one message; a second call for the same person, cause and template returns the first one's.

        ``values`` are exactly those the template names; ``cause`` is an event id or another business cause. Raises
        InvalidInput for an unknown template, an unknown placeholder, a missing value or one of the wrong kind.
        """
        template = await self._templates.current(template_code)
        if template is None:
            raise InvalidInput(field="$.template_code", reason=f"no template {template_code!r}")
        if not person_id:
            raise InvalidInput(field="$.person_id", reason="nobody to tell")
        check_values(template, values)
        message = self._new_message(template, person_id, values, cause, not_before)
        step = Step(machine.QUEUE, Actor.SYSTEM, data=event_data(message))
        try:
            return await self._messages.create(message, step)
        except Duplicate:
            existing = await self._messages.of_cause(person_id, cause, template_code)
            if existing is None:
                raise
            return existing

    def _new_message(
        self, template: Template, person_id: str, values: Mapping[str, Any], cause: str, not_before: datetime | None
    ) -> Message:
        now = self._clock.now()
        at = max(now, not_before or now)
        return Message(
            id=self._ids.new(Kind.MESSAGE),
            state=State.QUEUED,
            created_at=now,
            updated_at=now,
            wake_at=at if template.urgent else self._rules.after_quiet(at),
            person=person_id,
            template=template.code,
            template_version=template.version,
            cause=cause,
            values=dict(values),
            title=render(template.inbox.title, values),
            body=render(template.inbox.body, values),
            reason=template.reason,
            urgent=template.urgent,
            at=at,
            useless_at=_useless_at(template, values, at),
            unread=True,
            page=render_page(template.wechat, values) if template.wechat is not None else "",
        )

    async def do_record_consent(self, person_id: str, template_id: str, accepted: bool, ref: str, at: datetime) -> bool:
        """The answer to a subscription pop-up (subscribe_msg_popup_event): one accept is one message more.

        ``ref`` names the push event (openid + template + CreateTime) and is kept as a digest only; ``at`` is its
        CreateTime. False when this event has been recorded before.
        """
        kind = await self._templates.consent_kind(template_id)
        if kind is None:
            # One-time is the kind that allows the least, should a template of that id be imported later.
            log.warning("consent for a template that is not ours", extra={"template_id": template_id})
            kind = ConsentKind.ONE_TIME
        now = self._clock.now()
        entry_kind = ConsentEntryKind.ACCEPT if accepted else ConsentEntryKind.REJECT
        change: Document = {}
        if accepted:
            change = {"$set": {"closed": False, "accepted_at": now}}
            if kind is ConsentKind.ONE_TIME:
                change["$inc"] = {"credits": 1}
        # A reject in the pop-up takes nothing back: credits given earlier stay good with WeChat.
        entry = ConsentEntry(at=at, kind=entry_kind, ref=_digest("popup", ref))
        return await self._consents.record(person_id, template_id, kind, entry, change)

    async def do_forget(self, person_id: str) -> None:
        """The account closes: what it has allowed WeChat to send it is forgotten. Its messages stay: they are the
        record of what the city has told, as a notice served in a case."""
        await self._consents.remove_all(person_id)

    async def do_record_change(self, person_id: str, template_id: str, ref: str, at: datetime) -> bool:
        """The person switched the template off in WeChat's settings (subscribe_msg_change_event reports only that).

        Nothing more goes by WeChat until the next accept. False when this event has been recorded before.
        """
        kind = await self._templates.consent_kind(template_id) or ConsentKind.ONE_TIME
        entry = ConsentEntry(at=at, kind=ConsentEntryKind.CLOSED, ref=_digest("change", ref))
        # What WeChat keeps of earlier accepts is not documented; counting them could only lead to a 43101.
        change: Document = {"$set": {"closed": True, "credits": 0}}
        return await self._consents.record(person_id, template_id, kind, entry, change)

    async def do_mark_read(self, person_id: str, message_id: str) -> None:
        """Once or again. Raises NotFound (MESSAGE_NOT_FOUND) for an unknown message or somebody else's."""
        if await self._messages.mark_read(person_id, message_id, self._clock.now()):
            return
        if await self._messages.of_person(person_id, message_id) is None:
            raise NotFound(Code.MESSAGE_NOT_FOUND)

    async def do_sms_receipts(self, receipts: Iterable[Receipt]) -> ReceiptCount:
        """What carriers said. In any order and any number of times: a receipt for an unknown serial is kept for the
        sender, who may not have written down the serial yet."""
        applied = repeated = unmatched = 0
        for receipt in receipts:
            message = await self._receipt_message(receipt)
            if message is None:
                unmatched += 1
            elif await settle(self._messages, message, receipt.delivered, receipt.code, receipt.serial):
                applied += 1
            else:
                repeated += 1
        return ReceiptCount(applied, repeated, unmatched)

    async def _receipt_message(self, receipt: Receipt) -> Message | None:
        if receipt.session_context and (message := await self._messages.get(receipt.session_context)):
            return message
        if message := await self._messages.by_channel_ref(receipt.serial):
            return message
        early = EarlyReceipt(
            serial=receipt.serial, delivered=receipt.delivered, code=receipt.code, at=self._clock.now()
        )
        await self._early_receipts.keep(early)
        # Kept first, looked for again second; the sender writes the serial first and looks for receipts second: in
        # every order of these four one of the two sees the other.
        message = await self._messages.by_channel_ref(receipt.serial)
        if message is not None:
            await self._early_receipts.remove(receipt.serial)
        return message

    async def do_wechat_sent(self, sent: WechatSent) -> bool:
        """The fate WeChat tells of a message it had accepted. False when it matches no message or tells nothing new.

        A message whose answer was lost has no msgid: it is found by person and template when there is exactly one.
        """
        message = await self._messages.by_channel_ref(sent.msgid)
        if message is None and sent.person_id is not None:
            candidates = await self._messages.uncertain_by_wechat(sent.person_id, sent.template_id)
            message = candidates[0] if len(candidates) == 1 else None
        if message is None:
            log.warning("sent event matches no message", extra={"template_id": sent.template_id})
            return False
        note = f"wechat {sent.error_code} {sent.error_status}".strip()
        return await settle(self._messages, message, sent.error_code == 0, note, sent.msgid)


def read_templates(content: bytes) -> list[TemplateContent]:
    """A JSON array of templates. Raises InvalidInput naming the place ($[3].wechat.kind)."""
    try:
        return msgspec.json.decode(content, type=list[TemplateContent])
    except msgspec.DecodeError as error:
        raise InvalidInput(field="$", reason=str(error)) from error


async def settle(messages: MessageStore, message: Message, delivered: bool, note: str, ref: str) -> bool:
    """Writes the fate that the outside world reports; False when the message is past it."""
    action = "confirm" if delivered else "report_failure"
    current: Message | None = message
    for _ in range(_ROUNDS):
        if current is None or action not in MESSAGE.allowed(current.state):
            return False
        edge = MESSAGE.step(current.state, action, Actor.SYSTEM)
        changes: Document = {"wake_at": None, "channel_ref": ref, "trouble": None if delivered else True}
        changes["last_error"] = "" if delivered else note
        step = Step(edge, Actor.SYSTEM, note=note, changes=changes, data=event_data(current))
        if await messages.step(current, step) is not None:
            return True
        current = await messages.get(message.id)
    raise Conflict(message=message.id)


def event_data(message: Message) -> dict[str, Any]:
    """What the message's events tell: no text, no person's data but the id."""
    data: dict[str, Any] = {"person": message.person, "template": message.template, "cause": message.cause}
    if message.channel is not None:
        data["channel"] = message.channel.value
    return data


def _useless_at(template: Template, values: Mapping[str, Any], at: datetime) -> datetime | None:
    ends: list[datetime] = []
    if template.useless_at is not None:
        ends.append(values[template.useless_at])
    if template.useless_after_minutes is not None:
        ends.append(at + timedelta(minutes=template.useless_after_minutes))
    return min(ends, default=None)


def _import_problems(contents: list[TemplateContent], stored: Mapping[tuple[str, int], Template]) -> list[str]:
    problems: list[str] = []
    shapes = {t.wechat.template_id: _shape(t.wechat) for t in stored.values() if t.wechat}
    highest: dict[str, int] = {}
    for code, version in stored:
        highest[code] = max(version, highest.get(code, 0))
    seen: set[tuple[str, int]] = set()
    for content in sorted(contents, key=lambda c: (c.code, c.version)):
        name, key = f"{content.code}/{content.version}", (content.code, content.version)
        problems += [f"{name}: {problem}" for problem in template_problems(content)]
        if key in seen:
            problems.append(f"{name}: twice in the file")
        seen.add(key)
        if content.wechat:
            # One template of WeChat's may serve several messages; it has one kind and one set of fields.
            part, shape = content.wechat, _shape(content.wechat)
            if shapes.setdefault(part.template_id, shape) != shape:
                problems.append(f"{name}: wechat.kind or .fields differ from the others with this template_id")
        if (existing := stored.get(key)) is not None:
            if _content(existing) != _content(content):
                problems.append(f"{name}: is stored with another content; a version never changes, make a new one")
        elif content.version <= highest.get(content.code, 0):
            problems.append(f"{name}: a newer version is current")
    return problems


def _shape(part: WechatPart) -> tuple[ConsentKind, frozenset[str]]:
    return part.kind, frozenset(part.fields)


def _content(template: TemplateContent) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(template)
    return {key: value for key, value in fields.items() if key not in ("_id", "imported_at") and value is not None}


def _digest(event: str, ref: str) -> str:
    """The push event's name without the openid in it. A pop-up and a change of the same second are two events."""
    return f"{event}:{hashlib.sha256(ref.encode()).hexdigest()[:32]}"
