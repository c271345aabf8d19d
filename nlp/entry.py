"""What the matcher is told of a service item."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nlp.policy import Field


@dataclass(frozen=True, slots=True)
class Entry:
    """One service item as the matcher sees it. ``code`` is unique within an index; texts are as they were written."""

    code: str
    version: int
    name: str
    aliases: Sequence[str] = ()
    # Whole questions as residents ask them.
    questions: Sequence[str] = ()
    keywords: Sequence[str] = ()
    department: str = ""
    conditions: Sequence[str] = ()
    # Everything else that may be searched: materials, steps, notes.
    body: str = ""

    def parts(self, field: Field) -> Sequence[str]:
        """The texts of one field."""
        if field is Field.NAME:
            return (self.name,)
        if field is Field.ALIASES:
            return self.aliases
        if field is Field.QUESTIONS:
            return self.questions
        if field is Field.KEYWORDS:
            return self.keywords
        if field is Field.DEPARTMENT:
            return (self.department,)
        return self.conditions if field is Field.CONDITIONS else (self.body,)
