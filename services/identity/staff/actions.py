"""What changes staff accounts and sessions."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Collection
from datetime import datetime
from typing import Any, Final, NoReturn

from kernel.clock import Clock
from kernel.errors import Code, Conflict, InvalidInput, NotAllowed, NotAuthenticated
from kernel.ids import Ids, Kind, normalise
from kernel.machine import Actor
from services.identity.cache import SessionCache
from services.identity.staff.machine import CREATE, STAFF, State
from services.identity.staff.model import (
    AuditEntry,
    Result,
    Role,
    StaffAccount,
    StaffRules,
    StaffSession,
    StaffSessionRecord,
    StaffView,
)
from services.identity.staff.passwords import USERNAME, Passwords, parse_username
from services.identity.staff.queries import StaffQueries, session_of, view_of
from services.identity.staff.store import AttemptStore, AuditStore, StaffSessionStore, StaffStore
from services.identity.tokens import token_hash
from services.store import Duplicate, Step

log = logging.getLogger("banshi.identity")

ATTEMPTS: Final = 5


class Staff:
    """Accounts by an administrator or a command; sign-in and sign-out by their holders.

    ``by``: the staff id of the administrator, or the name of a command. ``address``: where the call comes from.
    """

    def __init__(
        self,
        accounts: StaffStore,
        sessions: StaffSessionStore,
        attempts: AttemptStore,
        audit: AuditStore,
        queries: StaffQueries,
        passwords: Passwords,
        cache: SessionCache[StaffSession],
        clock: Clock,
        ids: Ids,
        rules: StaffRules,
    ) -> None:
        self._accounts = accounts
        self._sessions = sessions
        self._attempts = attempts
        self._audit = audit
        self._queries = queries
        self._passwords = passwords
        self._cache = cache
        self._clock = clock
        self._ids = ids
        self._rules = rules

    async def do_create_staff(
        self,
        username: str,
        password: str,
        roles: Collection[Role],
        *,
        by: str,
        centre: str | None = None,
        address: str = "",
    ) -> StaffView:
        """Makes an account. Raises InvalidInput (username, password, roles) and Conflict USERNAME_TAKEN."""
        username = parse_username(username)
        self._passwords.check(username, password)
        now = self._clock.now()
        account = StaffAccount(
            id=self._ids.new(Kind.STAFF),
            state=CREATE.target,
            created_at=now,
            updated_at=now,
            username=username,
            password_hash=await self._passwords.hash(password),
            roles=check_roles(roles),
            centre=centre,
        )
        step = Step(edge=CREATE, actor=_actor(by), by=by, data={"roles": list(account.roles)})
        try:
            account = await self._accounts.create(account, step)
        except Duplicate:
            raise Conflict(Code.USERNAME_TAKEN, field="$.username") from None
        await self._record("create", account.id, by, Result.DONE, address)
        return view_of(account)

    async def do_set_password(self, staff_id: str, password: str, *, by: str, address: str = "") -> None:
        """A new password: ends all sessions and any lock. Raises InvalidInput, NotFound, ActionNotAllowed, Conflict."""
        account = await self._queries.stored(staff_id)
        self._passwords.check(account.username, password)
        password_hash = await self._passwords.hash(password)
        await self._change(staff_id, "set_password", by, {"password_hash": password_hash}, address)
        await self._attempts.forget(_name_hash(account.username))

    async def do_disable(self, staff_id: str, *, by: str, address: str = "") -> None:
        """No more sign-in; ends all sessions. Raises NotFound, ActionNotAllowed, Conflict."""
        await self._change(staff_id, "disable", by, {}, address)

    async def do_enable(self, staff_id: str, *, by: str, address: str = "") -> None:
        """Lets a disabled account sign in again. Raises NotFound, ActionNotAllowed, Conflict."""
        await self._change(staff_id, "enable", by, {}, address)

    async def do_sign_in(self, username: str, password: str, address: str) -> tuple[str, StaffSession]:
        """Returns the bearer token, told once.

        An unknown name, a wrong password and a disabled account are one answer, in the same time:
        NotAuthenticated WRONG_CREDENTIALS. After too many of them NotAllowed ACCOUNT_LOCKED with ``retry_after`` in
        seconds, whether or not anybody has that name.
        """
        username = username.strip().lower()
        now = self._clock.now()
        name_hash = _name_hash(username)
        locked_until = await self._attempts.claim(name_hash, now, self._rules.wrong_passwords, self._rules.locked_for)
        # What has not the shape of a username is asked of nobody: as a query it would stand in the database's logs.
        account = await self._accounts.by_username(username) if USERNAME.fullmatch(username) else None
        if locked_until is not None:
            await self._refuse_locked(account, address, locked_until, now)
        right = await self._passwords.verify(None if account is None else account.password_hash, password)
        if account is None:
            await self._refuse(None, Result.UNKNOWN_USER, address)
        if not right:
            await self._refuse(account, Result.WRONG_PASSWORD, address)
        if account.state != State.ACTIVE:
            await self._refuse(account, Result.DISABLED, address)
        await self._attempts.forget(name_hash)
        if self._passwords.outdated(account.password_hash):
            await self._accounts.rehash(account, await self._passwords.hash(password))
        await self._record("sign_in", account.id, account.id, Result.DONE, address)
        return await self._open_session(account)

    async def do_sign_out(self, token: str, address: str) -> None:
        """Ends one session. An unknown or ended one is a quiet success."""
        hashed = token_hash(token)
        record = None if hashed is None else await self._sessions.get(hashed)
        if record is not None and await self._sessions.remove(record.id):
            await self._cache.end([record.id])
            await self._record("sign_out", record.staff_id, record.staff_id, Result.DONE, address)

    async def _open_session(self, account: StaffAccount) -> tuple[str, StaffSession]:
        token = self._ids.token()
        hashed = token_hash(token)
        assert hashed is not None, "Ids.token makes tokens"
        now = self._clock.now()
        record = StaffSessionRecord(
            id=hashed,
            staff_id=account.id,
            # Of the account whose password was checked: had it changed meanwhile, the session would be void.
            generation=account.generation,
            created_at=now,
            seen_at=now,
            expires_at=now + self._rules.session_for,
        )
        await self._sessions.add(record)
        # Not put into the cache: whether the account is still as it was when its password was checked is asked by the
        # first request.
        return token, session_of(account, record.expires_at)

    async def _change(self, staff_id: str, action: str, by: str, changes: dict[str, Any], address: str) -> None:
        """One guarded write that ends the account's sessions by its generation; then tidies them away."""
        for _ in range(ATTEMPTS):
            account = await self._queries.stored(staff_id)
            edge = STAFF.step(account.state, action, _actor(by))
            generation = account.generation + 1
            step = Step(edge, _actor(by), by, changes=changes | {"generation": generation})
            if await self._accounts.step(account, step) is not None:
                await self._cache.end(await self._sessions.remove_before(staff_id, generation))
                await self._record(action, staff_id, by, Result.DONE, address)
                return
        raise Conflict

    async def _refuse(self, account: StaffAccount | None, result: Result, address: str) -> NoReturn:
        staff_id = None if account is None else account.id
        await self._record("sign_in", staff_id, staff_id or "", result, address)
        raise NotAuthenticated(Code.WRONG_CREDENTIALS)

    async def _refuse_locked(
        self, account: StaffAccount | None, address: str, until: datetime, now: datetime
    ) -> NoReturn:
        staff_id = None if account is None else account.id
        await self._record("sign_in", staff_id, staff_id or "", Result.LOCKED, address)
        log.warning("staff sign-in locked", extra={"staff_id": staff_id})
        raise NotAllowed(Code.ACCOUNT_LOCKED, retry_after=max(1, round((until - now).total_seconds())))

    async def _record(self, action: str, staff_id: str | None, by: str, result: Result, address: str) -> None:
        await self._audit.add(
            AuditEntry(
                id=self._ids.new(Kind.EVENT),
                at=self._clock.now(),
                action=action,
                staff_id=staff_id,
                by=by,
                result=result,
                address=address,
            )
        )


def check_roles(roles: Collection[Role]) -> list[Role]:
    """The roles in their order. Raises InvalidInput when there is none, or when one person would audit themselves."""
    if not roles:
        raise InvalidInput(detail="请至少选择一个角色。", field="$.roles", reason="empty")
    # GB/T 22239-2019, 8.1.5: the administrator of accounts and the auditor are different people.
    if Role.ADMINISTRATOR in roles and Role.AUDITOR in roles:
        raise InvalidInput(detail="系统管理员不能兼任审计员。", field="$.roles", reason="administrator_and_auditor")
    return [role for role in Role if role in roles]


def _actor(by: str) -> Actor:
    return Actor.STAFF if normalise(by, Kind.STAFF) == by else Actor.SYSTEM


def _name_hash(username: str) -> str:
    """What stands for a name that may be nobody's: perhaps a password typed into the wrong field."""
    return hashlib.sha256(username.encode()).hexdigest()
