"""Which member of staff calls, and what accounts were used for."""

from __future__ import annotations

from datetime import datetime

from kernel.clock import Clock
from kernel.errors import InvalidInput, NotFound
from services.identity.cache import SessionCache
from services.identity.staff.machine import State
from services.identity.staff.model import (
    AuditEntry,
    StaffAccount,
    StaffRules,
    StaffSession,
    StaffSessionRecord,
    StaffView,
)
from services.identity.staff.store import AuditStore, StaffSessionStore, StaffStore
from services.identity.tokens import token_hash


class StaffQueries:
    """Read views of staff. Nothing here changes a state, but ``session`` notes the use."""

    def __init__(
        self,
        accounts: StaffStore,
        sessions: StaffSessionStore,
        audit: AuditStore,
        cache: SessionCache[StaffSession],
        clock: Clock,
        rules: StaffRules,
    ) -> None:
        self._accounts = accounts
        self._sessions = sessions
        self._audit = audit
        self._cache = cache
        self._clock = clock
        self._rules = rules

    @property
    def rules(self) -> StaffRules:
        return self._rules

    async def session(self, token: str, *, used: bool = True) -> StaffSession | None:
        """Who the bearer of a token is; None when it is unknown, ended, idle for too long or signed out.

        No database command when the cache knows it, else three, one of which notes the use. As the cache knows it for
        ``rules.cache_for``, the idle limit may come that much early, and never late. Not ``used``: by a screen that
        asks by itself, which must not keep the session from its idle limit.
        """
        hashed = token_hash(token)
        if hashed is None:
            return None
        now = self._clock.now()
        session = await self._cache.get(hashed)
        if session is not None:
            return session if session.expires_at > now else None
        found = await self._standing(hashed, now)
        if found is None:
            return None
        record, account = found
        if not used:
            # Not kept in the cache either: for as long as it were there, a real use would not be noted.
            return session_of(account, record.expires_at, self._rules)
        if not await self._sessions.use(hashed, now, now - self._rules.idle_for):
            return None
        session = session_of(account, record.expires_at, self._rules)
        await self._cache.put(hashed, session, account.version)
        return session

    async def stands(self, token: str) -> bool:
        """Whether a session has not ended, without using it: an open screen must not keep it from its idle limit.

        No database command when the cache knows it, else two.
        """
        hashed = token_hash(token)
        if hashed is None:
            return False
        now = self._clock.now()
        session = await self._cache.get(hashed)
        if session is not None:
            return session.expires_at > now
        return await self._standing(hashed, now) is not None

    async def _standing(self, hashed: str, now: datetime) -> tuple[StaffSessionRecord, StaffAccount] | None:
        """A session that has not ended, and whose it is: two database commands."""
        record = await self._sessions.get(hashed)
        if record is None or record.expires_at <= now or record.seen_at <= now - self._rules.idle_for:
            return None
        account = await self._accounts.get(record.staff_id)
        if account is None or account.state != State.ACTIVE or account.generation != record.generation:
            return None
        return record, account

    async def account(self, staff_id: str) -> StaffView:
        """Raises NotFound."""
        return view_of(await self.stored(staff_id))

    async def by_username(self, username: str) -> StaffView:
        """Raises NotFound."""
        account = await self._accounts.by_username(username.strip().lower())
        if account is None:
            raise NotFound(username=username)
        return view_of(account)

    async def accounts(self, after: str = "", limit: int = 50) -> list[StaffView]:
        """Accounts in the order of their usernames, from behind ``after``."""
        return [view_of(account) for account in await self._accounts.page(after, limit)]

    async def audit_page(
        self, start: datetime, end: datetime, staff_id: str | None, before: str | None, limit: int
    ) -> list[AuditEntry]:
        """Entries from ``start`` to before ``end``, of all accounts or of one, the newest first.

        ``before``: the id of the last entry already seen, one of the same question. Raises InvalidInput.
        """
        last = None if before is None else await self._audit.get(before)
        if before is not None and last is None:
            raise InvalidInput(field="before", reason="no such entry")
        return await self._audit.page(start, end, staff_id, last, limit)

    async def audit_of(self, staff_id: str, limit: int = 100) -> list[AuditEntry]:
        """What one account was used for, the newest first."""
        return await self._audit.of_staff(staff_id, limit)

    async def audit_between(self, start: datetime, end: datetime, limit: int = 1000) -> list[AuditEntry]:
        """What all accounts were used for, from ``start`` to before ``end``, the newest first."""
        return await self._audit.between(start, end, limit)

    async def stored(self, staff_id: str) -> StaffAccount:
        """The account as stored, active or not. Raises NotFound."""
        account = await self._accounts.get(staff_id)
        if account is None:
            raise NotFound(staff_id=staff_id)
        return account


def session_of(account: StaffAccount, expires_at: datetime, rules: StaffRules) -> StaffSession:
    return StaffSession(
        staff_id=account.id,
        username=account.username,
        roles=account.roles,
        name=account.name or account.username,
        centre=account.centre,
        department=account.department,
        enrolment_due=rules.second_factor_required and account.totp is None,
        expires_at=expires_at,
    )


def view_of(account: StaffAccount) -> StaffView:
    return StaffView(
        staff_id=account.id,
        username=account.username,
        roles=account.roles,
        name=account.name or account.username,
        centre=account.centre,
        department=account.department,
        state=account.state,
        second_factor=account.totp is not None,
        recovery_codes_left=len(account.recovery),
        created_at=account.created_at,
    )
