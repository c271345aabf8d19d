"""The files of a case as staff see them before they open one: what it is, what to beware of, where it comes from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.cases.model import Case, MaterialState
from services.files.model import EXTENSIONS, Flag, StoredFile


class Part(StrEnum):
    """What of a case a file belongs to."""

    MATERIAL = "material"
    AUTHORISATION = "authorisation"
    RESULT = "result"


_PART_NAMES = {Part.AUTHORISATION: "授权委托书", Part.RESULT: "办理结果"}


@dataclass(frozen=True, slots=True)
class CaseFile:
    """``name`` is ours: what senders call their files often holds their names and numbers. ``source``: the number of
    the earlier case from which it is reused, "" otherwise."""

    id: str
    name: str
    part: Part
    material: str
    content_type: str
    size: int
    flags: list[Flag]
    handed_in_at: datetime
    source: str


def case_files(case: Case, stored: Mapping[str, StoredFile]) -> list[CaseFile]:
    """All files that the case refers to, in the order of its materials, then authorisation and result."""
    return [
        CaseFile(
            id=id_, name=f"{material or _PART_NAMES[part]}_{number}{EXTENSIONS[file.content_type][0]}", part=part,
            material=material, content_type=file.content_type, size=file.size, flags=file.flags,
            handed_in_at=file.created_at, source=source,
        )
        for id_, part, material, number, source in _named(case)
        if (file := stored.get(id_)) is not None
    ]  # fmt: skip


def _named(case: Case) -> Iterator[tuple[str, Part, str, int, str]]:
    """(file id, part, material, its number in the part, source)."""
    for material in case.materials:
        source = material.source if material.state == MaterialState.REUSED else ""
        for number, file in enumerate(material.files, 1):
            yield file, Part.MATERIAL, material.name, number, source
    for number, file in enumerate(case.agent_files, 1):
        yield file, Part.AUTHORISATION, "", number, ""
    if case.result is not None and case.result.file is not None:
        yield case.result.file, Part.RESULT, "", 1, ""
