"""Passwords: what may be one, and Argon2id beside the event loop."""

from __future__ import annotations

import asyncio
import base64
import re
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from kernel.errors import InvalidInput
from services.identity.staff.model import StaffRules

# Nobody types more, and hashing a megabyte would be a way to keep the server busy.
LONGEST: Final = 128
USERNAME: Final = re.compile(r"[a-z][a-z0-9._-]{2,31}")
_SALT_BYTES, _HASH_BYTES = 16, 32

T = TypeVar("T")


def parse_username(text: str) -> str:
    """Lower case, 3 to 32 of a-z 0-9 . _ - beginning with a letter. Raises InvalidInput."""
    username = text.strip().lower()
    if not USERNAME.fullmatch(username):
        raise InvalidInput(
            detail="用户名由 3 到 32 个小写字母、数字和 . _ - 组成，以字母开头。", field="$.username", reason="shape"
        )
    return username


class Passwords:
    """Hashes of one process, at most ``rules.hashing_threads`` at a time. ``close()`` at the end."""

    def __init__(self, rules: StaffRules) -> None:
        self._rules = rules
        self._hasher = PasswordHasher(
            time_cost=rules.argon2_iterations,
            memory_cost=rules.argon2_memory,
            parallelism=rules.argon2_lanes,
            hash_len=_HASH_BYTES,
            salt_len=_SALT_BYTES,
        )
        self._nobody = _hash_of_nobody(rules)
        # A pool of its own: asyncio's default one also resolves names and must not wait for passwords.
        self._pool = ThreadPoolExecutor(rules.hashing_threads, thread_name_prefix="argon2")

    def check(self, username: str, password: str) -> None:
        """Raises InvalidInput with ``reason`` length or contains_username.

        Length is what counts; rules about kinds of characters make passwords worse (NIST SP 800-63B, 5.1.1.2).
        """
        normal = _normal(password)
        if not self._rules.shortest_password <= len(normal) <= LONGEST:
            detail = f"密码长度应为 {self._rules.shortest_password} 到 {LONGEST} 个字符。"
            raise InvalidInput(detail=detail, field="$.password", reason="length")
        if username.casefold() in normal.casefold():
            raise InvalidInput(detail="密码不能包含用户名。", field="$.password", reason="contains_username")

    async def hash(self, password: str) -> str:
        return await self._run(lambda: self._hasher.hash(_normal(password)))

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Whether it is the password. A hash of None (nobody has this username) takes as long and is never right."""
        known = self._nobody if password_hash is None else password_hash
        tried = _normal(password) if len(password) <= LONGEST else ""

        def verify() -> bool:
            try:
                return self._hasher.verify(known, tried)
            except (VerificationError, InvalidHashError):
                return False

        return await self._run(verify) and password_hash is not None

    def outdated(self, password_hash: str) -> bool:
        """Made with other parameters than the rules name now: to be made anew while the password is at hand."""
        return self._hasher.check_needs_rehash(password_hash)

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)


def _normal(password: str) -> str:
    """One form for what keyboards of different makers compose differently (NIST SP 800-63B, 5.1.1.2: NFKC)."""
    return unicodedata.normalize("NFKC", password)


def _hash_of_nobody(rules: StaffRules) -> str:
    """A well-formed hash that costs the same to check and that no password is known to have."""
    salt, digest = (base64.b64encode(bytes(size)).decode().rstrip("=") for size in (_SALT_BYTES, _HASH_BYTES))
    parameters = f"m={rules.argon2_memory},t={rules.argon2_iterations},p={rules.argon2_lanes}"
    return f"$argon2id$v=19${parameters}${salt}${digest}"
