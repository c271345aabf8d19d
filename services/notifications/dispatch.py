"""Sending what is due. Any number of workers may run this at once, and any of them may die at any point.

One attempt is one claim: queued -> sending by a guarded write that names the channel and sets a lease, then one
request, then one write with its result. Whoever dies in between leaves the message in ``sending``; when the lease has
run out it becomes ``uncertain`` and is never sent again. Only an answer that proves that nothing was sent brings a
message back into the queue, for later or for the other channel.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateways.outcomes import Delivery
from kernel.clock import Clock
from kernel.machine import Actor
from services.notifications.actions import event_data, settle
from services.notifications.channels import BySms, ByWechat, Channels, NoWay
from services.notifications.machine import MESSAGE, State
from services.notifications.model import Channel, Message
from services.notifications.policy import LONGEST_WECHAT_WAIT, SMS_NOBODYS_FAULT, NotificationRules, retry_wait
from services.notifications.ports import PersonLeases, Recipients, SmsResult, SmsSender, WechatOutcome, WechatSender
from services.notifications.store import ConsentStore, EarlyReceiptStore, MessageStore, TemplateStore, use_ref
from services.store import Document, Step

log = logging.getLogger("banshi.notifications")

_AT_ONCE = timedelta()


@dataclass(frozen=True, slots=True)
class Fate:
    """An outcome of either channel in one shape. ``ref``: msgid or SerialNo; ``asked``: the wait the upstream wants."""

    delivery: Delivery
    ref: str | None = None
    code: str = ""
    note: str = ""
    asked: timedelta = _AT_ONCE


class Dispatcher:
    """The sending half of notifications; ``on_send(channel, outcome)`` counts for the metrics."""

    def __init__(
        self,
        messages: MessageStore,
        templates: TemplateStore,
        consents: ConsentStore,
        early_receipts: EarlyReceiptStore,
        leases: PersonLeases,
        recipients: Recipients,
        wechat: WechatSender,
        sms: SmsSender,
        clock: Clock,
        rules: NotificationRules | None = None,
        on_send: Callable[[str, str], None] = lambda channel, outcome: None,
    ) -> None:
        self._rules = rules or NotificationRules()
        self._messages = messages
        self._consents = consents
        self._early_receipts = early_receipts
        self._leases = leases
        self._wechat = wechat
        self._sms = sms
        self._clock = clock
        self._on_send = on_send
        self._channels = Channels(recipients, templates, consents, self._rules)

    async def do_dispatch(self, limit: int = 100) -> int:
        """One round over at most ``limit`` due messages; returns how many changed their state.

        0 means: nothing to do, or others are at it; wait a moment. One message's fault does not stop the others; the
        first fault of the database is raised when all have been tried.
        """
        by_person: dict[str, list[Message]] = {}
        for message in await self._messages.due(self._clock.now(), limit):
            by_person.setdefault(message.person, []).append(message)
        groups = list(by_person.values())
        random.shuffle(groups)  # several workers read the same due list: they should not all begin with the same person
        gate = asyncio.Semaphore(self._rules.parallel_sends)
        # Not a TaskGroup: it would cancel sends that are under way because another one failed, and make them uncertain.
        results = await asyncio.gather(*(self._for_person(g, gate) for g in groups), return_exceptions=True)
        moved = 0
        for result in results:
            if isinstance(result, BaseException):
                raise result
            moved += result
        return moved

    async def _for_person(self, messages: Sequence[Message], gate: asyncio.Semaphore) -> int:
        moved = 0
        async with gate:
            for message in messages:
                if message.state == State.SENDING:
                    moved += await self._lease_ran_out(message)
                    continue
                token = await self._leases.acquire(message.person)
                if token is None:
                    break  # another worker is sending to this person: the rest stays due
                try:
                    moved += await self._attempt(message)
                finally:
                    await self._leases.release(message.person, token)
        return moved

    async def _lease_ran_out(self, message: Message) -> bool:
        log.warning("message is uncertain", extra={"message_id": message.id, "reason": "sender died"})
        note = "the sender did not come back: it may have been sent"
        return await self._step(message, "lose", note, wake_at=None, trouble=True, last_error=note) is not None

    async def _attempt(self, message: Message) -> bool:
        now = self._clock.now()
        if message.useless_at is not None and now >= message.useless_at:
            return await self._close(message, "keep_in_inbox", "too late to be of use")
        if not message.urgent and self._rules.is_quiet(now):
            note, until = "quiet hours", self._rules.after_quiet(now)
            return await self._step(message, "postpone", note, wake_at=until) is not None
        if message.failures >= self._rules.max_attempts:
            return await self._close(message, "give_up", f"not taken in {message.failures} attempts")
        try:
            way = await self._channels.choose(message)
        except Exception as error:  # nothing has been asked of anybody: this message waits, the others go on
            log.exception("message could not be prepared", extra={"message_id": message.id})
            return await self._postpone_fault(message, repr(error)[:200])
        if isinstance(way, NoWay):
            return await self._close(message, "give_up" if way.ours else "keep_in_inbox", way.note)
        claimed = await self._claim(message, way)
        if claimed is None:
            return False
        await (self._by_wechat(claimed, way) if isinstance(way, ByWechat) else self._by_sms(claimed, way))
        return True

    async def _close(self, message: Message, action: str, note: str) -> bool:
        """The end without a send. A failure is visible (``trouble``); a message for the inbox only is none."""
        if action == "give_up":
            log.warning("message failed", extra={"message_id": message.id, "reason": note})
            return await self._step(message, action, note, wake_at=None, trouble=True, last_error=note) is not None
        return await self._step(message, action, note, wake_at=None) is not None

    async def _postpone_fault(self, message: Message, note: str) -> bool:
        failures = message.failures + 1
        wake_at = self._next(message, retry_wait(failures + 1))
        return await self._step(message, "postpone", note, wake_at=wake_at, failures=failures) is not None

    async def _claim(self, message: Message, way: ByWechat | BySms) -> Message | None:
        """None when another worker was faster."""
        changes: Document = {
            "channel": way.channel.value,
            "wechat_template": way.content.template_id if isinstance(way, ByWechat) else None,
            "attempts": message.attempts + 1,
            "wake_at": self._clock.now() + self._rules.lease,
        }
        note = f"by {way.channel.value}" + (f" ({way.note})" if way.note else "")
        return await self._step(message, "claim", note, **changes)

    async def _by_wechat(self, message: Message, way: ByWechat) -> None:
        began = self._clock.now()
        ref = use_ref(message.id, message.attempts)
        if not await self._consents.take_credit(way.consent, ref, began):
            await self._back(message, "wechat: the consent was used up meanwhile", _AT_ONCE)
            return
        content = way.content
        fate = await self._ask(
            Channel.WECHAT,
            self._send_wechat(way.openid, content.template_id, dict(content.data), content.page),
        )
        now = self._clock.now()
        if fate.delivery is Delivery.NO_CONSENT:
            # 43101: WeChat counts no credit, so the ledger does not either.
            await self._consents.exhaust(way.consent, f"{ref}/43101", began, now)
            await self._back(message, fate.note, _AT_ONCE, closed=Channel.WECHAT)
        elif fate.delivery in (Delivery.REFUSED, Delivery.RETRY):
            # Given back before the message is: a crash in between leaves the credit right and the message uncertain.
            await self._consents.return_credit(way.consent, ref, now)
            if fate.delivery is Delivery.REFUSED:
                await self._back(message, fate.note, _AT_ONCE, closed=Channel.WECHAT, ours=True)
            else:
                await self._wechat_later(message, way, fate)
        else:
            await self._settle(message, fate)

    async def _wechat_later(self, message: Message, way: ByWechat, fate: Fate) -> None:
        patience = 1 if message.urgent else self._rules.wechat_attempts
        # Busy for longer than our longest wait (the daily quota): as good as that many failures.
        failed = message.wechat_failures + 1 if fate.asked <= LONGEST_WECHAT_WAIT else patience
        wait = max(retry_wait(message.failures + 1), fate.asked)
        if way.sms_possible and failed >= patience:
            wait = _AT_ONCE
        await self._back(
            message,
            fate.note,
            wait,
            failures=message.failures + 1,
            wechat_failures=max(failed, message.wechat_failures),
        )

    async def _by_sms(self, message: Message, way: BySms) -> None:
        fate = await self._ask(Channel.SMS, self._send_sms(way.phone, way.template_id, way.params, message.id))
        if fate.delivery is Delivery.RETRY:
            wait = max(retry_wait(message.failures + 1), fate.asked)
            await self._back(message, fate.note, wait, failures=message.failures + 1)
        elif fate.delivery is Delivery.NO_CONSENT:  # black list: the person wants no SMS
            await self._back(message, fate.note, _AT_ONCE, closed=Channel.SMS)
        elif fate.delivery is Delivery.REFUSED:
            ours = fate.code not in SMS_NOBODYS_FAULT
            await self._back(message, fate.note, _AT_ONCE, closed=Channel.SMS, ours=ours)
        else:
            await self._settle(message, fate)

    async def _ask(self, channel: Channel, request: Awaitable[Fate]) -> Fate:
        try:
            fate = await request
        except Exception as error:  # a sender that breaks may have broken after the request went out
            log.exception("sender broke", extra={"channel": channel.value})
            fate = Fate(Delivery.UNKNOWN, note=f"{channel.value}: {type(error).__name__}")
        self._on_send(channel.value, fate.delivery.value)
        return fate

    async def _send_wechat(self, openid: str, template_id: str, data: dict[str, str], page: str) -> Fate:
        return wechat_fate(await self._wechat.send_subscribe_message(openid, template_id, data, page=page))

    async def _send_sms(self, phone: str, template_id: str, params: list[str], message_id: str) -> Fate:
        return sms_fate(await self._sms.send(phone, template_id, params, message_id))

    async def _settle(self, message: Message, fate: Fate) -> None:
        """Accepted, or nobody knows."""
        if fate.delivery is not Delivery.ACCEPTED:
            log.warning("message is uncertain", extra={"message_id": message.id, "reason": fate.note})
            await self._step(message, "lose", fate.note, wake_at=None, trouble=True, last_error=fate.note)
            return
        changes: Document = {"wake_at": None, "channel_ref": fate.ref, "trouble": None, "last_error": ""}
        sent = await self._step(message, "accept", fate.note, **changes)
        if sent is None:
            sent = await self._accept_late(message, fate, changes)
        if sent is None or fate.ref is None or message.channel is not Channel.SMS:
            return
        early = await self._early_receipts.get(fate.ref)
        if early is not None:
            await settle(self._messages, sent, early.delivered, early.code, early.serial)
            await self._early_receipts.remove(early.serial)

    async def _accept_late(self, message: Message, fate: Fate, changes: Document) -> Message | None:
        """The lease ran out while we waited for the answer, and somebody has called the message uncertain."""
        current = await self._messages.get(message.id)
        if current is None or current.attempts != message.attempts or current.state != State.UNCERTAIN:
            return None  # a receipt was faster: it knows more than we do
        return await self._step(current, "accept", f"answer after the lease: {fate.note}", **changes)

    async def _back(
        self,
        message: Message,
        note: str,
        wait: timedelta,
        *,
        closed: Channel | None = None,
        ours: bool = False,
        **changes: int,
    ) -> None:
        """Certainly not sent: into the queue again, for the other channel when this one is ``closed``."""
        more: Document = {**changes, "wake_at": self._next(message, wait), "last_error": note}
        if closed is not None:
            more["closed"] = [*(channel.value for channel in message.closed), closed.value]
        if ours:
            more["ours"] = True
        if await self._step(message, "retry", note, **more) is None:
            # The lease had run out and the message is uncertain: it stays so, for people to look at.
            log.warning("result came after the lease", extra={"message_id": message.id, "reason": note})

    def _next(self, message: Message, wait: timedelta) -> datetime:
        at = self._clock.now() + wait
        return at if message.urgent else self._rules.after_quiet(at)

    async def _step(self, message: Message, action: str, note: str, **changes: object) -> Message | None:
        edge = MESSAGE.step(message.state, action, Actor.SYSTEM)
        step = Step(edge, Actor.SYSTEM, note=note, changes=changes, data=event_data(message))
        return await self._messages.step(message, step)


def wechat_fate(outcome: WechatOutcome) -> Fate:
    error = outcome.error
    note = f"wechat {error.errcode} {error.errmsg}" if error else f"wechat: {outcome.reason or outcome.delivery.value}"
    # A wait that WeChat itself asks for is kept; where nobody answered, the retry table alone decides.
    asked = timedelta(seconds=outcome.retry_after or 0) if error else _AT_ONCE
    return Fate(outcome.delivery, outcome.msgid, str(error.errcode) if error else "", note, asked)


def sms_fate(outcome: SmsResult) -> Fate:
    note = f"sms {outcome.code} {outcome.message}".strip() or f"sms: {outcome.delivery.value}"
    asked = timedelta(seconds=outcome.retry_after or 0) if outcome.code else _AT_ONCE
    return Fate(outcome.delivery, outcome.serial, outcome.code, note[:300], asked)
