from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nlp.pinyin import READINGS_MAX, SoundIndex, sounds

INDEX = SoundIndex(["身份证", "护照", "社保卡", "银行", "c1"])


def test_a_word_of_the_same_sound_is_repaired() -> None:
    assert INDEX.repairs(["身分正丢了"]) == ["身份证"]
    assert INDEX.repairs(["办户照"]) == ["护照"]


def test_a_word_that_is_there_as_written_is_not_repaired() -> None:
    assert INDEX.repairs(["身份证丢了"]) == []


def test_a_character_of_two_readings_is_found_by_both() -> None:
    assert INDEX.repairs(["银航"]) == ["银行"]
    assert INDEX.repairs(["银形"]) == ["银行"]


def test_pinyin_is_read_in_one_run_or_in_syllables() -> None:
    assert INDEX.from_letters(["shenfenzheng"]) == ["身份证"]
    assert INDEX.from_letters(["hu", "zhao"]) == ["护照"]
    assert INDEX.from_letters(["passport"]) == []


@given(st.text(max_size=50))
def test_any_text_has_few_sounds(text: str) -> None:
    assert len(sounds(text)) <= READINGS_MAX


@given(st.lists(st.text(alphabet="abcdefghijklmnopqrstuvwxyzü", max_size=300), max_size=3))
def test_any_letters_are_read(runs: list[str]) -> None:
    INDEX.from_letters(runs)
