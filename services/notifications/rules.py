"""Which event becomes which message, as data; and the consumer that makes them.

The cause of a message is the event's id, so an event that is delivered twice makes one message.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

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


def as_is(value: Any) -> Any:
    return value


@dataclass(frozen=True, slots=True)
class Take:
    """One value: from ``source`` in the event's data (default: the same name), or ``fallback`` where it is absent."""

    name: str
    source: str = ""
    convert: Callable[[Any], Any] = as_is
    fallback: Any = None


@dataclass(frozen=True, slots=True)
class EventRule:
    """An event becomes a message of this template to the person that ``person`` names in its data."""

    template: str
    values: tuple[Take, ...]
    person: str = "person"

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
_PLACE: Final = (_ITEM, _CENTRE, _ADDRESS, _START, _NUMBER, _BOOKING)

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
    "booking.called": EventRule(
        "booking_called", (_ITEM, _CENTRE, _NUMBER, _BOOKING, Take("window", convert=as_window))
    ),
}


def consumer(notifications: Notifications, rules: Mapping[str, EventRule] = RULES) -> Consumer:
    """The consumer "notify". Raises InvalidInput out of ``take`` for an event that lacks a value: a dead letter."""

    async def take(event: Event) -> None:
        rule = rules[event.name]
        # The aggregate is the booking, should the data not name it.
        data = {"booking_id": event.aggregate, **event.data}
        await notifications.do_notify(str(data.get(rule.person) or ""), rule.template, rule.read(data), event.id)

    return Consumer("notify", frozenset(rules), take)
