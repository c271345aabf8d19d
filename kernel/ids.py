"""Identifiers that people can read out and nobody can guess: two letters, 15 random characters, one check character.

Crockford's base 32 (no I, L, O, U) keeps them readable; 75 random bits keep them unguessable; a Luhn mod 32 check
character finds every single wrong character, so that a mistyped id is told from an unknown one without a look-up.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from enum import StrEnum

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_VALUE = {character: index for index, character in enumerate(ALPHABET)}
_FORGIVEN = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})
RANDOM_LENGTH = 15


class Kind(StrEnum):
    """What an id names: its two leading letters."""

    BOOKING = "BK"
    PERSON = "PR"
    STAFF = "ST"
    EVENT = "EV"
    MESSAGE = "MS"
    SESSION = "SE"
    REQUEST = "RQ"
    CASE = "CA"
    FILE = "FL"
    BILL = "BL"
    ORDER = "OR"
    REFUND = "RF"
    RECEIPT = "RC"
    ACCOUNT = "AC"
    DIFFERENCE = "DF"
    CONVERSATION = "CV"
    COMPLAINT = "CP"
    KNOWLEDGE = "KN"
    CANNED = "CN"
    PROPOSAL = "LP"
    SUPERVISION = "SV"


class Ids:
    """Makes ids from a source of random bytes (``secrets.token_bytes`` unless a test gives its own)."""

    def __init__(self, random_bytes: Callable[[int], bytes] = secrets.token_bytes) -> None:
        self._random_bytes = random_bytes

    def new(self, kind: Kind) -> str:
        body = "".join(ALPHABET[byte & 31] for byte in self._random_bytes(RANDOM_LENGTH))
        return kind.value + body + check_character(kind.value + body)

    def token(self) -> str:
        """An opaque bearer token: 256 random bits, hexadecimal."""
        return self._random_bytes(32).hex()


def check_character(text: str) -> str:
    """Luhn mod 32 over Crockford values; letters outside the alphabet (I, L, O, U) count by their code."""
    total, factor = 0, 2
    for character in reversed(text):
        product = _VALUE.get(character, ord(character) & 31) * factor
        total += product // 32 + product % 32
        factor = 3 - factor
    return ALPHABET[-total % 32]


def normalise(text: str, kind: Kind) -> str | None:
    """The canonical id, forgiving case, spaces, hyphens and O/0, I/1, L/1; None when it cannot be one of this kind."""
    upper = text.strip().upper()
    if not upper.startswith(kind.value):
        return None
    body = upper[2:].translate(_FORGIVEN)
    if len(body) != RANDOM_LENGTH + 1 or any(character not in _VALUE for character in body):
        return None
    candidate = kind.value + body
    return candidate if check_character(candidate[:-1]) == candidate[-1] else None
