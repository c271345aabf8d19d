"""Money is a whole number of fen (分, a hundredth of a yuan). No float ever holds an amount."""

from __future__ import annotations

import re
from typing import NewType

from kernel.errors import InvalidInput

Fen = NewType("Fen", int)

# Twelve digits of yuan are more than any city collects, and stay far within MongoDB's 64-bit integers.
_YUAN = re.compile(r"(0|[1-9][0-9]{0,11})(?:\.([0-9]{1,2}))?")


def parse_yuan(text: str, *, field: str) -> Fen:
    """'12.30', '12.3' or '12' -> 1230, 1230, 1200 fen.

    Strict: ASCII digits, at most two decimals, no sign, separator, space, leading zero or currency mark; what could be
    read in two ways is refused, because it is about to be charged. Raises InvalidInput with ``field``.
    """
    match = _YUAN.fullmatch(text)
    if match is None:
        raise InvalidInput(detail="金额不正确，应为元，最多两位小数，例如 12.30。", field=field, reason="not_yuan")
    yuan, decimals = match.group(1), match.group(2) or ""
    return Fen(int(yuan) * 100 + int(decimals.ljust(2, "0")))


def format_yuan(amount: Fen) -> str:
    """1230 -> '12.30', always with two decimals; -5 -> '-0.05'."""
    yuan, fen = divmod(abs(amount), 100)
    return f"{'-' if amount < 0 else ''}{yuan:d}.{fen:02d}"


def split_evenly(total: Fen, parts: int) -> list[Fen]:
    """Divide an amount into ``parts`` shares that differ by one fen at most and add up to ``total``.

    The fen left over go to the first shares, one each. Raises ValueError for a negative total or no parts.
    """
    if total < 0 or parts < 1:
        raise ValueError(f"cannot split {total} fen into {parts} parts")
    share, left_over = divmod(total, parts)
    return [Fen(share + 1)] * left_over + [Fen(share)] * (parts - left_over)
