"""What one more alias or question would do: the evaluation before and after it, in a process of its own.

``python -m nlp.effect`` reads a Request as JSON from standard input and writes an Effect. A process, because an
evaluation is seconds of computing, and a thread that computes holds up the event loop beside it.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec
from msgspec import Struct

from nlp.answer import Answer, Outcome
from nlp.entry import Entry
from nlp.matcher import Matcher
from nlp.policy import Policy
from nlp.training import FOLDS, Trial, fold_of, read_jsonl, without
from nlp.understanding import Understanding

# Questions of one fold that are asked: in a great catalogue, the first by their hash.
FOLD_TRIALS = 600
CHANGED_SHOWN = 50
NICE = 10


class Change(Struct, frozen=True, kw_only=True):
    """``text`` becomes an alias or a question of the item ``code``."""

    code: str
    text: str
    alias: bool


class Request(Struct, frozen=True, kw_only=True):
    """``folder``: data/nlp, with unseen.jsonl and outside.jsonl where they are there. ``seconds``: after so many no
    further fold is begun."""

    entries: list[Entry]
    change: Change
    folder: str
    seconds: float


class Scores(Struct, frozen=True, kw_only=True):
    """Shares of the trials: the right item first, among three; confident and wrong."""

    first: float
    third: float
    wrong: float


class Said(Struct, frozen=True, kw_only=True):
    """The answer to one text: outcome, and the first item with its probability ("" and 0 without one)."""

    outcome: str
    item: str
    probability: float


class Changed(Struct, frozen=True, kw_only=True):
    """A text that is answered otherwise. ``expected``: its right item, "" for none."""

    text: str
    expected: str
    before: Said
    after: Said


class Effect(Struct, frozen=True, kw_only=True):
    """``trials`` of ``questions`` were asked (a sample where fewer); ``better``, ``worse``: texts whose right item is
    first now, or no more; ``changed``: the first of them all; ``text``: the proposed words themselves."""

    trials: int
    questions: int
    before: Scores
    after: Scores
    better: int
    worse: int
    changed: list[Changed]
    text: Changed
    seconds: float

    @property
    def sampled(self) -> bool:
        return self.trials < self.questions


@dataclass
class _Count:
    asked: int = 0
    real: int = 0
    first: int = 0
    third: int = 0
    wrong: int = 0

    def add(self, trial: Trial, answer: Answer) -> bool:
        """Counts one answer; whether its first item is right."""
        codes = [candidate.code for candidate in answer.candidates[:3]]
        right = bool(trial.code) and codes[:1] == [trial.code]
        self.asked += 1
        self.real += bool(trial.code)
        self.first += right
        self.third += bool(trial.code) and trial.code in codes
        self.wrong += answer.outcome is Outcome.ANSWER and not right
        return right

    @property
    def scores(self) -> Scores:
        real = max(self.real, 1)
        return Scores(
            first=round(self.first / real, 5),
            third=round(self.third / real, 5),
            wrong=round(self.wrong / max(self.asked, 1), 5),
        )


@dataclass
class _Comparison:
    before: _Count = field(default_factory=_Count)
    after: _Count = field(default_factory=_Count)
    better: int = 0
    worse: int = 0
    changed: list[Changed] = field(default_factory=list)

    def ask(self, trials: Sequence[Trial], before: Matcher, after: Matcher) -> None:
        for trial in trials:
            old, new = before.ask(trial.text), after.ask(trial.text)
            was, is_ = self.before.add(trial, old), self.after.add(trial, new)
            self.better += is_ and not was
            self.worse += was and not is_
            one = _changed(trial, old, new)
            if (one.before.item, one.before.outcome) != (one.after.item, one.after.outcome):
                self.changed.append(one)


def effect(request: Request, understanding: Understanding | None = None, policy: Policy | None = None) -> Effect:
    """Asks what the catalogue lacks and what is foreign, then the catalogue's questions, a fifth left out at a time."""
    began = time.monotonic()
    understanding, policy = understanding or Understanding.load(), policy or Policy()
    entries, change = request.entries, request.change

    def pair(kept: Sequence[Entry]) -> tuple[Matcher, Matcher]:
        old = Matcher.build(kept, understanding=understanding, policy=policy)
        return old, Matcher.build(changed_by(kept, change), understanding=understanding, policy=policy)

    compared = _Comparison()
    before, after = pair(entries)
    text = _changed(Trial(change.text, change.code), before.ask(change.text), after.ask(change.text))
    written = written_trials(Path(request.folder), {entry.code for entry in entries})
    compared.ask(written, before, after)
    questions = len(written) + sum(len(entry.questions) for entry in entries)
    for fold in range(FOLDS):
        if fold and time.monotonic() - began > request.seconds:
            break
        kept, trials = without(entries, fold)
        chosen = sorted(trials, key=lambda trial: fold_of(trial.text, 1 << 64))[:FOLD_TRIALS]
        compared.ask(chosen, *pair(kept))
    return Effect(
        trials=compared.before.asked,
        questions=questions,
        before=compared.before.scores,
        after=compared.after.scores,
        better=compared.better,
        worse=compared.worse,
        changed=compared.changed[:CHANGED_SHOWN],
        text=text,
        seconds=round(time.monotonic() - began, 1),
    )


def changed_by(entries: Sequence[Entry], change: Change) -> list[Entry]:
    """The catalogue with the change."""
    return [_with(entry, change) if entry.code == change.code else entry for entry in entries]


def _with(entry: Entry, change: Change) -> Entry:
    if change.alias:
        return replace(entry, aliases=(*entry.aliases, change.text))
    return replace(entry, questions=(*entry.questions, change.text))


def written_trials(folder: Path, codes: set[str]) -> list[Trial]:
    """Phrasings that are in no catalogue, of items that are, and foreign texts (no item is right)."""
    unseen, outside = folder / "unseen.jsonl", folder / "outside.jsonl"
    found = [Trial(row["text"], row["item"]) for row in (read_jsonl(unseen) if unseen.exists() else ())]
    foreign = [Trial(row["text"], "") for row in (read_jsonl(outside) if outside.exists() else ())]
    return [trial for trial in found if trial.code in codes] + foreign


def _changed(trial: Trial, old: Answer, new: Answer) -> Changed:
    return Changed(text=trial.text, expected=trial.code, before=_said(old), after=_said(new))


def _said(answer: Answer) -> Said:
    best = answer.candidates[0] if answer.candidates else None
    return Said(
        outcome=answer.outcome.value, item=best.code if best else "", probability=best.probability if best else 0.0
    )


def main() -> int:
    """Reads, measures, writes."""
    os.nice(NICE)  # whoever answers residents comes first
    request = msgspec.json.decode(sys.stdin.buffer.read(), type=Request)
    sys.stdout.buffer.write(msgspec.json.encode(effect(request)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
