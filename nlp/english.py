"""The few English words that foreigners ask for a city's services with, as Chinese ones."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

TABLE = Path(__file__).parent / "data" / "english.json"
_LETTERS = re.compile(r"[a-z]{3}")


@cache
def _table() -> tuple[re.Pattern[str], dict[str, str]]:
    words: dict[str, str] = json.loads(TABLE.read_text(encoding="utf-8"))
    longest_first = sorted(words, key=len, reverse=True)
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, longest_first))})(?=s?\b)"), words


def chinese_of(text: str) -> list[str]:
    """Chinese words for the English ones in a normalised text, each once, in order."""
    if not _LETTERS.search(text):
        return []
    pattern, words = _table()
    return list(dict.fromkeys(words[match.group()] for match in pattern.finditer(text)))
