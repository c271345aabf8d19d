"""What changes staff accounts and sessions."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from kernel.clock import Clock
from kernel.errors import Code, Conflict, InvalidInput, NotAllowed, NotAuthenticated
from kernel.ids import Ids, Kind, normalise
from kernel.machine import Actor
from services.identity.cache import SessionCache
from services.identity.encryption import STAFF_TOTP, Cipher
from services.identity.staff import second_factor
from services.identity.staff.gate import Gate
from services.identity.staff.machine import CREATE, STAFF
from services.identity.staff.model import (
    REASON_LEAST,
    REASON_MOST,
    Enrolment,
    Result,
    Role,
    StaffAccount,
    StaffRules,
    StaffSession,
    StaffSessionRecord,
    StaffView,
    check_roles,
)
from services.identity.staff.passwords import Passwords, parse_username
from services.identity.staff.queries import StaffQueries, session_of, view_of
from services.identity.staff.store import AttemptStore, AuditStore, StaffSessionStore, StaffStore
from services.identity.tokens import token_hash
from services.store import Duplicate, Step

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
        cipher: Cipher,
        clock: Clock,
        ids: Ids,
        rules: StaffRules,
    ) -> None:
        self._accounts = accounts
        self._sessions = sessions
        self._gate = Gate(accounts, attempts, audit, passwords, cipher, clock, ids, rules)
        self._queries = queries
        self._passwords = passwords
        self._cache = cache
        self._cipher = cipher
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
        name: str = "",
        centre: str | None = None,
        department: str | None = None,
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
            name=name.strip(),
            roles=check_roles(roles),
            centre=centre,
            department=department,
        )
        step = Step(edge=CREATE, actor=_actor(by), by=by, data={"roles": list(account.roles)})
        try:
            account = await self._accounts.create(account, step)
        except Duplicate:
            raise Conflict(Code.USERNAME_TAKEN, field="$.username") from None
        await self._gate.record("create", account.id, by, Result.DONE, address)
        return view_of(account)

    async def do_set_password(self, staff_id: str, password: str, *, by: str, address: str = "") -> None:
        """A new password: ends all sessions and any lock. Raises InvalidInput, NotFound, ActionNotAllowed, Conflict."""
        account = await self._queries.stored(staff_id)
        self._passwords.check(account.username, password)
        password_hash = await self._passwords.hash(password)
        await self._change(staff_id, "set_password", by, {"password_hash": password_hash}, address)
        await self._gate.forget(account.username)

    async def do_disable(self, staff_id: str, *, by: str, address: str = "") -> None:
        """No more sign-in; ends all sessions. Raises NotFound, ActionNotAllowed, Conflict."""
        _refuse_oneself(staff_id, by)
        await self._change(staff_id, "disable", by, {}, address)

    async def do_enable(self, staff_id: str, *, by: str, address: str = "") -> None:
        """Lets a disabled account sign in again. Raises NotFound, ActionNotAllowed, Conflict."""
        await self._change(staff_id, "enable", by, {}, address)

    async def do_set_profile(
        self,
        staff_id: str,
        roles: Collection[Role],
        *,
        by: str,
        name: str = "",
        centre: str | None = None,
        department: str | None = None,
        address: str = "",
    ) -> None:
        """Who somebody is and what they may do; ends all sessions. Raises InvalidInput, NotFound, ActionNotAllowed,
        Conflict; NotAllowed for an administrator who would stop being one."""
        wanted = check_roles(roles)
        if Role.ADMINISTRATOR not in wanted:
            _refuse_oneself(staff_id, by)
        changes = {"roles": wanted, "name": name.strip(), "centre": centre, "department": department}
        await self._change(staff_id, "set_profile", by, changes, address)

    async def do_reset_second_factor(self, staff_id: str, *, by: str, address: str = "") -> None:
        """The telephone is lost: ends all sessions; enrolled anew at the next sign-in. Raises as ``do_disable``."""
        _refuse_oneself(staff_id, by)
        changes: dict[str, Any] = {"totp": None, "totp_pending": None, "totp_step": 0, "recovery": []}
        await self._change(staff_id, "reset_second_factor", by, changes, address)

    async def do_change_password(self, staff_id: str, old: str, new: str, code: str | None, address: str) -> None:
        """Of one's own account. Raises as ``do_sign_in``, and InvalidInput for the new password."""
        account = await self._queries.stored(staff_id)
        self._passwords.check(account.username, new)
        await self._gate.prove(account.username, old, code, address, "set_password")
        await self.do_set_password(staff_id, new, by=staff_id, address=address)

    async def do_begin_enrolment(self, staff_id: str, password: str, code: str | None, address: str) -> Enrolment:
        """A secret for an authenticator app, in force when ``do_confirm_enrolment`` has seen a code of it.

        Asks for the password again, and for a code of the old secret where there is one: an unattended screen must not
        be enough to take an account over. Raises as ``do_sign_in``, and Conflict.
        """
        username = (await self._queries.stored(staff_id)).username
        account = await self._gate.prove(username, password, code, address, "begin_enrolment")
        await self._gate.forget(username)
        secret = second_factor.new_secret(self._ids)
        sealed = await self._cipher.encrypt(second_factor.to_text(secret), STAFF_TOTP)
        await self._change(account.id, "begin_enrolment", staff_id, {"totp_pending": sealed}, address, keep=True)
        return Enrolment(second_factor.to_text(secret), second_factor.uri(secret, username))

    async def do_confirm_enrolment(self, staff_id: str, code: str, token: str, address: str) -> list[str]:
        """The second factor is in force; returns recovery codes, told once. Other sessions than ``token``'s end.

        Raises NotAuthenticated WRONG_SECOND_FACTOR, and Conflict ACTION_NOT_ALLOWED where no enrolment was begun.
        """
        account = await self._queries.stored(staff_id)
        if account.totp_pending is None:
            raise Conflict(Code.ACTION_NOT_ALLOWED, action="enrol")
        step = second_factor.step_of(await self._gate.secret(account.totp_pending), code, self._clock.now())
        if step is None:
            await self._gate.record("enrol", staff_id, staff_id, Result.WRONG_SECOND_FACTOR, address)
            raise NotAuthenticated(Code.WRONG_SECOND_FACTOR, field="$.code")
        codes, hashes = self._new_recovery_codes()
        changes = {"totp": account.totp_pending, "totp_pending": None, "totp_step": step, "recovery": hashes}
        await self._change(staff_id, "enrol", staff_id, changes, address, expected=account, carry=token)
        return codes

    async def do_renew_recovery_codes(self, staff_id: str, password: str, code: str, address: str) -> list[str]:
        """Ten new recovery codes, told once; the old ones are void. Raises as ``do_sign_in``, and Conflict."""
        username = (await self._queries.stored(staff_id)).username
        account = await self._gate.prove(username, password, code, address, "renew_recovery_codes")
        if account.totp is None:
            raise Conflict(Code.ACTION_NOT_ALLOWED, action="renew_recovery_codes")
        await self._gate.forget(username)
        codes, hashes = self._new_recovery_codes()
        await self._change(staff_id, "renew_recovery_codes", staff_id, {"recovery": hashes}, address, keep=True)
        return codes

    async def do_sign_in(
        self, username: str, password: str, address: str, code: str | None = None
    ) -> tuple[str, StaffSession]:
        """Returns the bearer token, told once. ``code``: of the authenticator app, or a recovery code.

        An unknown name, a wrong password and a disabled account are one answer, in the same time:
        NotAuthenticated WRONG_CREDENTIALS. With the right password SECOND_FACTOR_REQUIRED where the account has one
        and no code is given, WRONG_SECOND_FACTOR for a wrong code and for one used before. After too many of them
        NotAllowed ACCOUNT_LOCKED with ``retry_after`` in seconds, whether or not anybody has that name.
        """
        username = username.strip().lower()
        account = await self._gate.prove(username, password, code, address, "sign_in")
        await self._gate.forget(username)
        if self._passwords.outdated(account.password_hash):
            await self._accounts.rehash(account, await self._passwords.hash(password))
        await self._gate.record("sign_in", account.id, account.id, Result.DONE, address)
        return await self._open_session(account)

    async def do_sign_out(self, token: str, address: str) -> None:
        """Ends one session. An unknown or ended one is a quiet success."""
        hashed = token_hash(token)
        record = None if hashed is None else await self._sessions.get(hashed)
        if record is not None and await self._sessions.remove(record.id):
            await self._cache.end([record.id])
            await self._gate.record("sign_out", record.staff_id, record.staff_id, Result.DONE, address)

    async def do_read_clear(self, what: str, reason: str, staff_id: str, address: str) -> None:
        """Before personal data are shown in clear: writes down who reads what, why and from where (GB/T 22239-2019,
        8.1.4.3). Raises InvalidInput that names ``reason`` when it is none."""
        reason = " ".join(reason.split())
        if not REASON_LEAST <= len(reason) <= REASON_MOST:
            raise InvalidInput(
                detail=f"请写明原因（{REASON_LEAST} 到 {REASON_MOST} 字），例如“核对申请人身份”。",
                field="$.reason",
                reason=f"{REASON_LEAST} to {REASON_MOST} characters",
            )
        await self.do_note(f"{what}: {reason}", staff_id, address)

    async def do_note(self, action: str, staff_id: str, address: str) -> None:
        """Writes down what somebody did with their account elsewhere, as reading personal data in clear."""
        await self._gate.record(action, staff_id, staff_id, Result.DONE, address)

    def _new_recovery_codes(self) -> tuple[list[str], list[str]]:
        codes = second_factor.new_recovery_codes(self._ids)
        return codes, [second_factor.recovery_hash(code) for code in codes]

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
        return token, session_of(account, record.expires_at, self._rules)

    async def _change(
        self,
        staff_id: str,
        action: str,
        by: str,
        changes: dict[str, Any],
        address: str,
        *,
        keep: bool = False,
        expected: StaffAccount | None = None,
        carry: str | None = None,
    ) -> None:
        """One guarded write that ends the account's sessions by its generation; then tidies them away.

        ``keep``: no session ends. ``carry``: the token of the one that lives on. ``expected``: the account as it was
        read; changed meanwhile, it is a Conflict.
        """
        for _ in range(1 if expected is not None else ATTEMPTS):
            account = expected or await self._queries.stored(staff_id)
            edge = STAFF.step(account.state, action, _actor(by))
            generation = account.generation + (0 if keep else 1)
            step = Step(edge, _actor(by), by, changes=changes | {"generation": generation})
            written = await self._accounts.step(account, step)
            if written is not None:
                if not keep:
                    await self._end_sessions(written, carry)
                await self._gate.record(action, staff_id, by, Result.DONE, address)
                return
        raise Conflict

    async def _end_sessions(self, account: StaffAccount, carry: str | None) -> None:
        """Those of earlier generations, but for one that is carried over."""
        carried = None if carry is None else token_hash(carry)
        if carried is not None:
            await self._sessions.carry_over(carried, account.generation)
            record = await self._sessions.get(carried)
            if record is not None:
                # What the session may do has changed with the account.
                await self._cache.put(carried, session_of(account, record.expires_at, self._rules), account.version)
        await self._cache.end(await self._sessions.remove_before(account.id, account.generation))


def _refuse_oneself(staff_id: str, by: str) -> None:
    """An administrator must not lock out the last one who could undo it. Raises NotAllowed."""
    if by == staff_id:
        raise NotAllowed(
            detail="不能对自己的账号进行此操作，请由另一位系统管理员办理。", field="staff_id", reason="oneself"
        )


def _actor(by: str) -> Actor:
    return Actor.STAFF if normalise(by, Kind.STAFF) == by else Actor.SYSTEM
