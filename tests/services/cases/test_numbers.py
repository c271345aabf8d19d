"""Case numbers as people type them."""

from __future__ import annotations

from datetime import date

from services.cases.numbers import check_digit, new_number, new_query_code, parse_number, parse_query_code

DAY = date(2090, 11, 21)


def test_a_number_names_its_day_and_is_read_again_however_it_is_typed() -> None:
    number = new_number(DAY)
    assert number.startswith("WH20901121-")
    digits = number.removeprefix("WH").replace("-", "")
    for typed in (number, number.lower(), digits, f" wh {digits[:8]} {digits[8:12]} {digits[12:]} "):
        assert parse_number(typed) == number


def test_every_single_wrong_digit_is_found_before_the_database_is_asked() -> None:
    for _ in range(20):
        number = new_number(DAY)
        for place, digit in enumerate(number):
            if digit.isdigit():
                wrong = [number[:place] + other + number[place + 1 :] for other in "0123456789" if other != digit]
                assert [parse_number(one) for one in wrong] == [None] * 9


def test_nonsense_is_no_number() -> None:
    for text in ("", "WH", "WH2090112-104817263", "1" * 300, "WH２０９０1121-04817263", "办件编号"):
        assert parse_number(text) is None


def test_the_check_digit_is_that_of_the_standard() -> None:
    # ISO/IEC 7064, MOD 11,10: the standard's own example is 0794 -> 5.
    assert check_digit("0794") == "5"


def test_a_query_code_forgives_what_looks_alike() -> None:
    code = new_query_code()
    assert len(code) == 6
    assert parse_query_code(f" {code.lower()} ") == code
    assert parse_query_code("oil-0l") == "01101"
