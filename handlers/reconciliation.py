"""Staff and the daily bill: reconciled days, their differences and what became of them; files of bills."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from handlers.base import Call
from handlers.routing import WORDS, Idempotency, Limit, Route, staff
from handlers.uploads import one_file
from kernel.clock import SHANGHAI
from kernel.errors import Code, InvalidInput
from kernel.machine import Actor
from services.payments.accounts.model import AccountKind
from services.payments.reconciliation.machine import DIFFERENCE
from services.payments.reconciliation.model import Day, Difference, Resolution, Run, Totals

# Of a file's faults so many are listed; whoever mends these sends it again.
LISTED_FAULTS = 200


class DaysQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``from`` and ``to``: days of WeChat Pay, the last 31 when left out, 92 at most."""

    first: date | None = msgspec.field(name="from", default=None)
    last: date | None = msgspec.field(name="to", default=None)


class ResolveRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``adopted`` asks WeChat Pay again; ``written_off`` books the gap; the others are an officer's word."""

    resolution: Resolution
    note: Annotated[str, Meta(min_length=1, max_length=200, pattern=WORDS)]


class ReleaseRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    kind: AccountKind
    account_number: Annotated[str, Meta(min_length=1, max_length=32)]
    reason: Annotated[str, Meta(min_length=1, max_length=80, pattern=WORDS)]


class DayView(Struct, kw_only=True):
    """``state``: due (no bill yet), refused (a bill that must not be used came; asked for again), compared."""

    day: str
    state: str
    open_differences: int
    totals: Totals | None
    attempts: int
    last_error: str
    next_attempt_at: datetime | None
    updated_at: datetime


class DayList(Struct, kw_only=True):
    days: list[DayView]


class DifferenceView(Struct, kw_only=True):
    """``gap_fen``: what WeChat Pay's account has more than our books because of it."""

    id: str
    day: str
    kind: str
    state: str
    number: str
    order: str | None
    transaction_id: str | None
    ours_fen: int | None
    theirs_fen: int | None
    gap_fen: int
    detail: str
    checked: str
    resolution: str | None
    resolved_by: str | None
    resolved_at: datetime | None
    note: str
    actions: list[str]


class DayDetail(Struct, kw_only=True):
    day: DayView
    runs: list[Run]
    differences: list[DifferenceView]


class ImportView(Struct, kw_only=True):
    """What a file has led to. ``bills_known``: lines that were imported before."""

    lines: int
    bills_made: int
    bills_known: int
    accounts_opened: int
    accounts_renamed: int


class ReleasedAccount(Struct, kw_only=True):
    kind: str
    account_number: str
    state: str


async def list_days(call: Call, query: DaysQuery) -> DayList:
    lines = await call.city.reconciliation_queries.days(query.first, query.last)
    return DayList(days=[_day(line.day, line.open) for line in lines])


async def read_day(call: Call, day: str) -> DayDetail:
    return await _detail(call, _parsed(day).isoformat())


async def run_day(call: Call, day: str) -> DayDetail:
    """Fetches a day's bill and compares, again if need be: the same bill and books give the same differences."""
    await call.city.reconciliation.do_run(_parsed(day), call.officer.staff_id, Actor.STAFF)
    return await _detail(call, day)


async def resolve(call: Call, difference_id: str, body: ResolveRequest) -> DifferenceView:
    """Says what became of a difference."""
    args = (call.officer.staff_id, difference_id, body.resolution, body.note)
    return _difference(await call.city.resolving.do_resolve(*args))


async def import_bills(call: Call) -> ImportView:
    """A CSV file of an issuer's bills: all lines or none. Columns: issuer, kind, account_number, holder, title, period,
    amount (yuan), due_on, reference. The same file again makes nothing twice."""
    upload = one_file(call)
    report = await call.city.bill_imports.do_import(upload.data, call.officer.staff_id)
    if report.rejections:
        faults = [{"line": r.line, "field": r.field, "reason": r.reason} for r in report.rejections[:LISTED_FAULTS]]
        raise InvalidInput(Code.IMPORT_REJECTED, field="file", faults=len(report.rejections), rejections=faults)
    return ImportView(
        lines=report.lines, bills_made=report.made, bills_known=report.known, accounts_opened=report.accounts,
        accounts_renamed=report.renamed,
    )  # fmt: skip


async def release_account(call: Call, body: ReleaseRequest) -> ReleasedAccount:
    """Takes an account from whoever has bound it: moved out, or the wrong person."""
    args = (call.officer.staff_id, body.kind, body.account_number, body.reason)
    account = await call.city.pay_accounts.do_release(*args)
    return ReleasedAccount(kind=account.kind.value, account_number=account.number, state=account.state)


async def _detail(call: Call, day: str) -> DayDetail:
    record, differences = await call.city.reconciliation_queries.day(day)
    still_open = sum(one.state == "open" for one in differences)
    shown = [_difference(one) for one in differences]
    return DayDetail(day=_day(record, still_open), runs=record.runs, differences=shown)


def _parsed(day: str) -> date:
    try:
        return date.fromisoformat(day)
    except ValueError:
        raise InvalidInput(field="day", reason="YYYY-MM-DD") from None


def _day(day: Day, still_open: int) -> DayView:
    return DayView(
        day=day.id, state=day.state, open_differences=still_open, totals=day.totals, attempts=day.attempts,
        last_error=day.last_error, next_attempt_at=_local(day.wake_at), updated_at=day.updated_at.astimezone(SHANGHAI),
    )  # fmt: skip


def _difference(one: Difference) -> DifferenceView:
    return DifferenceView(
        id=one.id, day=one.day, kind=one.kind.value, state=one.state, number=one.number, order=one.order,
        transaction_id=one.transaction_id, ours_fen=one.ours_fen, theirs_fen=one.theirs_fen, gap_fen=one.gap_fen,
        detail=one.detail, checked=one.checked, resolution=one.resolution, resolved_by=one.resolved_by,
        resolved_at=_local(one.resolved_at), note=one.note,
        actions=[action for action in DIFFERENCE.allowed(one.state, Actor.STAFF) if action == "resolve"],
    )  # fmt: skip


def _local(instant: datetime | None) -> datetime | None:
    return None if instant is None else instant.astimezone(SHANGHAI)


_MONEY = staff("supervisor", "administrator")
_BOOKS = staff("supervisor", "administrator", "auditor")
_READ = (_BOOKS, Limit.READ, Idempotency.SAFE)
_DAY = "/staff/reconciliation/{day}"
_OUTSIDE = (Code.PAY_NOT_OFFERED, Code.UPSTREAM_FAILED, Code.UNAVAILABLE)

ROUTES = [
    Route("GET", "/staff/reconciliation", list_days, *_READ, "Reconciled days"),
    Route("GET", _DAY, read_day, *_READ, "A day's reconciliation", (Code.DAY_NOT_FOUND,)),
    Route(
        "POST", f"{_DAY}/run", run_day, _MONEY, Limit.WRITE, Idempotency.NATURAL, "Reconcile a day again",
        (Code.CONFLICT, *_OUTSIDE),
    ),
    Route(
        "POST", "/staff/differences/{difference_id}/resolve", resolve, _MONEY, Limit.WRITE, Idempotency.KEY,
        "Resolve a difference",
        (Code.DIFFERENCE_NOT_FOUND, Code.DIFFERENCE_REMAINS, Code.ACTION_NOT_ALLOWED, Code.CONFLICT, *_OUTSIDE),
    ),
    Route(
        "POST", "/staff/bills/import", import_bills, _MONEY, Limit.WRITE, Idempotency.NATURAL,
        "Import a file of bills", (Code.IMPORT_REJECTED, Code.CONFLICT), upload=True,
    ),
    Route(
        "POST", "/staff/accounts/release", release_account, _MONEY, Limit.WRITE, Idempotency.KEY,
        "Release a bound account", (Code.ACCOUNT_NOT_FOUND, Code.ACTION_NOT_ALLOWED, Code.CONFLICT),
    ),
]  # fmt: skip
