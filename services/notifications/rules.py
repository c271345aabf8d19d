"""Which event becomes which message, as data; and the consumer that makes them.

The cause of a message is the event's id, so an event that is delivered twice makes one message.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from kernel.money import Fen, format_yuan
from services.events.actions import Consumer
from services.notifications.actions import Notifications
from services.store import Event

_BY_WORDS: Final = {"resident": "您本人", "staff": "服务大厅", "system": "系统"}


def as_text(value: Any) -> str:
    return str(value)


def as_window(value: Any) -> str:
    """ "3" -> 3号窗口; a window that already has a name keeps it."""
    text = str(value)
    return text if text.endswith(("窗口", "号", "台", "室")) else f"{text}号窗口"


def as_actor(value: Any) -> str:
    return _BY_WORDS.get(str(value), "系统")


def as_yuan(value: Any) -> str:
    """1230 fen -> 12.30元"""
    return f"{format_yuan(Fen(int(value)))}元"


def as_days(value: Any) -> str:
    """A promised limit in working days; 0: on the spot."""
    return f"{value}个工作日内" if int(value) else "当场"


def as_last_day(value: Any) -> str:
    """A day as told to residents; the day itself still counts."""
    day = value if isinstance(value, date) else date.fromisoformat(str(value))
    return f"{day.month}月{day.day}日前"


def as_outcome(value: Any) -> str:
    return "已批准" if value else "未批准"


def as_is(value: Any) -> Any:
    return value


@dataclass(frozen=True, slots=True)
class Take:
    """One value: from ``source`` in the event's data (default: the same name), or ``fallback`` where it is absent."""

    name: str
    source: str = ""
    convert: Callable[[Any], Any] = as_is
    fallback: Any = None


def always(data: Mapping[str, Any]) -> bool:
    return True


def asked_for_by_an_officer(data: Mapping[str, Any]) -> bool:
    """A bill of somebody's for a case or an appointment. Those of an issuer's file are not told of one by one: a file
    holds thousands, and who has bound the account is reminded before each is due."""
    return bool(data.get("person")) and data.get("subject_kind") != "account"


def has_unread(data: Mapping[str, Any]) -> bool:
    """A conversation that ended with words of an officer's which the resident has not seen."""
    return bool(data.get("unread"))


def was_handed_over(data: Mapping[str, Any]) -> bool:
    """A corrected result of which the resident has the wrong one in hand."""
    return bool(data.get("taken_back"))


@dataclass(frozen=True, slots=True)
class EventRule:
    """An event becomes a message of this template to the person that ``person`` names in its data, ``when`` its data
    are such."""

    template: str
    values: tuple[Take, ...]
    person: str = "person"
    when: Callable[[Mapping[str, Any]], bool] = always

    def read(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """The values; one that is missing stays missing, and ``do_notify`` says so."""
        found: dict[str, Any] = {}
        for take in self.values:
            value = data.get(take.source or take.name)
            if value not in (None, ""):
                found[take.name] = take.convert(value)
            elif take.fallback is not None:
                found[take.name] = take.fallback
        return found


_ITEM: Final = Take("item_name")
_CENTRE: Final = Take("centre_name")
_ADDRESS: Final = Take("centre_address", fallback="地址见预约详情")
_START: Final = Take("start")
_NUMBER: Final = Take("queue_number", convert=as_text)
_BOOKING: Final = Take("booking_id")
_TITLE: Final = Take("title", convert=as_text)
_BILL: Final = Take("bill_id")
_AMOUNT: Final = Take("amount", "amount_fen", as_yuan)
_REFUNDED: Final = EventRule("refund_paid", (_TITLE, _BILL, _AMOUNT, Take("reason", convert=as_text)))
_CASE: Final = (_ITEM, Take("number"), Take("case_id"))
_CASE_CENTRE: Final = (*_CASE, _CENTRE)
_ACCEPTED: Final = EventRule("case_accepted", (*_CASE, Take("promised", "promised_days", as_days)))
_SUPPLEMENT: Final = EventRule(
    "case_supplement", (*_CASE, Take("count", convert=as_text), Take("until", convert=as_last_day, fallback="尽快"))
)
_DECIDED: Final = EventRule("case_decided", (*_CASE, Take("outcome", "granted", as_outcome)))
_PLACE: Final = (_ITEM, _CENTRE, _ADDRESS, _START, _NUMBER, _BOOKING)
_UNREAD: Final = EventRule("conversation_unread", (Take("conversation_id"),), when=has_unread)

_COMPLAINT: Final = (Take("complaint_id"), Take("kind_words", convert=as_text), Take("filed_on", convert=as_text))

RULES: Final[Mapping[str, EventRule]] = {
    "booking.confirmed": EventRule("booking_confirmed", _PLACE),
    "booking.reminder_due": EventRule("booking_reminder", _PLACE),
    "booking.moved": EventRule("booking_moved", _PLACE),
    # Also when residents cancel themselves: it confirms that the place is free again.
    "booking.cancelled": EventRule(
        "booking_cancelled", (_ITEM, _CENTRE, _START, _BOOKING, Take("by_words", "by", as_actor, fallback="系统"))
    ),
    "booking.offered": EventRule("place_offered", (_ITEM, _CENTRE, _ADDRESS, _START, _BOOKING, Take("until"))),
    "booking.offer_lapsed": EventRule("offer_lapsed", (_ITEM, _CENTRE, _START, _BOOKING)),
    "booking.no_show": EventRule("booking_no_show", (_ITEM, _CENTRE, _START, _BOOKING)),
    "conversation.form_answered": EventRule("form_answered", (Take("conversation_id"),)),
    # Who was there at the end has seen it end: told is only who has not read what staff said.
    "conversation.closed": _UNREAD,
    "conversation.timed_out": _UNREAD,
    "complaint.answered": EventRule("complaint_answered", _COMPLAINT),
    "complaint.rejected": EventRule("complaint_rejected", _COMPLAINT),
    "complaint.merged": EventRule("complaint_merged", _COMPLAINT),
    "booking.called": EventRule(
        "booking_called", (_ITEM, _CENTRE, _NUMBER, _BOOKING, Take("window", convert=as_window))
    ),
    "case.accepted": _ACCEPTED,
    "case.accepted_by_silence": _ACCEPTED,
    "case.supplement_requested": _SUPPLEMENT,
    "case.second_notice": _SUPPLEMENT,
    "case.supplement_due": _SUPPLEMENT,
    "case.refused": EventRule("case_refused", _CASE_CENTRE),
    "case.granted": _DECIDED,
    "case.denied": _DECIDED,
    "case.ready": EventRule("case_ready", _CASE_CENTRE),
    "case.issued": EventRule("case_issued", _CASE),
    "case.result_corrected": EventRule("case_corrected", _CASE_CENTRE, when=was_handed_over),
    "bill.issued": EventRule("bill_issued", (_TITLE, _BILL, _AMOUNT), when=asked_for_by_an_officer),
    "person.identity_released": EventRule("identity_released", ()),
    "bill.paid": EventRule("bill_paid", (_TITLE, _BILL, _AMOUNT)),
    "bill.due_soon": EventRule("bill_due", (_TITLE, _BILL, _AMOUNT, Take("due_at"))),
    "refund.succeeded": _REFUNDED,
    "refund.settled_by_hand": _REFUNDED,
}


def consumer(notifications: Notifications, rules: Mapping[str, EventRule] = RULES) -> Consumer:
    """The consumer "notify". Raises InvalidInput out of ``take`` for an event that lacks a value: a dead letter."""

    async def take(event: Event) -> None:
        rule = rules[event.name]
        # The aggregate is the booking, should the data not name it.
        data = {"booking_id": event.aggregate, **event.data}
        # A case that a window took in for somebody without an account: there is nobody to send to, said by "".
        if data.get(rule.person) == "" or not rule.when(data):
            return
        await notifications.do_notify(str(data.get(rule.person) or ""), rule.template, rule.read(data), event.id)

    return Consumer("notify", frozenset(rules), take)
