"""From a text to the features of the linear models: words, runs of one to three characters, cues."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path

from nlp.linear import CUE, TITLE, WORD
from nlp.segment import HAN_RUN, OTHER_RUN, Segmenter

CUES = Path(__file__).parent / "data" / "cues.json"
# Letters of a text that are read: a long message has said what it is about by then.
READ_MAX = 600
MESSAGE_MAX = 2000


@cache
def cue_pattern() -> re.Pattern[str]:
    """One pattern for all cues: the name of the group that matched is the intent."""
    cues: Mapping[str, Sequence[str]] = json.loads(CUES.read_text(encoding="utf-8"))
    groups = (f"(?P<{intent}>{'|'.join(map(re.escape, words))})" for intent, words in cues.items())
    return re.compile("|".join(groups))


def cues_of(text: str) -> list[str]:
    """Intents whose cue words the text holds, once for each cue word."""
    return [match.lastgroup or "" for match in cue_pattern().finditer(text[:READ_MAX])]


def features_of(text: str, words: Sequence[str], *, cues: bool = True) -> list[str]:
    """Names of the features of a normalised text, repeated as often as they occur."""
    found = [WORD + word for word in words if len(word) > 1]
    for run in HAN_RUN.findall(text[:READ_MAX]):
        found.extend(run)
        found.extend(map("".join, pairwise(run)))
        found.extend(map("".join, zip(run, run[1:], run[2:], strict=False)))
    found.extend(OTHER_RUN.findall(text[:READ_MAX]))
    if cues:
        found.extend(CUE + intent for intent in cues_of(text))
    return found


def message_features(title: str, body: str, segmenter: Segmenter) -> list[str]:
    """Features of a message that has a title: of both together, and of the title again by itself, with its beginning,
    its end and its punctuation, which tell a question from a complaint.

    Both are normalised. No cues: they are for short requests.
    """
    text = f"{title}\n{body}" if title and body else title or body
    found = _words_and_runs(text, segmenter)
    if title:
        found += [TITLE + name for name in _words_and_runs(f"^{title}$", segmenter)]
    return found


def _words_and_runs(text: str, segmenter: Segmenter) -> list[str]:
    text = text[:MESSAGE_MAX]
    found = [WORD + word for word in segmenter.cut(text)]
    for size in (1, 2, 3):
        found += [text[at : at + size] for at in range(len(text) - size + 1)]
    return found
