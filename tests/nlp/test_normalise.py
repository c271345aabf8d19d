from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nlp.letters import letters_of, text_of
from nlp.normalise import MASK, MAX_CHARACTERS, normalise, plain


@given(st.text(max_size=300))
def test_normalising_twice_changes_nothing(text: str) -> None:
    once = normalise(text).text
    assert normalise(once).text == once


@given(st.text())
def test_any_text_is_normalised_within_the_limit_and_can_be_encoded(text: str) -> None:
    normal = normalise(text).text
    assert len(normal) <= MAX_CHARACTERS
    normal.encode()
    assert "  " not in normal


@given(st.text())
def test_letters_of_a_text_are_as_many_as_the_text_has(text: str) -> None:
    assert len(letters_of(text)) == len(text)


@given(st.text(alphabet="身份證補辦ＡＢａ１２，。 護照戶口遷移", max_size=60))
def test_the_catalogue_and_the_residents_side_agree(text: str) -> None:
    assert text_of(letters_of(text)) == plain(text)


def test_traditional_full_width_and_capital_letters_become_one_form() -> None:
    assert normalise("身份證補辦，Ｃ１駕照　怎麼換").text == "身份证补办,c1驾照 怎么换"


@given(st.from_regex(r"[1-9][0-9]{5}(19|20)[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9])[0-9]{3}[0-9Xx]", fullmatch=True))
def test_an_identity_number_never_survives(number: str) -> None:
    normal = normalise(f"我的身份证号{number}丢了")
    assert normal.text == f"我的身份证号{MASK}丢了"
    assert normal.masked == ("id_number",)


@given(st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True), st.sampled_from(["", "+86", "86 ", "电话"]))
def test_a_mobile_number_never_survives(number: str, before: str) -> None:
    normal = normalise(f"{before}{number}打给我")
    assert number not in normal.text
    assert "phone" in normal.masked


@given(st.integers(10**15, 10**19 - 1), st.booleans())
def test_a_bank_card_never_survives(number: int, grouped: bool) -> None:
    digits = str(number)
    written = " ".join(digits[at : at + 4] for at in range(0, len(digits), 4)) if grouped else digits
    normal = normalise(f"卡号 {written} 扣了两次")
    assert MASK in normal.text
    assert not any(part in normal.text for part in (digits, digits[:12]))


def test_item_codes_hotlines_and_dates_stay() -> None:
    for text in ("000709400000", "12345热线", "0631-5810002", "2026-11-24", "2026年11月24日", "工本费20元"):
        assert normalise(text).masked == ()


def test_invisible_letters_and_lone_surrogates_are_dropped() -> None:
    assert normalise("身\u200b份\ufeff证\ud800").text == "身份证"
