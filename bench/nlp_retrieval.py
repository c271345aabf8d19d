"""Retrieval on public sets: the matcher's index against plain BM25 and against AND over cut_all, with typos."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import rjieba
from numpy.typing import NDArray

from bench.nlp_data import Retrieval, Typist, city_faq, half, question_pairs, title_to_reply
from nlp.evaluation import auroc
from nlp.index import ItemIndex
from nlp.normalise import normalise
from nlp.pinyin import SoundIndex
from nlp.policy import Policy
from nlp.ranking import FEATURES, Ranker, Ranking
from nlp.reading import read
from nlp.segment import Segmenter
from nlp.training import logistic
from nlp.understanding import Understanding

# Plain text of one kind needs other weights than a catalogue; chosen on half 0 of each set, reported on half 1.
PLAIN = Policy(
    field_weights=(1.0,) * 7,
    field_lengths=(0.75,) * 7,
    k1=1.2,
    sharpness=1.0,
    character=0.3,
    sound=0.7,
    likeness=0.0,
    sameness=0.0,
    body_max=10_000,
    words_only=(),
)
REPLY = replace(PLAIN, sharpness=1.5, word=0.5, bigram=0.25, sound=0.0, field_weights=(1, 1, 1, 1, 1, 0.5, 1))
FAQ = replace(PLAIN, sound=0.0, k1=0.3, sharpness=0.8, word=0.5, character=0.54, field_weights=(1, 1, 1, 1.8, 1, 1, 1))
PAIRS = replace(PLAIN, sharpness=0.8, word=1.8, bigram=0.225, character=0.97)
BM25 = replace(PLAIN, bigram=0.0, character=0.0, sound=0.0, terms_max=10_000, postings_max=10**9)
RESAMPLES = 2000
Hits = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the result table. ``low`` and ``high`` bound the value with 95 % by bootstrap."""

    measure: str
    value: float
    low: float
    high: float
    n: int
    goal: str = ""
    note: str = ""


def interval(values: NDArray[np.generic], seed: int = 7) -> tuple[float, float]:
    """95 % interval of the mean by resampling with replacement."""
    rng = np.random.default_rng(seed)
    means = [float(values[rng.integers(0, len(values), len(values))].mean()) for _ in range(RESAMPLES)]
    return float(np.percentile(means, 2.5)), float(np.percentile(means, 97.5))


def line(measure: str, values: NDArray[np.generic], goal: str = "", note: str = "") -> Line:
    """The line of a mean."""
    return Line(measure, float(values.mean()), *interval(values), len(values), goal, note)


class Searcher:
    """The matcher's reading, index and ranking over any entries."""

    def __init__(self, found: Retrieval, policy: Policy) -> None:
        self._segmenter = Segmenter()
        self._policy = policy
        self.index = ItemIndex.build(found.entries, self._segmenter, policy)
        self._sounds = SoundIndex(self.index.vocabulary)
        self._ranker = Ranker(self.index, Understanding(), policy)

    def rank(self, query: str) -> Ranking:
        reading = read(normalise(query).text, self._segmenter, self.index, self._sounds, self._policy)
        return self._ranker.rank(reading, 0.0)

    def hits(self, queries: Sequence[str], right: Sequence[frozenset[int]]) -> Hits:
        """Whether the first row found for each query is a right one."""
        first = [self.rank(query).rows[:1] for query in queries]
        return np.array([bool(rows) and rows[0] in good for rows, good in zip(first, right, strict=True)])


def and_hits(found: Retrieval, part: Retrieval) -> Hits:
    """Plain matching: entries that hold every word of the query's full cut, the shortest entry first."""
    holders: defaultdict[str, set[int]] = defaultdict(set)
    sizes: Counter[int] = Counter()
    for at, entry in enumerate(found.entries):
        text = "\n".join((entry.name, *entry.keywords, entry.department, entry.body))
        sizes[at] = len(text)
        for word in rjieba.cut_all(text):
            holders[word].add(at)
    hits = []
    for query, right in zip(part.queries, part.right, strict=True):
        words = [word for word in rjieba.cut_all(query) if word.strip() and word.isalnum()]
        rows = set.intersection(*(holders.get(word, set()) for word in words)) if words else set()
        hits.append(bool(rows) and min(rows, key=lambda row: (sizes[row], row)) in right)
    return np.array(hits)


def measure(folder: Path) -> Iterator[Line]:
    """R@1 on the three kinds of sets, and the paired differences to both plain methods."""
    sets: list[tuple[Retrieval, Policy, str]] = [
        (title_to_reply(folder), REPLY, ">= .65"),
        (city_faq(folder, fields=True), FAQ, ">= .60"),
        (question_pairs(folder), PAIRS, ">= .80"),
    ]
    for found, policy, goal in sets:
        part = found.part(1)
        ours = Searcher(found, policy).hits(part.queries, part.right)
        rows = f"{len(found.entries)} entries, half 1"
        yield line(f"R@1 {found.name}", ours, goal, rows)
        plain = Searcher(found, BM25).hits(part.queries, part.right)
        yield line(f"- plain BM25 over jieba, {found.name}", plain)
        yield line(f"- difference to BM25, {found.name}", ours.astype(float) - plain, "> 0", "paired")
        yield line(f"- difference to AND, {found.name}", ours.astype(float) - and_hits(found, part), "> 0", "paired")


def typos(folder: Path) -> Iterator[Line]:
    """Points lost with one and two homophones in the query, question pairs."""
    found = question_pairs(folder)
    part = found.part(1)
    typist = Typist([*found.queries, *(entry.name for entry in found.entries)])
    searcher = Searcher(found, PAIRS)
    clean = searcher.hits(part.queries, part.right).astype(float)
    without = Searcher(found, replace(PAIRS, sound=0.0))
    for count, goal in ((1, "<= .015"), (2, "<= .04")):
        typed = [typist.typed(query, count) for query in part.queries]
        yield line(f"loss with {count} homophones", clean - searcher.hits(typed, part.right), goal, "question pairs")
        yield line(f"- without pinyin repair, {count}", clean - without.hits(typed, part.right))


def missing(folder: Path) -> Iterator[Line]:
    """Telling questions whose answer is there from near ones whose answer was taken out, by the ranking's values; half
    of the answers are taken out, and half 0 of the questions trains."""
    for found, policy in ((city_faq(folder, fields=True), FAQ), (question_pairs(folder), PAIRS)):
        gone = {at for rows in found.right for at in rows if half(f"gone{found.entries[min(rows)].code}")}
        kept = [entry for at, entry in enumerate(found.entries) if at not in gone]
        searcher = Searcher(Retrieval("", kept, [], []), policy)
        ranked = [searcher.rank(query).values[:1] for query in found.queries]
        values = np.array([row[0] if row else (0.0,) * len(FEATURES) for row in ranked])
        present = np.array([not rows <= gone for rows in found.right])
        learn = np.array([half(query) == 0 for query in found.queries])
        values = (values - values[learn].mean(axis=0)) / (values[learn].std(axis=0) + 1e-9)
        model = logistic(values[learn], present[learn].astype(float), 1e-2)
        scores = np.array([model.probability(row) for row in values[~learn]])
        measure = f"near, right entry missing, {found.name}: AUROC"
        yield auroc_line(measure, scores, present[~learn], ">= .84", "half the answers gone")


def auroc_line(measure: str, scores: NDArray[np.floating], positive: Hits, goal: str, note: str = "") -> Line:
    """The line of an area under the curve, its interval by resampling."""
    rng = np.random.default_rng(7)
    draws = (rng.integers(0, len(scores), len(scores)) for _ in range(300))
    areas = [auroc(scores[draw], positive[draw]) for draw in draws]
    low, high = np.percentile(areas, [2.5, 97.5])
    return Line(measure, auroc(scores, positive), float(low), float(high), len(scores), goal, note)


MEASURES: tuple[Callable[[Path], Iterator[Line]], ...] = (measure, typos, missing)
