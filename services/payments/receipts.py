"""Receipts of paid bills: what one says, and whether one that somebody shows is genuine and still true.

A receipt is not stored: it is a view of the bill. Its number is the bill's id under other letters, with a check
character of its own; its code is taken from the encryption of what was paid under a key that only we have, so that a
number alone, or a changed receipt, proves nothing. What has been refunded since is asked of the bill each time.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from kernel.clock import Clock
from kernel.errors import Code, Conflict, NotFound
from kernel.ids import ALPHABET, Kind, check_character, normalise
from kernel.masking import mask_name
from services.identity.encryption import Cipher
from services.identity.queries import IdentityQueries
from services.payments.accounts.actions import AccountQueries
from services.payments.accounts.encryption import RECEIPT
from services.payments.model import SETTLED, Bill, BillLine, SubjectKind
from services.payments.store import BillStore

# 80 bits: nobody guesses it through a limited endpoint, and it can be typed.
CODE_LENGTH = 16


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a receipt says. ``payer`` is masked; ``state`` and ``refunded_fen`` are those of ``as_of``."""

    number: str
    code: str
    url: str
    bill: str
    state: str
    title: str
    payee: str
    payer: str
    account: str | None
    lines: list[BillLine]
    paid_fen: int
    refunded_fen: int
    paid_at: datetime
    transaction_id: str
    as_of: datetime


class Receipts:
    """Read views; nothing here changes anything."""

    def __init__(
        self,
        bills: BillStore,
        identity: IdentityQueries,
        accounts: AccountQueries,
        cipher: Cipher,
        clock: Clock,
        public_url: str,
    ) -> None:
        self._bills, self._identity, self._accounts = bills, identity, accounts
        self._cipher, self._clock, self._public_url = cipher, clock, public_url.rstrip("/")

    async def of_bill(self, person: str, bill_id: str) -> Receipt:
        """The receipt of one's own bill. Raises NotFound BILL_NOT_FOUND, Conflict BILL_NOT_PAID."""
        bill = await self._bills.get(bill_id)
        if bill is None or bill.person != person:
            raise NotFound(Code.BILL_NOT_FOUND, bill=bill_id)
        if bill.state not in SETTLED:
            raise Conflict(Code.BILL_NOT_PAID, bill=bill_id, state=bill.state)
        return await self._receipt(bill)

    async def check(self, number: str, code: str) -> Receipt:
        """The genuine receipt of this number. Raises NotFound RECEIPT_NOT_FOUND, the same for a number that does not
        exist and for a wrong code."""
        canonical = normalise(number, Kind.RECEIPT)
        if canonical is None:
            raise NotFound(Code.RECEIPT_NOT_FOUND)
        bill = await self._bills.get(_renamed(canonical, Kind.BILL))
        if bill is None or bill.state not in SETTLED or await self._code(bill) != code.strip().upper():
            raise NotFound(Code.RECEIPT_NOT_FOUND)
        return await self._receipt(bill)

    async def _receipt(self, bill: Bill) -> Receipt:
        if bill.paid_at is None or bill.transaction_id is None:
            raise Conflict(Code.BILL_NOT_PAID, bill=bill.id, state=bill.state)
        number, code = receipt_number(bill.id), await self._code(bill)
        return Receipt(
            number=number, code=code, url=f"{self._public_url}/verify/{number}?code={quote(code)}", bill=bill.id,
            state=bill.state, title=bill.title, payee=bill.payee, payer=await self._payer(bill),
            account=bill.account_number, lines=bill.lines, paid_fen=bill.paid_fen, refunded_fen=bill.refunded_fen,
            paid_at=bill.paid_at, transaction_id=bill.transaction_id, as_of=self._clock.now(),
        )  # fmt: skip

    async def _payer(self, bill: Bill) -> str:
        """The holder whom the bill was made for, else who paid: masked, as far as known."""
        if bill.subject_kind is SubjectKind.ACCOUNT and bill.account_kind and bill.account_number:
            holder = await self._holder(bill, bill.account_kind, bill.account_number)
            if holder is not None:
                return mask_name(holder)
        try:
            profile = await self._identity.profile(bill.person or "")
        except NotFound:
            return "（账号已注销）"
        return profile.name or profile.phone or "微信用户"

    async def _holder(self, bill: Bill, kind: str, number: str) -> str | None:
        if bill.holder is not None:
            return await self._cipher.decrypt(bill.holder)
        return await self._accounts.holder_of(kind, number)

    async def _code(self, bill: Bill) -> str:
        paid = 0 if bill.paid_at is None else int(bill.paid_at.timestamp())
        facts = "|".join((bill.id, bill.paid_by or "", bill.transaction_id or "", str(bill.paid_fen), str(paid)))
        digest = hashlib.sha256(await self._cipher.encrypt(facts, RECEIPT)).digest()
        return "".join(ALPHABET[byte & 31] for byte in digest[:CODE_LENGTH])


def receipt_number(bill_id: str) -> str:
    """The number of a bill's receipt: ``RC`` and what follows the letters of the bill's id."""
    return _renamed(bill_id, Kind.RECEIPT)


def _renamed(id_: str, kind: Kind) -> str:
    body = kind.value + id_[2:-1]
    return body + check_character(body)
