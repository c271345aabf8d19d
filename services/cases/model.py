"""A case (办件): one application for one version of an item, from the draft to the day its result is in hand.

Invariants:

- a person has at most one draft per item (unique ``draft_of``); a case number is given once (unique ``number``);
- nothing personal is kept in clear: ``answers`` and the parties are encrypted, and the last four characters of the ID
  number are only found again as ``proof``, encrypted together with number and query code;
- the limits are a pure function of ``clock``, each task's marks and the working-day table (kernel/limits.py);
- a task is decided at most once: its state changes in the case's guarded write;
- once somebody has taken a case it has exactly one owner (首问负责) until a hand-over, which the history keeps.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

import msgspec
from msgspec import Struct

from kernel.limits import Mark
from services.store import Aggregate


class State(StrEnum):
    DRAFT = "draft"
    SUBMITTED = "submitted"  # received, not yet accepted
    INCOMPLETE = "incomplete"  # something is missing, told before acceptance
    IN_APPROVAL = "in_approval"  # accepted; the limits run
    SUPPLEMENTING = "supplementing"  # something is missing, told after acceptance; the limits stand still
    PAUSED = "paused"  # waiting for an expert report, an inspection …
    GRANTED = "granted"
    DENIED = "denied"
    READY = "ready"  # the result is made and can be handed over
    ISSUED = "issued"
    CLOSED = "closed"
    REFUSED = "refused"  # not accepted (不予受理)
    WITHDRAWN = "withdrawn"
    DISCARDED = "discarded"  # a draft thrown away


# Filed, and somebody still has something to do: not before, not after the result is in hand.
OPEN = frozenset(
    {State.SUBMITTED, State.INCOMPLETE, State.IN_APPROVAL, State.SUPPLEMENTING, State.PAUSED, State.GRANTED}
    | {State.DENIED, State.READY}
)
# States in which the window has something to do.
AT_THE_DESK = frozenset({State.SUBMITTED, State.READY})
# States in which departments have something to do.
IN_DEPARTMENTS = frozenset({State.IN_APPROVAL, State.GRANTED, State.DENIED})
# The item was granted: what was checked then need not be shown again.
APPROVED = frozenset({State.GRANTED, State.READY, State.ISSUED, State.CLOSED})


class Channel(StrEnum):
    ONLINE = "online"
    WINDOW = "window"


class MaterialState(StrEnum):
    MISSING = "missing"
    PROVIDED = "provided"
    ORIGINAL_SEEN = "original_seen"
    REUSED = "reused"


class CaseMaterial(Struct, frozen=True, kw_only=True):
    """One material by its name in the item's version. ``source``: the case from which it is reused."""

    name: str
    state: MaterialState = MaterialState.MISSING
    files: list[str] = msgspec.field(default_factory=list)
    source: str = ""


class TaskState(StrEnum):
    WAITING = "waiting"
    OPEN = "open"
    TAKEN = "taken"
    APPROVED = "approved"
    REJECTED = "rejected"
    CANCELLED = "cancelled"


TO_DO = frozenset({TaskState.OPEN, TaskState.TAKEN})


class CaseTask(Struct, frozen=True, kw_only=True):
    """One department's task, as the item's version set it when the case was accepted."""

    code: str
    name: str
    department: str
    after: list[str] = msgspec.field(default_factory=list)
    working_days: int
    state: TaskState = TaskState.WAITING
    officer: str = ""
    opinion: str = ""
    opened_at: datetime | None = None
    taken_at: datetime | None = None
    decided_at: datetime | None = None


class Delivery(Struct, frozen=True, kw_only=True):
    """How the result comes: ``way`` is one of the item's; ``address`` (encrypted) only for the post."""

    way: str
    address: bytes | None = None


class Notice(Struct, frozen=True, kw_only=True):
    """A supplement notice (补正告知): everything missing at once. ``reason``: why there is a second one; ``until``: the
    last day on which it can be handed in as of right."""

    at: datetime
    by: str
    missing: list[str]
    message: str = ""
    reason: str = ""
    until: date | None = None
    answered_at: datetime | None = None


class CaseResult(Struct, frozen=True, kw_only=True):
    """What the case led to: a document with its number, perhaps as a file."""

    name: str
    number: str = ""
    file: str | None = None
    at: datetime


class Handover(Struct, frozen=True, kw_only=True):
    """How the result was handed over. ``tracking`` of the post."""

    way: str
    at: datetime
    by: str
    tracking: str = ""


class Case(Aggregate, kw_only=True):
    """``person``: whose account it is, "" when the window applied for somebody without one. ``agent``: set when that
    account applies for somebody else. Bytes are encrypted (services/cases/encryption.py)."""

    person: str
    item: str
    item_version: int
    item_name: str
    department: str
    channel: Channel
    centre: str
    draft_of: str | None = None
    number: str | None = None
    query_code: str = ""
    proof: bytes | None = None
    applicant: bytes | None = None
    agent: bytes | None = None
    agent_files: list[str] = msgspec.field(default_factory=list)
    answers: bytes | None = None
    # Field -> where its answer comes from, of those that were known and not asked.
    sources: dict[str, str] = msgspec.field(default_factory=dict)
    materials: list[CaseMaterial] = msgspec.field(default_factory=list)
    delivery: Delivery | None = None
    legal_limit_days: int = 0
    promised_limit_days: int = 0
    submitted_at: datetime | None = None
    # From when on the office may be silent: the receipt, or the last supplement before acceptance.
    received_at: datetime | None = None
    clock: list[Mark] = msgspec.field(default_factory=list)
    # Warnings that went out: "promised:yellow", "task:review:red".
    warned: list[str] = msgspec.field(default_factory=list)
    tasks: list[CaseTask] = msgspec.field(default_factory=list)
    owner: str = ""
    notices: list[Notice] = msgspec.field(default_factory=list)
    # Why it was refused, or what was decided.
    opinion: str = ""
    result: CaseResult | None = None
    handover: Handover | None = None
    # In whose queue it stands: the centre's, the departments'. Absent: in nobody's.
    desk: str | None = None
    departments: list[str] | None = None
    queued_at: datetime | None = None

    def task(self, code: str) -> CaseTask | None:
        return next((task for task in self.tasks if task.code == code), None)

    def files(self) -> set[str]:
        """The ids of all files that the case refers to."""
        handed_in = {file for material in self.materials for file in material.files} | set(self.agent_files)
        return handed_in if self.result is None or self.result.file is None else handed_in | {self.result.file}


class Party(Struct, frozen=True, kw_only=True):
    """Somebody named in a case, in clear, for the moment it is needed. ``relation``: of an agent to the applicant."""

    name: str
    id_number: str
    phone: str = ""
    relation: str = ""

    def __repr__(self) -> str:
        """Shows nothing: it ends in tracebacks."""
        return "Party(…)"


@dataclass(frozen=True, slots=True)
class Given:
    """What somebody hands in: answers by field, file ids by material; None leaves what the draft has.

    ``principal``: for whom an agent applies, with their authorisation in ``authorisation`` (file ids).
    """

    answers: dict[str, object] | None = field(default=None, repr=False)
    materials: dict[str, list[str]] | None = None
    way: str | None = None
    address: str | None = field(default=None, repr=False)
    centre: str | None = None
    principal: Party | None = field(default=None, repr=False)
    authorisation: list[str] | None = None


@dataclass(frozen=True, slots=True)
class Personal:
    """The personal data of a case in clear, for who has the right and is written down."""

    applicant: Party | None = field(repr=False)
    agent: Party | None = field(repr=False)
    answers: dict[str, object] = field(repr=False)
    address: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Officer:
    """Who acts for the city: their account, centre and department, and whether they supervise."""

    id: str
    centre: str | None
    department: str | None
    supervises: bool
    address: str = ""


@dataclass(frozen=True)
class CaseRules:
    """The city's rules for cases.

    ``silence_days``: working days after which an application that nobody has looked at counts as accepted
    (行政许可法 art. 32 and 82). ``close_days``: calendar days after which an issued case is closed.
    ``supplement_days``: working days that a notice leaves to hand in what is missing.
    """

    silence_days: int = 5
    close_days: int = 15
    supplement_days: int = 15
