"""Who a resident is, put right at a window: an account found by the ID number it bears, and freed of it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from handlers.base import Call
from handlers.reading_clear import ClearReason
from handlers.routing import Idempotency, Limit, Route, staff
from kernel.clock import SHANGHAI, local_day
from kernel.errors import Code, NotFound
from kernel.identifiers import parse_resident_id
from kernel.ids import Kind, normalise
from kernel.masking import scrub
from services.identity.model import Profile

IdNumber = Annotated[str, Meta(min_length=1, max_length=40)]


class FindResidentRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole ID number, from the card that lies on the desk: nobody is found by a part of it."""

    id_number: IdNumber
    reason: ClearReason


class ReleaseIdentityRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``id_number``: the one that was found; an account that bears another by now is left alone."""

    id_number: IdNumber
    reason: ClearReason


class ResidentOnFile(Struct, kw_only=True):
    """An account as the desk sees it: masked, and how much is open on it."""

    profile: Profile
    verified_at: datetime | None
    open_cases: int
    open_bookings: int
    open_bills: int


class FoundResident(Struct, kw_only=True):
    """``resident``: None when the number is free, so that its owner can give it."""

    resident: ResidentOnFile | None


async def find(call: Call, body: FindResidentRequest) -> FoundResident:
    """The account that bears an ID number. Who looked, why, and whom they found is written down first."""
    number = parse_resident_id(body.id_number, today=local_day(call.city.clock.now()), field="$.id_number").number
    bearer = await call.city.identity_queries.bearer(number)
    whom = "nobody" if bearer is None else bearer.profile.person_id
    await _note(call, f"resident.find {whom}", body.reason)
    if bearer is None:
        return FoundResident(resident=None)
    matters = await call.city.residents.open_matters(whom)
    return FoundResident(
        resident=ResidentOnFile(
            profile=bearer.profile,
            verified_at=None if bearer.verified_at is None else bearer.verified_at.astimezone(SHANGHAI),
            open_cases=len(matters.cases),
            open_bookings=len(matters.bookings),
            open_bills=len(matters.bills),
        )
    )


async def release_identity(call: Call, person: str, body: ReleaseIdentityRequest) -> Profile:
    """The account loses name and ID number and is signed out; its holder is told."""
    person_id = normalise(person, Kind.PERSON)
    if person_id is None:
        raise NotFound(person=person)
    await call.city.identity_queries.active(person_id)
    # Before it is done: what is not in the audit is not done.
    await _note(call, f"resident.release_identity {person_id}", body.reason)
    return await call.city.identity.do_release_identity(person_id, body.id_number, by=call.officer.staff_id)


async def _note(call: Call, what: str, reason: str) -> None:
    """The audit is read by people who have no business with ID numbers: one in the reason is masked."""
    await call.city.staff.do_read_clear(what, scrub(reason), call.officer.staff_id, call.address)


_DESK = staff("window_officer", "supervisor")

ROUTES = [
    # Counted as sign-ins are, over all processes: an ID number is not to be guessed here.
    Route(
        "POST", "/staff/residents/find", find, _DESK, Limit.LOGIN, Idempotency.NATURAL,
        "Find an account by its ID number", (Code.INVALID_ID_NUMBER,),
    ),
    Route(
        "POST", "/staff/residents/{person}/release-identity", release_identity, _DESK, Limit.LOGIN,
        Idempotency.NATURAL, "Free an ID number", (Code.INVALID_ID_NUMBER, Code.NOT_FOUND, Code.CONFLICT),
    ),
]  # fmt: skip
