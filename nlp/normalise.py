"""Bringing text into one form: NFKC, small letters, simplified characters, single blanks, personal numbers masked.

Masking comes before anything else sees the text, so that nothing downstream can log or learn a number that names a
person (Personal Information Protection Law, art. 6: no more than the purpose needs).
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path

DATA = Path(__file__).parent / "data"
MAX_CHARACTERS = 2000
MASK = "***"

# Order matters: an identity number is also a long run of digits, a phone number may sit behind a country code.
_PERSONAL = (
    (
        "id_number",
        re.compile(
            r"(?<![0-9a-z])[1-9][0-9]{5}[ -]?(?:18|19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[ -]?"
            r"[0-9]{3}[0-9x](?![0-9a-z])"
        ),
    ),
    ("bank_card", re.compile(r"(?<![0-9])(?:[0-9]{4}(?:[ -][0-9]{4}){3}(?:[ -]?[0-9]{1,3})?|[0-9]{15,})(?![0-9])")),
    ("phone", re.compile(r"(?<![0-9])(?:\+?86[ -]?)?1[3-9][0-9][ -]?[0-9]{4}[ -]?[0-9]{4}(?![0-9])")),
)
_DIGITS = re.compile(r"[0-9]{3}")
_BLANKS = re.compile(r"\s+")
# Letters that show nothing (zero-width, direction marks, variation selectors) and control characters but white space.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff9-\ufffb\ud800-\udfff]+"
)


@dataclass(frozen=True, slots=True)
class Normalised:
    """``text`` is safe to log; ``masked`` names the kinds of personal numbers that were taken out, in order."""

    text: str
    masked: tuple[str, ...] = ()


@cache
def simplified() -> dict[int, str]:
    """The table of ``str.translate`` from traditional to simplified characters."""
    lines = (DATA / "traditional.txt").read_text(encoding="utf-8").splitlines()[1:]
    pairs = "".join(lines)
    return {ord(pairs[index]): pairs[index + 1] for index in range(0, len(pairs), 2)}


def _folded(text: str) -> str:
    if not text.isascii():
        text = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text)).translate(simplified())
    lowered = text.lower()
    # Small letters of a few capitals (İ) are not in NFKC themselves.
    return lowered if lowered.isascii() else unicodedata.normalize("NFKC", lowered)


def plain(text: str) -> str:
    """One form of a text of our own (catalogue, training): no masking, no limit of length; blanks and lines stay."""
    folded = _folded(text)
    again = _folded(folded)
    return folded if again == folded else again


def normalise(text: str) -> Normalised:
    """One form of a resident's text; at most ``MAX_CHARACTERS`` are read. Never fails; idempotent on its own result."""
    folded = _INVISIBLE.sub("", plain(text[:MAX_CHARACTERS]))
    folded = _BLANKS.sub(" ", folded).strip()[:MAX_CHARACTERS].rstrip()
    if not _DIGITS.search(folded):
        return Normalised(folded)
    masked: list[str] = []
    for kind, pattern in _PERSONAL:
        folded, count = pattern.subn(MASK, folded)
        masked.extend([kind] * count)
    return Normalised(folded[:MAX_CHARACTERS], tuple(masked))
