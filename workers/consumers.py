"""Who wants to know of which events. Every consumer is idempotent by event id: the relay delivers at least once."""

from __future__ import annotations

from redis.asyncio import Redis

from handlers.hub import publish
from services.appointments.machine import FREEING, HOLD, MACHINE, WAIT
from services.cases.machine import EVENTS as CASE_EVENTS
from services.catalogue.machine import MACHINE as ITEM
from services.city import City
from services.complaints.machine import FILE as FILE_COMPLAINT
from services.complaints.machine import MACHINE as COMPLAINT
from services.consultations.machine import CONVERSATION_EVENTS, STIRRING
from services.events.actions import Consumer
from services.notifications.machine import MESSAGE
from services.notifications.rules import consumer as notify
from services.payments.accounts.machine import BILLS_MOVING, MOVING
from services.payments.accounts.machine import EVENTS as ACCOUNT_EVENTS
from services.payments.machine import BILL, ISSUE, ORDER, REFUND, REQUEST, START
from services.payments.model import SubjectKind
from services.store import Event
from services.supervision.model import KINDS as SUPERVISED
from services.supervision.model import SETTLING

BOOKING_EVENTS = frozenset(edge.event for edge in (*MACHINE.edges, HOLD, WAIT))
MESSAGE_EVENTS = frozenset(edge.event for edge in MESSAGE.edges)
PAYMENT_EVENTS = frozenset(edge.event for edge in (*BILL.edges, *ORDER.edges, *REFUND.edges, ISSUE, START, REQUEST))
COMPLAINT_EVENTS = frozenset(edge.event for edge in (*COMPLAINT.edges, FILE_COMPLAINT))
# An answer for those merged, or one more who is merged, perhaps after the answer.
SHARED_ANSWERS = frozenset({"complaint.answered", "complaint.rejected", "complaint.merged"})
# Who stands further back in the queue asks again by themselves.
TOLD_PLACES = 50
ITEM_EVENTS = frozenset(edge.event for edge in ITEM.edges)


# Events that nobody listens to, and why that is right. A test holds every event of every machine to a consumer or here.
UNHEARD = {
    "item": "a draft is for the item's history; publications are heard, and seen by their revision count",
    "knowledge": "processes see a publication by its revision count; the rest is for the entry's history",
    "proposal": "kept in the proposal's history; what it changes in an item is that item's event",
    "reconciliation": "kept in the day's history; a refused bill is logged and shown at /staff/reconciliation",
    "difference": "kept in the difference's history; its timer asks WeChat Pay, staff read the day",
    "rating": "kept in the rating's history; supervisors read the open follow-ups",
    "person": "kept in the account's history; nothing follows from them yet",
    "supervision": "supervisors read the open entries themselves; the rest is for the entry's history",
    "staff": "the audit is written by the action itself, not by way of an event",
}


def consumers(city: City, redis: Redis) -> list[Consumer]:
    """All of them."""
    return [
        notify(city.notifications),
        waiting_list(city),
        payments(city),
        case_fees(city),
        accounts(city),
        *conversations(city),
        dropped_files(city),
        merged_complaints(city),
        supervision(city),
        settled_proposals(city),
        live(redis),
    ]


def waiting_list(city: City) -> Consumer:
    """Offers freed places to who waits. Idempotent: a place that is taken again is not offered again."""

    async def take(event: Event) -> None:
        slot = event.data.get("freed_slot")
        # One freed place, one offer; but as many as there are places, when an earlier event found nobody in time.
        while slot is not None and await city.appointments.do_offer_freed(str(slot)) is not None:
            pass

    return Consumer("waiting_list", FREEING, take)


def payments(city: City) -> Consumer:
    """Ends the order of a bill that was cancelled. Idempotent: the second time no order is live."""

    async def take(event: Event) -> None:
        await city.pay_orders.do_abandon(event.aggregate)

    return Consumer("payments", frozenset({"bill.cancelled"}), take)


def case_fees(city: City) -> Consumer:
    """Cancels what is open of a case that came to nothing. Hears of every new bill too, should it have been made at the
    moment in which its case ended. Idempotent: a cancelled bill is not open."""

    async def take(event: Event) -> None:
        if event.name == ISSUE.event:
            if event.data.get("subject_kind") == SubjectKind.CASE:
                await city.cases.do_drop_fees(str(event.data["subject"]))
        else:
            await city.cases.do_drop_fees(event.aggregate)

    return Consumer("case_fees", frozenset({"case.withdrawn", "case.refused", ISSUE.event}), take)


def accounts(city: City) -> Consumer:
    """Open bills follow whoever has bound their account. Idempotent: what is in line is left alone."""

    async def take(event: Event) -> None:
        await city.pay_accounts.do_follow(event)

    return Consumer("accounts", MOVING | BILLS_MOVING, take)


def conversations(city: City) -> list[Consumer]:
    """Entries of changes of state, should the process that made the change have died over it; and the places of who
    waits. Idempotent: an entry is named after its event, and a place told twice is the same place."""

    async def transcript(event: Event) -> None:
        await city.consultations.do_announce(event)

    async def queue(event: Event) -> None:
        for place, waiting in enumerate((await city.consultation_queries.queue())[:TOLD_PLACES], 1):
            await city.live.tell(waiting.id, {"type": "queue", "place": place})

    return [Consumer("transcript", CONVERSATION_EVENTS, transcript), Consumer("queue", STIRRING, queue)]


def dropped_files(city: City) -> Consumer:
    """Lets go of the files that a case referred to until this version. Idempotent, and harmless when late: what a newer
    version refers to again is marked as the newer version's."""

    async def take(event: Event) -> None:
        await city.files.do_drop(event.data.get("files", []), event.aggregate, event.aggregate_version)

    return Consumer("dropped_files", CASE_EVENTS, take)


def merged_complaints(city: City) -> Consumer:
    """Hands an answer or a rejection on to the complaints merged into it. Idempotent: who has it waits no more."""

    async def take(event: Event) -> None:
        await city.complaints.do_share(event.aggregate)

    return Consumer("merged_complaints", SHARED_ANSWERS, take)


def settled_proposals(city: City) -> Consumer:
    """Takes back proposals for an item that says it by now, or is gone. Idempotent: what is withdrawn waits no more."""

    async def take(event: Event) -> None:
        await city.learning_review.do_withdraw_settled(event.aggregate)

    return Consumer("settled_proposals", frozenset({"item.published", "item.withdrawn"}), take)


def supervision(city: City) -> Consumer:
    """Opens an entry for what supervisors have to look at, settles warnings of what is decided. Idempotent: an entry is
    made once for an event, and what is settled stays so."""

    async def take(event: Event) -> None:
        if event.name in SUPERVISED:
            await city.supervision.do_open(event)
        else:
            await city.supervision.do_settle(event)

    return Consumer("supervision", frozenset({*SUPERVISED, *SETTLING}), take)


def live(redis: Redis) -> Consumer:
    """Tells the resident's open screens to read again. Sent twice, it is read twice: harmless."""

    async def take(event: Event) -> None:
        person = event.data.get("person")
        if person:
            told = {"id": event.id, "name": event.name, "aggregate": event.aggregate, "at": event.at}
            await publish(redis, str(person), told)

    return Consumer(
        "live",
        BOOKING_EVENTS
        | CASE_EVENTS
        | MESSAGE_EVENTS
        | PAYMENT_EVENTS
        | ACCOUNT_EVENTS
        | CONVERSATION_EVENTS
        | COMPLAINT_EVENTS,
        take,
    )
