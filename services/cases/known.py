"""What an application need not ask again (国务院令第716号): from the profile, and from cases granted earlier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import msgspec

from kernel.errors import InvalidInput, NotFound
from services.cases.forms import check_draft
from services.cases.model import APPROVED, Case, Party
from services.cases.store import CaseStore
from services.catalogue.application import form_of
from services.catalogue.model import FieldType, FormField, Known
from services.catalogue.queries import Catalogue

PROFILE = "实名信息"
# Lines about the person that stay true from one matter to the next, and are seen at a glance. Amounts, days, counts and
# declarations belong to their own matter.
LASTING = frozenset({FieldType.TEXT, FieldType.ID_NUMBER, FieldType.CREDIT_CODE, FieldType.PHONE, FieldType.CHOICE})
# The newest granted cases that are looked into: each is decrypted.
LOOKED_INTO = 5


@dataclass(frozen=True, slots=True)
class Earlier:
    """An answer of an earlier case, as it is kept; ``source``: the number of the case."""

    answer: Any = field(repr=False)
    source: str


def known(form: Sequence[FormField], party: Party) -> dict[str, Any]:
    """Answers that the profile knows."""
    values = {Known.NAME: party.name, Known.ID_NUMBER: party.id_number, Known.PHONE: party.phone}
    return {field.name: values[field.known] for field in form if field.known is not None and values[field.known]}


def from_case(source: str) -> str:
    """A case as the source of an answer or a material, in words."""
    return f"办件 {source}"


def granted(mine: Sequence[Case]) -> list[Case]:
    """Of a person's cases, the newest first, those that may be a source: granted, and not for somebody else."""
    return [case for case in mine if case.state in APPROVED and case.agent is None]


async def answered_before(
    store: CaseStore, catalogue: Catalogue, mine: Sequence[Case], form: Sequence[FormField], today: date
) -> dict[str, Earlier]:
    """Answers to required questions of the form that granted cases have, the newest first: the same question by name,
    label and type, and an answer that is still good. ``mine``: the person's cases, the newest first."""
    wanted = [one for one in form if one.required and one.known is None and one.type in LASTING]
    found: dict[str, Earlier] = {}
    for case in granted(mine)[:LOOKED_INTO] if wanted else []:
        try:
            asked = {one.name: one for one in form_of(catalogue.get(case.item).content)}
        except NotFound:
            continue
        answers = await store.open_answers(case.answers)
        for one in wanted:
            if one.name not in found and _same(one, asked.get(one.name)) and _good(one, answers, today):
                found[one.name] = Earlier(answers[one.name], case.sources.get(one.name) or from_case(case.number or ""))
    return found


def sources(
    given: Mapping[str, Any], kept: Mapping[str, Any], profile: Mapping[str, Any], earlier: Mapping[str, Earlier]
) -> dict[str, str]:
    """Field -> source of the answers that were not given but known."""
    where = {name: one.source for name, one in earlier.items()} | dict.fromkeys(profile, PROFILE)
    return {name: source for name, source in where.items() if name in kept and name not in given}


def _same(one: FormField, other: FormField | None) -> bool:
    return other is not None and (one.label, one.type) == (other.label, other.type)


def _good(one: FormField, answers: Mapping[str, Any], today: date) -> bool:
    """It was answered, and the form would take it today."""
    alone = msgspec.structs.replace(one, when=None)
    try:
        return one.name in check_draft([alone], {one.name: answers.get(one.name)}, today=today)
    except InvalidInput:
        return False
