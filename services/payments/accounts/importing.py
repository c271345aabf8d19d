"""An issuer's file of bills: all lines or none, and importing it twice doubles nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, time, timedelta

from kernel.clock import Clock, local_instant
from kernel.errors import Conflict, InvalidInput
from kernel.ids import Ids, Kind
from kernel.machine import Actor
from kernel.money import parse_yuan
from services.imports import Parsed, Rejection, parse
from services.payments.accounts.machine import ACCOUNT, OPEN
from services.payments.accounts.model import Account, BillRecord, ImportReport, same_name
from services.payments.accounts.store import AccountStore
from services.payments.actions import MAX_FEN, MAX_TITLE, Payments, told
from services.payments.machine import ISSUE
from services.payments.model import Bill, BillLine, SubjectKind
from services.payments.store import BillStore
from services.store import Duplicate, Step, Transaction

ATTEMPTS = 4
_NUMBER = re.compile(r"[0-9A-Za-z-]{1,32}")
_LENGTHS = {"issuer": 40, "holder": 60, "title": 60, "period": 30, "reference": 64}


class _Overtaken(Exception):
    """Somebody has bound or renamed one of the accounts meanwhile: read again."""


class Importing:
    """Bills from files."""

    def __init__(self, accounts: AccountStore, bills: BillStore, payments: Payments, clock: Clock, ids: Ids) -> None:
        self._accounts, self._bills, self._payments = accounts, bills, payments
        self._clock, self._ids = clock, ids

    async def do_import(self, text: bytes, by: str, actor: Actor = Actor.STAFF) -> ImportReport:
        """Imports a CSV file (UTF-8; header: issuer, kind, account_number, holder, title, period, amount, due_on,
        reference). Every faulty line is named with its field and the reason; one fault and nothing is imported.

        One transaction over new accounts and bills, so that a file is in wholly or not at all.
        """
        parsed = parse(text, BillRecord, _faults, lambda r: r.request_key, as_csv=True, key_field="reference")
        report = ImportReport(lines=len(parsed.records), rejections=list(parsed.rejections))
        report.rejections += _contradictions(parsed)
        if report.rejections:
            return report
        for _ in range(ATTEMPTS):
            try:
                return await self._written(parsed, by, actor)
            except (Duplicate, _Overtaken):
                continue  # another import of the same lines: they are known now
        raise Conflict

    async def _written(self, parsed: Parsed[BillRecord], by: str, actor: Actor) -> ImportReport:
        records = parsed.records
        report = ImportReport(lines=len(records))
        known = await self._bills.of_requests([record.request_key for record in records])
        for number, record in zip(parsed.lines, records, strict=True):
            bill = known.get(record.request_key)
            if bill is not None and (fault := _differs(bill, record)):
                report.rejections.append(Rejection(number, fault, "与这个编号上次导入的内容不同"))
        if report.rejections:
            return report
        fresh = [record for record in records if record.request_key not in known]
        report.known, report.made = len(known), len(fresh)
        accounts = await self._accounts.many(sorted({record.account for record in fresh}))
        opened, renamed = await self._changed(fresh, accounts)
        report.accounts, report.renamed = len(opened), len(renamed)
        owners = {key: account.person for key, account in accounts.items()}
        owners |= {account.key: None for account, _ in renamed}
        holders = {account.key: account.holder for account in (*accounts.values(), *opened)}
        holders |= {account.key: holder for account, holder in renamed}
        born = [self._bill(record, owners.get(record.account), holders[record.account]) for record in fresh]

        async def write(session: Transaction) -> None:
            open_step = Step(OPEN, actor, by)
            await self._accounts.create_many([(account, open_step) for account in opened], session)
            for account, holder in renamed:
                edge = ACCOUNT.step(account.state, "rename", actor)
                changes = {"holder": holder, "person": None, "bound_at": None}
                step = Step(edge, actor, by, changes=changes, data={"person": account.person})
                if await self._accounts.step(account, step, session) is None:
                    raise _Overtaken
            await self._bills.create_many([(b, Step(ISSUE, actor, by, data=told(b))) for b in born], session)

        if born:
            await self._bills.in_transaction(write)
        return report

    async def _changed(
        self, records: Sequence[BillRecord], accounts: dict[str, Account]
    ) -> tuple[list[Account], list[tuple[Account, bytes]]]:
        """Accounts that are new, and those whose holder is another now."""
        opened: list[Account] = []
        renamed: list[tuple[Account, bytes]] = []
        seen: set[str] = set()
        now = self._clock.now()
        for record in records:
            if record.account in seen:
                continue
            seen.add(record.account)
            account = accounts.get(record.account)
            if account is None:
                opened.append(
                    Account(
                        id=self._ids.new(Kind.ACCOUNT), state="", created_at=now, updated_at=now, key=record.account,
                        kind=record.kind, number=record.account_number, issuer=record.issuer,
                        holder=await self._accounts.seal(record.holder),
                    )
                )  # fmt: skip
            elif same_name(await self._accounts.holder(account)) != same_name(record.holder):
                renamed.append((account, await self._accounts.seal(record.holder)))
        return opened, renamed

    def _bill(self, record: BillRecord, person: str | None, holder: bytes) -> Bill:
        now, amount, due_at = self._clock.now(), int(parse_yuan(record.amount, field="amount")), _due(record)
        return Bill(
            id=self._ids.new(Kind.BILL), state="", created_at=now, updated_at=now, subject_kind=SubjectKind.ACCOUNT,
            subject=record.account_number, person=person, account_kind=record.kind.value,
            account_number=record.account_number, holder=holder, payee=record.issuer, title=_title(record),
            lines=[BillLine(name=_title(record), amount_fen=amount)], amount_fen=amount, due_at=due_at,
            wake_at=self._payments.reminder(person, due_at), request_key=record.request_key,
        )  # fmt: skip


def _title(record: BillRecord) -> str:
    return f"{record.title}（{record.period}）"


def _due(record: BillRecord) -> datetime | None:
    """The end of the last day."""
    return None if record.due_on is None else local_instant(record.due_on + timedelta(days=1), time(0))


def _faults(record: BillRecord) -> Iterable[tuple[str, str]]:
    for name, longest in _LENGTHS.items():
        text = getattr(record, name)
        if not 1 <= len(text.strip()) == len(text) <= longest or not text.isprintable():
            yield name, f"应为 1 到 {longest} 个字，不能有空白或看不见的字符"
    if not _NUMBER.fullmatch(record.account_number):
        yield "account_number", "应为 1 到 32 位字母、数字或连字符"
    if len(_title(record)) > MAX_TITLE:
        yield "title", f"加上账期不能超过 {MAX_TITLE} 个字"
    try:
        amount = parse_yuan(record.amount, field="amount")
    except InvalidInput:
        yield "amount", "应以元填写，最多两位小数，例如 12.30"
    else:
        if not 1 <= amount <= MAX_FEN:
            yield "amount", f"应在 0.01 到 {MAX_FEN // 100} 元之间"
    if record.due_on is not None and not 2000 <= record.due_on.year <= 2199:
        yield "due_on", "没有这个年份"


def _contradictions(parsed: Parsed[BillRecord]) -> list[Rejection]:
    """Lines of one file that name two holders, or two issuers, of one account."""
    found: list[Rejection] = []
    first: dict[str, tuple[int, BillRecord]] = {}
    for number, record in zip(parsed.lines, parsed.records, strict=True):
        line, other = first.setdefault(record.account, (number, record))
        if same_name(other.holder) != same_name(record.holder):
            found.append(Rejection(number, "holder", f"与第 {line} 行不同"))
        if other.issuer != record.issuer:
            found.append(Rejection(number, "issuer", f"与第 {line} 行不同"))
    return found


def _differs(bill: Bill, record: BillRecord) -> str | None:
    """The field in which a line is not what its reference was before."""
    if bill.amount_fen != parse_yuan(record.amount, field="amount"):
        return "amount"
    if (bill.account_kind, bill.account_number) != (record.kind.value, record.account_number):
        return "account_number"
    if bill.title != _title(record):
        return "title"
    return None if bill.due_at == _due(record) else "due_on"
