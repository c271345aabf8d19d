"""What staff see of conversations, the same over HTTP and over the WebSocket."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from handlers.chat import EntryView
from kernel.clock import SHANGHAI
from kernel.machine import Actor
from kernel.masking import scrub
from services.cases.machine import MACHINE as CASE
from services.cases.model import Case
from services.city import City
from services.consultations.access import StaffCaller
from services.consultations.clocks import Reading
from services.consultations.machine import CONVERSATION
from services.consultations.model import Conversation, Form, Officer
from services.identity.model import Profile
from services.identity.staff.model import Role, StaffSession


class ClockView(Struct, kw_only=True):
    """Minutes are working minutes."""

    name: str
    colour: str
    used: float
    limit: int
    due_at: datetime
    running: bool


class DeskConversation(Struct, kw_only=True):
    """A conversation in a list. The person is an id: who it is shows the conversation itself, masked.

    ``last_owner``: who had it last, and still may read it."""

    id: str
    state: str
    person: str
    owner: str | None
    last_owner: str | None
    members: list[str]
    department: str
    topic: str
    language: str
    reason: str
    note: str
    created_at: datetime
    queued_at: datetime | None
    waiting_since: datetime | None
    closed_at: datetime | None
    read_resident: int
    read_staff: int
    clocks: list[ClockView]
    actions: list[str]


class MatchedView(Struct, kw_only=True):
    """An item that the bot found."""

    item: str
    version: int
    name: str
    probability: float


class OpenCase(Struct, kw_only=True):
    """A case of the resident's that is under way; what was handed in is seen with the case."""

    case_id: str
    number: str
    item: str
    item_name: str
    department: str
    state: str
    submitted_at: datetime | None


class ConversationPage(Struct, kw_only=True):
    """All that an officer opens with. ``question``: of the off-hours form, masked; ``left_contact``: with it another
    way to reach them, to be read in clear; ``cases``: the resident's open ones."""

    conversation: DeskConversation
    resident: Profile | None
    matched: list[MatchedView]
    cases: list[OpenCase]
    question: str
    left_contact: bool
    entries: list[EntryView]


class OfficerView(Struct, kw_only=True):
    staff_id: str
    status: str
    seen_at: datetime
    departments: list[str]
    topics: list[str]
    languages: list[str]
    capacity: int


def staff_caller(session: StaffSession, address: str = "") -> StaffCaller:
    return StaffCaller(session.staff_id, Role.SUPERVISOR in session.roles, address)


def desk_view(city: City, one: Conversation) -> DeskConversation:
    return DeskConversation(
        id=one.id,
        state=one.state,
        person=one.person,
        owner=one.owner,
        last_owner=one.last_owner,
        members=one.members,
        department=one.needs.department,
        topic=one.needs.topic,
        language=one.needs.language,
        reason=one.reason,
        note=one.note,
        created_at=one.created_at.astimezone(SHANGHAI),
        queued_at=_local(one.queued_at),
        waiting_since=_local(one.waiting_since),
        closed_at=_local(one.closed_at),
        read_resident=one.read_resident,
        read_staff=one.read_staff,
        clocks=[_clock(reading) for reading in city.consultation_queries.clocks(one)],
        actions=CONVERSATION.allowed(one.state, Actor.STAFF),
    )


def page_view(
    city: City, one: Conversation, resident: Profile | None, entries: list[EntryView], cases: list[OpenCase]
) -> ConversationPage:
    return ConversationPage(
        conversation=desk_view(city, one),
        resident=resident,
        matched=[MatchedView(**{key: found[key] for key in MatchedView.__struct_fields__}) for found in one.matched],
        cases=cases,
        question=_question(one.left_form, entries) if one.left_form is not None else "",
        left_contact=one.left_form is not None and bool(one.left_form.contact),
        entries=entries,
    )


def _question(form: Form, entries: list[EntryView]) -> str:
    """As the transcript shows it: masked, or left out with the reason why."""
    said = next((one for one in reversed(entries) if one.data.get("form") and one.at >= form.at), None)
    return scrub(form.question) if said is None else said.masked or said.text


def is_open(case: Case) -> bool:
    """Handed in, and neither finished nor withdrawn."""
    return case.number is not None and case.state not in CASE.final


def open_case(case: Case) -> OpenCase:
    return OpenCase(
        case_id=case.id,
        number=case.number or "",
        item=case.item,
        item_name=case.item_name,
        department=case.department,
        state=case.state,
        submitted_at=_local(case.submitted_at),
    )


def officer_view(officer: Officer) -> OfficerView:
    return OfficerView(
        staff_id=officer.id,
        status=officer.status,
        seen_at=officer.seen_at.astimezone(SHANGHAI),
        departments=officer.departments,
        topics=officer.topics,
        languages=officer.languages,
        capacity=officer.capacity,
    )


def _clock(reading: Reading) -> ClockView:
    return ClockView(
        name=reading.name,
        colour=reading.colour,
        used=reading.used,
        limit=reading.limit,
        due_at=reading.due_at.astimezone(SHANGHAI),
        running=reading.running,
    )


def _local(at: datetime | None) -> datetime | None:
    return None if at is None else at.astimezone(SHANGHAI)
