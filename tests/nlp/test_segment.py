from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlp.entry import Entry
from nlp.segment import Segmenter, python_engine, rust_engine, usable_terms

TERMS = ("两项补贴", "公积金贷款", "居民身份证首次申领")


@pytest.fixture(scope="module")
def both() -> tuple[Segmenter, Segmenter]:
    return Segmenter(TERMS, rust_engine()), Segmenter(TERMS, python_engine())


def test_rjieba_and_jieba_cut_the_whole_catalogue_alike(
    both: tuple[Segmenter, Segmenter], entries: list[Entry]
) -> None:
    rust, python = both
    for entry in entries:
        for text in (entry.name, *entry.aliases, *entry.questions, *entry.keywords, *entry.conditions):
            assert rust.cut(text) == python.cut(text)


@settings(max_examples=200)
@given(st.text(alphabet=st.characters(min_codepoint=0x4E00, max_codepoint=0x9FD5), max_size=40))
def test_rjieba_and_jieba_cut_any_chinese_characters_alike(text: str) -> None:
    assert Segmenter(TERMS, rust_engine()).cut(text) == Segmenter(TERMS, python_engine()).cut(text)


@given(st.text(max_size=80))
def test_words_of_any_text_are_parts_of_it(text: str) -> None:
    for word in Segmenter((), rust_engine()).cut(text):
        assert word
        assert word in text


def test_terms_are_words_beside_their_parts() -> None:
    words = Segmenter(TERMS).cut("残疾人两项补贴怎么领")
    assert "两项补贴" in words
    assert "补贴" in words


def test_letters_and_digits_stay_whole() -> None:
    assert Segmenter().cut("c1驾照,打12345") == ["c1", "驾照", "打", "12345"]


def test_only_terms_of_three_to_six_characters_are_used() -> None:
    assert usable_terms(["居民身份证首次申领", "补贴", "公积金贷款", "c1驾照", ""]) == {"公积金贷款"}
