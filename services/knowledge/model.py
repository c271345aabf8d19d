"""An entry of the knowledge base: a question as residents put it, and an answer that cites its item and version.

Invariants: what is published never changes, a change is a new version; a published answer names the item it is about
and the version of the item that its author had read; an unanswered question becomes at most one entry.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import msgspec
from msgspec import Struct

from nlp.answer import Match
from services.store import Aggregate


class State(StrEnum):
    PROPOSED = "proposed"  # a question without an answer yet, from a conversation
    DRAFT = "draft"
    PUBLISHED = "published"
    WITHDRAWN = "withdrawn"
    REJECTED = "rejected"  # a proposal that is no question for the knowledge base


class Content(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an editor writes. ``item`` is the code of a published item."""

    question: str
    # Other ways in which residents ask the same.
    phrasings: list[str] = msgspec.field(default_factory=list)
    answer: str = ""
    item: str = ""


class Published(Struct, frozen=True, kw_only=True):
    """A published version; ``item_version`` is the item's version at that moment."""

    number: int
    published_at: datetime
    content: Content
    item_version: int
    item_name: str


class KnowledgeEntry(Aggregate, kw_only=True):
    """``origin``: the conversation whose question this was, None for an entry that staff thought of."""

    draft: Content | None = None
    current: Published | None = None
    last_number: int = 0
    origin: str | None = None


@dataclass(frozen=True)
class Suggestion:
    """An entry that fits a text, with the words it was found by. ``stale``: its item has a newer version than the one
    cited."""

    id: str
    question: str
    answer: str
    item: str
    item_name: str
    item_version: int
    probability: float
    stale: bool
    matched: tuple[Match, ...]
    # To the most similar of the entry's own phrasings, 0..1.
    likeness: float


class CannedAnswer(Struct, kw_only=True, frozen=True):
    """An answer kept ready, called by typing ``/`` and its short cut. ``owner``: a staff id, "" for everybody's.

    ``text`` may hold the variables of ``VARIABLES`` in braces.
    """

    id: str = msgspec.field(name="_id")
    owner: str
    shortcut: str
    title: str
    text: str
    updated_at: datetime
    updated_by: str


# What an officer's screen fills in: how to address the resident, the item, the centre, the officer's name, today.
VARIABLES = ("称呼", "事项", "大厅", "姓名", "日期")
SHORTCUT = re.compile(r"^[\w一-鿿]{1,20}$")
_BRACED = re.compile(r"\{([^{}]*)\}")


def canned_faults(shortcut: str, text: str) -> list[tuple[str, str]]:
    """(field, reason) of everything that is wrong with a canned answer."""
    found = []
    if not SHORTCUT.match(shortcut):
        found.append(("$.shortcut", "1 到 20 个汉字、字母或数字，不含空格和斜杠"))
    unknown = sorted({name for name in _BRACED.findall(text) if name not in VARIABLES})
    if unknown:
        allowed = "、".join(f"{{{name}}}" for name in VARIABLES)
        found.append(("$.text", f"不认识的变量：{'、'.join(unknown)}；可用 {allowed}"))
    if set("{}") & set(_BRACED.sub("", text)):
        found.append(("$.text", "大括号不成对"))
    return found
