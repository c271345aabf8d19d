from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nlp.__main__ import main, worse_by
from nlp.answer import Intent
from nlp.linear import BrokenModel, Linear, one_of, train
from nlp.matcher import Matcher
from nlp.training import read_jsonl
from nlp.understanding import MODEL, PREVIOUS, Understanding

from .conftest import ROOT
from .test_matcher import CARD, PASS, check

pytestmark = pytest.mark.filterwarnings("error")


def tiny() -> Linear:
    documents = [["a", "b"], ["a", "c"], ["x", "b"], ["x", "c"]] * 3
    return train(documents, one_of(["yes", "yes", "no", "no"] * 3, ("yes", "no")), ("yes", "no"))


def test_a_linear_model_learns_what_separates_and_is_the_same_each_time() -> None:
    model = tiny()
    assert model.margins(["a"])[0] > 0 > model.margins(["x"])[0]
    assert np.array_equal(model.weights, tiny().weights)


def test_a_saved_model_is_the_model(tmp_path: Path) -> None:
    tiny().save(tmp_path / "m.npz")
    loaded = Linear.load(tmp_path / "m.npz")
    assert loaded.features == tiny().features
    assert np.allclose(loaded.margins(["a", "b"]), tiny().margins(["a", "b"]), atol=1e-2)


def test_pruning_keeps_the_weightiest_features() -> None:
    model = tiny().pruned(2)
    assert set(model.features) == {"a", "x"}
    assert model.margins(["a"])[0] > 0


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", b"{}", bytes(1000)])
def test_a_broken_file_leaves_the_last_good_model(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "understanding.npz"
    shutil.copy(MODEL, path.with_suffix(PREVIOUS))
    path.write_bytes(content)
    with pytest.raises(BrokenModel):
        Linear.load(path)
    assert Understanding.load(path).about["data"]


def test_a_cut_off_file_is_noticed_wherever_it_is_cut(tmp_path: Path) -> None:
    whole = MODEL.read_bytes()
    for part in range(1, 10):
        path = tmp_path / "understanding.npz"
        path.write_bytes(whole[: len(whole) * part // 10])
        assert Understanding.load(path).model is None


def test_a_model_of_something_else_is_refused(tmp_path: Path) -> None:
    tiny().save(tmp_path / "other.npz")
    assert Understanding.load(tmp_path / "other.npz").model is None


def test_without_any_model_questions_are_still_answered(tmp_path: Path) -> None:
    matcher = Matcher.build([CARD, PASS], understanding=Understanding.load(tmp_path / "none.npz"))
    for text in ("身份证丢了怎么补办", "预约办护照", "转人工", "你好", "", "今天天气怎么样"):
        check(matcher.ask(text))
    assert matcher.ask("身份证丢了怎么补办").candidates[0].code == CARD.code
    assert matcher.ask("预约办护照").intent is Intent.BOOK
    assert matcher.ask("转人工").intent is Intent.PERSON


def test_the_shipped_model_tells_its_origin_and_scores() -> None:
    about = Understanding.load().about
    assert len(about["data"]) == 64
    assert about["scores"]["gate_auroc"] > 0.97
    assert about["scores"]["intent_accuracy"] > 0.9


def test_a_model_that_lowers_a_score_is_not_written(tmp_path: Path) -> None:
    old = Understanding.load()
    better = dict(old.about, scores=dict.fromkeys(old.about["scores"], 1.0))
    assert old.model is not None
    changed = replace(old.model, about=better)
    assert worse_by(changed.about, old.about)
    assert not worse_by(old.about, old.about)


def test_examples_are_many_unique_and_of_known_intents() -> None:
    written = read_jsonl(ROOT / "data" / "nlp" / "intents.jsonl")
    outside = read_jsonl(ROOT / "data" / "nlp" / "outside.jsonl")
    assert len(outside) >= 200
    assert {row["intent"] for row in written} == {intent.value for intent in Intent} - {"other"}
    texts = [row["text"] for row in (*written, *outside)]
    assert len(texts) == len(set(texts))


def test_explain_shows_words_features_and_reason(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", str(ROOT / "data"), "explain", "身份证丢了"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["answer"]["candidates"]
    assert shown["words"] == ["身份证", "丢", "了"] or "身份证" in shown["words"]
    assert "coverage" in shown["features"][0]
