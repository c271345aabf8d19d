"""Public Chinese texts as benchmark sets. They lie outside the repository; the rule of every split is written here."""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nlp.entry import Entry
from nlp.normalise import normalise
from nlp.pinyin import readings

FOREIGN = ("crosswoz", "oppo", "smp2019", "thucnews")
BUREAU = re.compile(r".*?(?:社会局|局|委员会|中心|(?<!管理)处|区公所|公司|医院|院|所)")


def digest(text: str) -> int:
    """SHA-1 of the text as a number: seeds and splits come from it."""
    return int(hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest(), 16)


def half(text: str) -> int:
    """0 or 1: the half of a set that a text is in (the last bit of its SHA-1)."""
    return digest(text) & 1


def rows(folder: Path, name: str) -> list[dict[str, Any]]:
    """The records of one development file."""
    return [json.loads(line) for line in (folder / "dev" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


@dataclass(frozen=True, slots=True)
class Retrieval:
    """Queries, and the rows of ``entries`` that are right for each."""

    name: str
    entries: list[Entry]
    queries: list[str]
    right: list[frozenset[int]]

    def part(self, which: int) -> Retrieval:
        """The queries of one half, over all entries."""
        kept = [at for at, query in enumerate(self.queries) if half(query) == which]
        return Retrieval(self.name, self.entries, [self.queries[at] for at in kept], [self.right[at] for at in kept])


def title_to_reply(folder: Path) -> Retrieval:
    """A message's title asks for the official reply to the message; what the reply opens with counts as a field.

    The same reply given twice, and the replies to messages of the same title, are all right.
    """
    found = rows(folder, "hotline_reply")
    entries = [
        Entry(f"{at:012d}", 1, "", conditions=(row["reply"][:150],), body=row["reply"]) for at, row in enumerate(found)
    ]
    same: defaultdict[str, set[int]] = defaultdict(set)
    for at, row in enumerate(found):
        same[row["title"]].add(at)
        same[row["reply"]].add(at)
    right = [frozenset(same[row["title"]] | same[row["reply"]]) for row in found]
    return Retrieval("title -> reply", entries, [row["title"] for row in found], right)


def city_faq(folder: Path, *, fields: bool) -> Retrieval:
    """A question asks for its answer; with fields, the answer's keywords and department may be searched too."""
    found = rows(folder, "city_faq")
    entries = [
        Entry(
            f"{at:012d}",
            1,
            "",
            keywords=tuple(row["kw"].split(",")) if fields else (),
            department=row["dept"] if fields else "",
            body=row["a"],
        )
        for at, row in enumerate(found)
    ]
    name = "city FAQ, fields" if fields else "city FAQ, body only"
    return Retrieval(name, entries, [row["q"] for row in found], [frozenset({at}) for at in range(len(found))])


def question_pairs(folder: Path) -> Retrieval:
    """One question of a pair of the same meaning asks for the other, among all second questions and all first ones
    that have no partner."""
    found = rows(folder, "question_pairs")
    queries = {row["a"] for row in found if row["y"] == 1}
    texts = sorted({row["b"] for row in found} | {row["a"] for row in found if row["a"] not in queries})
    place = {text: at for at, text in enumerate(texts)}
    right: defaultdict[str, set[int]] = defaultdict(set)
    for row in found:
        if row["y"] == 1 and row["a"] != row["b"]:
            right[row["a"]].add(place[row["b"]])
    # A question that is itself among the entries would find itself.
    chosen = sorted(query for query in right if query not in place)
    entries = [Entry(f"{at:012d}", 1, text) for at, text in enumerate(texts)]
    return Retrieval("question pairs", entries, chosen, [frozenset(right[query]) for query in chosen])


class Typist:
    """Replaces characters by others of the same sound, the commoner the likelier; the same query, the same typos."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._count = Counter(character for text in texts for character in text)
        self._same: defaultdict[int, list[str]] = defaultdict(list)
        for character in sorted(self._count):
            if found := readings(character):
                self._same[found[0]].append(character)

    def typed(self, query: str, typos: int) -> str:
        """``query`` with this many homophones, or fewer where it has too few characters with one."""
        rng = random.Random(digest(query))
        letters = list(query)
        places = [at for at, letter in enumerate(letters) if len(self._others(letter)) > 0]
        rng.shuffle(places)
        for at in places[:typos]:
            others = self._others(letters[at])
            letters[at] = rng.choices(others, [self._count[other] for other in others])[0]
        return "".join(letters)

    def _others(self, letter: str) -> list[str]:
        found = readings(letter)
        return [other for other in self._same[found[0]] if other != letter] if found else []


@dataclass(frozen=True, slots=True)
class Labelled:
    """Titles and bodies (either may be empty) with one label each; ``keys`` decide the halves. ``more`` are further
    texts of each, which may be trained on and are never judged by."""

    name: str
    titles: list[str]
    bodies: list[str]
    labels: list[str]
    keys: list[str]
    more: list[str] | None = None


def clean(text: str) -> str:
    """In the form that the models see."""
    return normalise(text).text


def _bodies(found: Sequence[dict[str, Any]]) -> list[str]:
    return [clean(row["text"]) for row in found]


def hotline_raw(folder: Path, *, body: bool) -> Labelled:
    """Messages by title, or title and body, with one of seven first-level categories."""
    found = rows(folder, "hotline_raw")
    name = "hotline, title + body" if body else "hotline, title only"
    titles = [row["title"] for row in found]
    bodies = _bodies(found) if body else [""] * len(found)
    return Labelled(name, list(map(clean, titles)), bodies, [row["label"] for row in found], titles)


def intents(folder: Path, *, four: bool) -> Labelled:
    """Ask or complain, or all four weak intents; the verb that gave the label is hidden from the model."""
    found = [row for row in rows(folder, "hotline_intent_weak") if four or row["intent"] in ("ask", "complain")]
    titles = [clean(row["title_wo_verb"]) for row in found]
    name = "intent, four ways" if four else "ask vs complain"
    return Labelled(name, titles, _bodies(found), [row["intent"] for row in found], [row["title"] for row in found])


# The goals were set on the whole sets, of which half is here: 29 bureaus and 16 departments. These floors give the
# nearest to that: 28 and 16 classes.
BUREAU_LEAST, DEPARTMENT_LEAST = 8, 7


def bureaus(folder: Path) -> Labelled:
    """City questions with the bureau that answers, without its sections; bureaus with ``BUREAU_LEAST`` questions or
    more. What the bureau answered, and its keywords, may be trained on."""
    found = rows(folder, "city_faq")
    names = [match.group() if (match := BUREAU.match(row["dept"])) else row["dept"] for row in found]
    count = Counter(names)
    kept = [at for at, name in enumerate(names) if count[name] >= BUREAU_LEAST]
    texts = [found[at]["q"] for at in kept]
    more = [clean(found[at]["a"][:400] + "\n" + found[at]["kw"]) for at in kept]
    bare = [""] * len(kept)
    return Labelled("question -> bureau", bare, list(map(clean, texts)), [names[at] for at in kept], texts, more)


def departments(folder: Path) -> Labelled:
    """Messages with the department that the reply names; departments with ``DEPARTMENT_LEAST`` messages or more. The
    reply itself may be trained on, as a city's own past replies may."""
    found = rows(folder, "hotline_department_silver")
    count = Counter(row["dept"] for row in found)
    kept = [row for row in found if count[row["dept"]] >= DEPARTMENT_LEAST]
    titles = [row["title"] for row in kept]
    reply = {row["title"]: row["reply"] for row in rows(folder, "hotline_reply")}
    more = [clean(reply.get(title, "")) for title in titles]
    labels = [row["dept"] for row in kept]
    return Labelled("message -> department", list(map(clean, titles)), _bodies(kept), labels, titles, more)
