"""Binding an imported account, letting it go, and bringing its open bills in line with whose it is."""

from __future__ import annotations

import hmac
from datetime import time, timedelta

from kernel.clock import Clock, local_day, local_instant
from kernel.errors import ActionNotAllowed, Code, Conflict, NotFound, TooManyRequests
from kernel.machine import Actor
from services.payments.accounts.machine import ACCOUNT, BILLS_MOVING
from services.payments.accounts.model import Account, AccountKind, account_key, same_name
from services.payments.accounts.store import AccountStore, BindingAttemptStore
from services.payments.actions import Payments, told
from services.payments.machine import BILL
from services.payments.model import Bill, SubjectKind
from services.payments.store import BillStore
from services.store import Event, Step

ATTEMPTS = 4
# A day. Names are easily guessed where the number is known, so whoever asks and what is asked after are both counted.
PER_PERSON, PER_ACCOUNT = 10, 20


class Accounts:
    """All changes of accounts but by import."""

    def __init__(
        self, accounts: AccountStore, attempts: BindingAttemptStore, bills: BillStore, payments: Payments, clock: Clock
    ) -> None:
        self._accounts, self._attempts, self._bills = accounts, attempts, bills
        self._payments, self._clock = payments, clock

    async def do_bind(self, person: str, kind: AccountKind, number: str, holder: str) -> Account:
        """Binds an account to whoever names its holder; its open bills become theirs. Again: the same account.

        Raises NotFound ACCOUNT_NOT_FOUND, the same for an unknown number and for a wrong holder; Conflict ACCOUNT_BOUND
        only to who has named the holder; TooManyRequests after 10 attempts of a person or 20 at an account in a day.
        """
        await self._count(person, kind, number)
        for _ in range(ATTEMPTS):
            account = await self._accounts.find(kind, number)
            # Compared also when there is nothing to compare with: the answer takes its time in either case.
            known = await self._accounts.holder(account) if account is not None else "\x00"
            right = hmac.compare_digest(same_name(known).encode(), same_name(holder).encode())
            if account is None or not right:
                raise NotFound(Code.ACCOUNT_NOT_FOUND)
            if account.person == person:
                return account
            if account.person is not None:
                raise Conflict(Code.ACCOUNT_BOUND)
            edge = ACCOUNT.step(account.state, "bind", Actor.RESIDENT)
            changes = {"person": person, "bound_at": self._clock.now()}
            step = Step(edge, Actor.RESIDENT, person, changes=changes, data={"person": person})
            bound = await self._accounts.step(account, step)
            if bound is not None:
                await self.do_settle(bound)
                return bound
        raise Conflict

    async def do_unbind(self, person: str, account_id: str) -> Account:
        """The resident lets an account go. Raises NotFound also for somebody else's."""
        account = await self._accounts.get(account_id)
        if account is None or account.person != person:
            raise NotFound(Code.ACCOUNT_NOT_FOUND)
        return await self._unbound(account, Actor.RESIDENT, person, "")

    async def do_release(self, officer: str, kind: AccountKind, number: str, reason: str) -> Account:
        """Staff take an account from whoever has bound it (moved out, a wrong holder). Raises NotFound,
        ActionNotAllowed."""
        account = await self._accounts.find(kind, number)
        if account is None:
            raise NotFound(Code.ACCOUNT_NOT_FOUND)
        return await self._unbound(account, Actor.STAFF, officer, reason)

    async def do_settle(self, account: Account) -> None:
        """Brings the open bills of an account in line with whose it is. Does nothing the second time."""
        for bill in await self._bills.open_of_account(account.kind.value, account.number):
            if bill.person != account.person:
                await self._hand(bill, account.person)

    async def do_follow(self, event: Event) -> None:
        """An account has another person, or a bill was made or handed on meanwhile: do it (again) by what is true now.
        Whatever order things happened in, the last event finds the last state."""
        if event.name in BILLS_MOVING:
            bill = await self._bills.get(event.aggregate)
            if bill is None or bill.subject_kind is not SubjectKind.ACCOUNT or bill.account_kind is None:
                return
            account = await self._accounts.find(AccountKind(bill.account_kind), bill.account_number or "")
        else:
            account = await self._accounts.get(event.aggregate)
        if account is not None:
            await self.do_settle(account)

    # -- inside ------------------------------------------------------------------------------------------------

    async def _count(self, person: str, kind: AccountKind, number: str) -> None:
        now = self._clock.now()
        over = local_instant(local_day(now) + timedelta(days=1), time(0))
        day = local_day(now).isoformat()
        names = ((f"{day}:{person}", PER_PERSON), (f"{day}:{account_key(kind, number)}", PER_ACCOUNT))
        for name, allowed in names:
            if not await self._attempts.claim(name, allowed, over):
                raise TooManyRequests((over - now).total_seconds())

    async def _unbound(self, account: Account, actor: Actor, by: str, note: str) -> Account:
        edge = ACCOUNT.step(account.state, "unbind", actor)
        changes = {"person": None, "bound_at": None}
        step = Step(edge, actor, by, note, changes, {"person": account.person})
        freed = await self._accounts.step(account, step)
        if freed is None:
            raise Conflict
        await self.do_settle(freed)
        return freed

    async def _hand(self, bill: Bill, person: str | None) -> None:
        try:
            edge = BILL.step(bill.state, "unassign" if person is None else "assign", Actor.SYSTEM)
        except ActionNotAllowed:
            return
        changes = {"person": person, "wake_at": self._payments.reminder(person, bill.due_at)}
        data = told(bill) | {"person": person or bill.person}
        # None: it was paid or cancelled at this moment, or handed on by somebody else, whose event comes here again.
        await self._bills.step(bill, Step(edge, Actor.SYSTEM, changes=changes, data=data))


class AccountQueries:
    """Read views of accounts."""

    def __init__(self, accounts: AccountStore) -> None:
        self._accounts = accounts

    async def mine(self, person: str) -> list[tuple[Account, str]]:
        """A person's accounts with their holders' names in clear, the newest first."""
        return [(one, await self._accounts.holder(one)) for one in await self._accounts.of_person(person)]

    async def holder_of(self, kind: str, number: str) -> str | None:
        """The present holder's name in clear, for the receipt of a bill that does not name its own."""
        account = await self._accounts.find(AccountKind(kind), number)
        return None if account is None else await self._accounts.holder(account)
