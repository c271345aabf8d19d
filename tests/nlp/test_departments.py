from __future__ import annotations

from pathlib import Path

import pytest

from nlp.__main__ import main
from nlp.departments import FILE, Departments, suggest_departments
from nlp.matcher import Matcher

from .test_hotline import csv_of
from .test_matcher import NASTY


def test_the_catalogue_suggests_departments_where_a_city_has_no_model(matcher: Matcher) -> None:
    for text, department in (
        ("身份证丢了怎么补办", "市公安局"),
        ("公积金贷款要等多久才放款", "市住房公积金管理中心"),
        ("医保中心说我的门诊慢病不给报", "市医疗保障局"),
    ):
        found = suggest_departments(text, matcher)
        assert found[0][0] == department, found


def test_a_named_department_is_among_the_suggestions(matcher: Matcher) -> None:
    found = suggest_departments("城管半夜施工噪音没人管", matcher)
    assert "市城市管理局" in [name for name, _ in found]


@pytest.mark.parametrize("text", NASTY)
def test_suggestions_are_three_at_most_and_probabilities_in_order(matcher: Matcher, text: str) -> None:
    for one in (matcher, Matcher.build([])):
        found = Departments(one).suggest_departments(text)
        shares = [share for _, share in found]
        assert len(found) <= 3
        assert shares == sorted(shares, reverse=True)
        assert all(0 <= share <= 1 for share in shares)
        assert sum(shares) <= 1.001


def test_a_citys_own_model_suggests_and_a_broken_one_falls_back(
    matcher: Matcher, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "messages.csv"
    path.write_text(csv_of(), encoding="utf-8")
    assert main(["train", "hotline", str(path), "--into", str(tmp_path)]) == 0
    found = suggest_departments("学费太贵老师还补课", matcher, tmp_path)
    assert found[0][0] == "市教育局"
    assert found[0][1] > 0.5
    (tmp_path / FILE).write_bytes((tmp_path / "category.npz").read_bytes())
    assert suggest_departments("身份证丢了怎么补办", matcher, tmp_path)[0][0] == "市公安局"
    assert "nlp_model_unusable" in caplog.text
