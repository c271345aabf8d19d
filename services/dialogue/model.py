"""The state of a dialogue, what is said, what is wished of the world and what the world answers: all of it data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Literal, Protocol

import msgspec
from msgspec import Struct

from nlp.answer import Answer
from nlp.policy import Policy
from nlp.slots import Slots
from nlp.when import When
from services.knowledge.model import Suggestion
from services.learning.model import Lesson


class TaskKind(StrEnum):
    ASK = "ask"
    BOOK = "book"
    CANCEL = "cancel"
    MOVE = "move"
    PROGRESS = "progress"
    PAY = "pay"
    COMPLAIN = "complain"


TASK_WORDS = {
    TaskKind.ASK: "咨询",
    TaskKind.BOOK: "预约",
    TaskKind.CANCEL: "取消预约",
    TaskKind.MOVE: "改期",
    TaskKind.PROGRESS: "查进度",
    TaskKind.PAY: "缴费",
    TaskKind.COMPLAIN: "投诉",
}


class Want(StrEnum):
    """What the last question asked for."""

    NOTHING = ""
    ITEM = "item"
    CENTRE = "centre"
    TIME = "time"
    CONFIRM = "confirm"
    WHICH = "which"
    NUMBER = "number"
    MATTER = "matter"
    PLACE = "place"


class Option(Struct, frozen=True):
    """A button: what it says, and what comes back as the choice ("item:000709402000")."""

    label: str
    value: str


class Task(Struct, kw_only=True, omit_defaults=True):
    """What is being done and what is known for it. ``key`` names the task, so that a confirmation given twice acts
    once; ``start``: the slot, RFC 3339; ``offered``: starts that the resident may choose by a button; ``which``: the
    day of the booking that is to be moved."""

    kind: TaskKind
    key: str
    want: Want = Want.NOTHING
    rounds: int = 0
    item: str = ""
    centre: str = ""
    when: When | None = None
    which: When | None = None
    start: str = ""
    booking: str = ""
    number: str = ""
    complaint_kind: str = ""
    matter: str = ""
    place: str = ""
    happened: str = ""
    photos: list[str] = msgspec.field(default_factory=list)


class Asked(Struct, frozen=True):
    """The words that a choice of items was offered for: what is chosen teaches what they mean."""

    text: str
    items: list[str]


class State(Struct, kw_only=True, omit_defaults=True):
    """All that is kept between two turns; JSON. ``item``: the one talked of last; ``rounds``: questions back in a row
    without a result; ``parked``: tasks that were interrupted, the latest last."""

    task: Task | None = None
    parked: list[Task] = msgspec.field(default_factory=list)
    options: list[Option] = msgspec.field(default_factory=list)
    asked: Asked | None = None
    item: str = ""
    rounds: int = 0
    turns: int = 0


class Reply(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``card``: item, knowledge, times, booking, progress, bill, complaint, confirm, sign_in; ``data`` fits
    the card."""

    kind: Literal["text", "choices", "card"]
    text: str = ""
    card: str = ""
    data: dict[str, Any] = msgspec.field(default_factory=dict)
    options: list[Option] = msgspec.field(default_factory=list)


def items_of(reply: Reply) -> list[dict[str, Any]]:
    """The items that a reply answers with, each with its version, name and probability."""
    if reply.card in ("item", "knowledge") and "version" in reply.data:
        return [reply.data]
    return [one for one in reply.data.get("candidates", []) if isinstance(one, dict)]


class Wish(Struct, frozen=True, kw_only=True):
    """What the dialogue wants of the world; ``do`` is a method of the performer."""

    do: str
    args: dict[str, Any] = msgspec.field(default_factory=dict)


class Result(Struct, frozen=True, kw_only=True):
    """What came of a wish: ``data``, or the error's ``code`` and ``detail``."""

    wish: Wish
    data: Any = None
    code: str = ""
    detail: str = ""


class Understanding(Struct, frozen=True, kw_only=True):
    """One turn of the resident. ``rest``: the answer to the text without its days, places and words of asking, None
    where nothing is left: the item named beside them. ``known``: the entry of the knowledge base that fits best."""

    answer: Answer
    rest: Answer | None
    slots: Slots
    choice: str = ""
    photos: tuple[str, ...] = ()
    known: Suggestion | None = None

    @property
    def text(self) -> str:
        """Normalised, personal numbers masked."""
        return self.answer.text


class FreeTime(Struct, frozen=True, kw_only=True):
    """One slot as the dialogue sees it; minutes after midnight in Shanghai."""

    start: datetime
    day: str
    opens: int
    closes: int
    free: int


class BookingFact(Struct, frozen=True, kw_only=True):
    id: str
    item: str
    item_name: str
    centre: str
    centre_name: str
    centre_address: str
    start: datetime
    state: str
    queue_number: str = ""


class Thing(Struct, frozen=True, kw_only=True):
    """Something of the resident's that goes on: a booking, a case, a complaint. ``day``: when it was handed in."""

    kind: str
    id: str
    title: str
    words: str
    day: str
    detail: str = ""
    # As it is read out, where that is not the id.
    number: str = ""


class ItemFact(Struct, frozen=True, kw_only=True):
    code: str
    version: int
    name: str
    department: str
    bookable: bool
    online: str
    limit_days: int
    materials: tuple[str, ...]
    conditions: tuple[str, ...]
    fee: str
    steps: tuple[str, ...]


class CentreFact(Struct, frozen=True, kw_only=True):
    code: str
    name: str
    address: str
    level: str


class World(Protocol):
    """What every process knows without asking anybody."""

    def item(self, code: str) -> ItemFact | None: ...

    def centre(self, code: str) -> CentreFact | None: ...

    def centres_for(self, item: str) -> list[CentreFact]:
        """Those that accept the item, the city's and districts' own first."""
        ...


@dataclass(frozen=True)
class DialogueRules:
    """``keep``: how long a dialogue is kept without a word; ``rounds``: questions back until a person goes on;
    ``known_at``: the probability from which an entry of the knowledge base is an answer (the matcher's own);
    ``photos``: that a complaint may have."""

    keep: timedelta = timedelta(minutes=30)
    rounds: int = 2
    known_at: float = Policy().answer_at
    photos: int = 9


@dataclass(frozen=True)
class Facts:
    world: World
    now: datetime
    signed_in: bool
    rules: DialogueRules


@dataclass(frozen=True)
class Step:
    """``wish``: to be carried out, and its result given to the next step. ``lessons``: what the resident's choice says
    about earlier words."""

    state: State
    replies: list[Reply]
    wish: Wish | None = None
    hand_over: str | None = None
    unanswered: bool = False
    lessons: tuple[Lesson, ...] = ()


@dataclass(frozen=True)
class Turn:
    """``hand_over``: asked, failures or low_confidence, when a person should go on. ``unanswered``: something was
    asked that was not found. ``text``, ``items``: the normalised words that were answered, and the items shown for
    them; feedback is about both."""

    state: State
    replies: list[Reply]
    hand_over: str | None
    unanswered: bool = False
    text: str = ""
    items: tuple[str, ...] = ()
