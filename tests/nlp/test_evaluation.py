"""The evaluation itself as a test: floors a little under what was measured, so that a change that harms is seen."""

from __future__ import annotations

import numpy as np

from nlp.entry import Entry
from nlp.evaluation import auroc, evaluate, macro_f1, written_by_others
from nlp.matcher import Matcher
from nlp.policy import Policy
from nlp.training import read_jsonl
from nlp.understanding import Understanding

from .conftest import ROOT


def test_questions_left_out_of_the_catalogue_find_their_items(entries: list[Entry]) -> None:
    foreign = [row["text"] for row in read_jsonl(ROOT / "data" / "nlp" / "outside.jsonl")]
    report = evaluate(entries, foreign, Understanding.load(), Policy())
    assert report.trials > 2000
    assert report.first >= 0.76
    assert report.third >= 0.9
    assert report.wrong_answers <= 0.02
    assert report.foreign_refused >= 0.95
    assert report.calibration_error <= 0.05


def test_phrasings_of_somebody_who_has_seen_no_alias_find_their_items(entries: list[Entry]) -> None:
    rows = read_jsonl(ROOT / "data" / "nlp" / "unseen.jsonl")
    found = written_by_others(Matcher.build(entries), rows)
    assert len(found) == 500
    assert sum(place == 0 for place, _ in found) >= 0.85 * len(found)
    assert sum(0 <= place < 3 for place, _ in found) >= 0.95 * len(found)
    assert sum(wrong for _, wrong in found) <= 0.02 * len(found)


def test_auroc_counts_ties_half() -> None:
    assert auroc(np.array([0.1, 0.9]), np.array([False, True])) == 1.0
    assert auroc(np.array([0.5, 0.5]), np.array([False, True])) == 0.5


def test_macro_f1_is_the_mean_over_classes() -> None:
    assert macro_f1(["a", "a", "b"], ["a", "a", "b"]) == 1.0
    assert macro_f1(["a", "b"], ["a", "a"]) == (2 / 3) / 2
