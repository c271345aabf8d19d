"""Who is at the door: password and second factor, the lock after too many attempts, and the record of each use."""

from __future__ import annotations

import hashlib
import logging
from datetime import datetime
from typing import NoReturn

from kernel.clock import Clock
from kernel.errors import Code, NotAllowed, NotAuthenticated
from kernel.ids import Ids, Kind
from services.identity.encryption import Cipher
from services.identity.staff import second_factor
from services.identity.staff.machine import State
from services.identity.staff.model import AuditEntry, Result, StaffAccount, StaffRules
from services.identity.staff.passwords import USERNAME, Passwords
from services.identity.staff.store import AttemptStore, AuditStore, StaffStore

log = logging.getLogger("banshi.identity")


class Gate:
    """Proves who somebody is, for the actions of ``Staff``, and writes the audit."""

    def __init__(
        self,
        accounts: StaffStore,
        attempts: AttemptStore,
        audit: AuditStore,
        passwords: Passwords,
        cipher: Cipher,
        clock: Clock,
        ids: Ids,
        rules: StaffRules,
    ) -> None:
        self._accounts = accounts
        self._attempts = attempts
        self._audit = audit
        self._passwords = passwords
        self._cipher = cipher
        self._clock = clock
        self._ids = ids
        self._rules = rules

    async def prove(self, username: str, password: str, code: str | None, address: str, action: str) -> StaffAccount:
        """Whose password and code these are. Counts as an attempt; who is content with the answer forgets it."""
        now = self._clock.now()
        name_hash = _name_hash(username)
        locked_until = await self._attempts.claim(name_hash, now, self._rules.wrong_passwords, self._rules.locked_for)
        # What has not the shape of a username is asked of nobody: as a query it would stand in the database's logs.
        account = await self._accounts.by_username(username) if USERNAME.fullmatch(username) else None
        if locked_until is not None:
            await self._refuse_locked(account, address, locked_until, now, action)
        right = await self._passwords.verify(None if account is None else account.password_hash, password)
        if account is None:
            await self._refuse(None, Result.UNKNOWN_USER, address, action)
        if not right:
            await self._refuse(account, Result.WRONG_PASSWORD, address, action)
        if account.state != State.ACTIVE:
            await self._refuse(account, Result.DISABLED, address, action)
        await self._check_second_factor(account, code, name_hash, address, action)
        return account

    async def _check_second_factor(
        self, account: StaffAccount, code: str | None, name_hash: str, address: str, action: str
    ) -> None:
        if account.totp is None:
            return
        if not code:
            # The password alone neither costs an attempt nor clears those that guessed codes have cost.
            await self._attempts.give_back(name_hash)
            await self._refuse(account, Result.SECOND_FACTOR_ASKED, address, action, Code.SECOND_FACTOR_REQUIRED)
        if second_factor.looks_like_totp(code):
            step = second_factor.step_of(await self.secret(account.totp), code, self._clock.now())
            right = step is not None and await self._accounts.claim_code(account, step)
        else:
            right = await self._accounts.claim_recovery_code(account, second_factor.recovery_hash(code))
        if not right:
            await self._refuse(account, Result.WRONG_SECOND_FACTOR, address, action, Code.WRONG_SECOND_FACTOR)

    async def secret(self, sealed: bytes) -> bytes:
        return second_factor.from_text(await self._cipher.decrypt(sealed))

    async def forget(self, username: str) -> None:
        """No attempt under this name counts any more: one succeeded, or the password was set anew."""
        await self._attempts.forget(_name_hash(username))

    async def record(self, action: str, staff_id: str | None, by: str, result: Result, address: str) -> None:
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

    async def _refuse(
        self,
        account: StaffAccount | None,
        result: Result,
        address: str,
        action: str,
        code: Code = Code.WRONG_CREDENTIALS,
    ) -> NoReturn:
        staff_id = None if account is None else account.id
        await self.record(action, staff_id, staff_id or "", result, address)
        raise NotAuthenticated(code)

    async def _refuse_locked(
        self, account: StaffAccount | None, address: str, until: datetime, now: datetime, action: str
    ) -> NoReturn:
        staff_id = None if account is None else account.id
        await self.record(action, staff_id, staff_id or "", Result.LOCKED, address)
        log.warning("staff sign-in locked", extra={"staff_id": staff_id})
        raise NotAllowed(Code.ACCOUNT_LOCKED, retry_after=max(1, round((until - now).total_seconds())))


def _name_hash(username: str) -> str:
    """What stands for a name that may be nobody's: perhaps a password typed into the wrong field."""
    return hashlib.sha256(username.encode()).hexdigest()
