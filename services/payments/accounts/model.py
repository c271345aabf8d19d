"""Imported accounts. Invariant: an account is bound to at most one person, who has named its holder."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from msgspec import Struct

from services.imports import Rejection
from services.store import Aggregate


class AccountKind(StrEnum):
    """What an issuer sends bills for."""

    WATER = "water"
    HEATING = "heating"
    GAS = "gas"
    ELECTRICITY = "electricity"
    TUITION = "tuition"
    SANITATION = "sanitation"


KIND_TEXT = {
    AccountKind.WATER: "水费",
    AccountKind.HEATING: "暖气费",
    AccountKind.GAS: "燃气费",
    AccountKind.ELECTRICITY: "电费",
    AccountKind.TUITION: "学费",
    AccountKind.SANITATION: "垃圾处理费",
}


class Account(Aggregate, kw_only=True):
    """One account (户号) of an issuer. ``key`` is kind and number together (unique); ``holder`` (户名) is encrypted."""

    key: str
    kind: AccountKind
    number: str
    issuer: str
    holder: bytes
    person: str | None = None
    bound_at: datetime | None = None


class BillRecord(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of an issuer's file. ``amount`` in yuan; ``reference`` is the issuer's own number of the bill, by which
    a line that comes again is known; ``period`` as the issuer writes it (2090-11, 2090-2091 采暖季)."""

    issuer: str
    kind: AccountKind
    account_number: str
    holder: str
    title: str
    period: str
    amount: str
    reference: str
    due_on: date | None = None

    @property
    def account(self) -> str:
        return account_key(self.kind, self.account_number)

    @property
    def request_key(self) -> str:
        """Names the line for ever: the unique request key of its bill."""
        return f"import:{self.issuer}:{self.reference}"


@dataclass
class ImportReport:
    """What a file has led to. With one rejection nothing was imported."""

    lines: int = 0
    made: int = 0
    known: int = 0
    accounts: int = 0
    renamed: int = 0
    rejections: list[Rejection] = field(default_factory=list)


def account_key(kind: AccountKind, number: str) -> str:
    return f"{kind.value}:{number}"


def same_name(text: str) -> str:
    """A holder's name for comparison: width, case, spaces and the kinds of dots and brackets make no difference."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(character for character in folded if not character.isspace() and character not in "·•‧・.")
