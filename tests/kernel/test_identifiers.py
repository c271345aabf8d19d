from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.cn import ric, uscc

from kernel.errors import Code, InvalidInput
from kernel.identifiers import (
    Sex,
    credit_code_check_character,
    parse_credit_code,
    parse_mobile,
    parse_resident_id,
    resident_id_check_character,
)

TODAY = date(2026, 11, 24)
CREDIT_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
CREDIT = st.builds(
    lambda head, division, rest: (body := head + division + rest) + credit_code_check_character(body),
    st.text(CREDIT_ALPHABET, min_size=2, max_size=2),
    st.text("0123456789", min_size=6, max_size=6),
    st.text(CREDIT_ALPHABET, min_size=9, max_size=9),
)
MOBILES = st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True)


def resident(division: str, born: str, sequence: str = "123") -> str:
    body = division + born + sequence
    return body + resident_id_check_character(body)


RESIDENTS = st.builds(
    lambda division, born, sequence: resident(division, f"{born:%Y%m%d}", f"{sequence:03}"),
    st.sampled_from(["110105", "371002", "371082", "440304", "650102", "710000", "810000", "820000", "830000"]),
    st.dates(date(1900, 1, 1), TODAY),
    st.integers(0, 999),
)


def reason(text: str, today: date = TODAY) -> str:
    """Why a resident number is refused."""
    with pytest.raises(InvalidInput) as refused:
        parse_resident_id(text, today=today, field="$.id_number")
    assert refused.value.code is Code.INVALID_ID_NUMBER
    assert refused.value.fields["field"] == "$.id_number"
    return str(refused.value.fields["reason"])


# --- resident identity numbers ----------------------------------------------------------------------------------------


def test_the_example_of_the_standard_is_read() -> None:
    # One of the examples printed in GB 11643-1999.
    person = parse_resident_id("11010519491231002x", today=TODAY, field="$.id_number")
    assert person.number == "11010519491231002X"
    assert (person.birth_date, person.sex, person.division) == (date(1949, 12, 31), Sex.FEMALE, "110105")


def test_an_old_number_of_15_digits_is_completed_to_18() -> None:
    person = parse_resident_id("371002900307123", today=TODAY, field="$.id_number")
    assert person.number == "371002199003071233"
    assert (person.birth_date, person.sex) == (date(1990, 3, 7), Sex.MALE)


def test_the_old_sequences_from_996_belong_to_the_nineteenth_century() -> None:
    assert parse_resident_id("371002980307996", today=TODAY, field="f").birth_date == date(1898, 3, 7)
    assert parse_resident_id("371002980307995", today=TODAY, field="f").birth_date == date(1998, 3, 7)


@given(RESIDENTS)
def test_a_number_says_when_its_holder_was_born_of_which_sex_and_where_it_was_given_out(number: str) -> None:
    person = parse_resident_id(number, today=TODAY, field="f")
    assert person.number == number
    assert f"{person.birth_date:%Y%m%d}" == number[6:14]
    assert person.sex is (Sex.MALE if number[16] in "13579" else Sex.FEMALE)
    assert person.division == number[:6]


@given(RESIDENTS)
def test_spaces_hyphens_full_width_and_invisible_characters_are_forgiven(number: str) -> None:
    full_width = number.translate(str.maketrans("0123456789X", "０１２３４５６７８９Ｘ"))
    pasted = f"\u202a {number[:6]}-{number[6:14]}\u3000{number[14:].lower()}\u202c\n"
    for written in (full_width, pasted):
        assert parse_resident_id(written, today=TODAY, field="f").number == number


@given(RESIDENTS, st.data())
def test_every_single_wrong_digit_is_refused(number: str, data: st.DataObject) -> None:
    position = data.draw(st.integers(0, 17))
    for other in ("0123456789X" if position == 17 else "0123456789").replace(number[position], ""):
        assert reason(number[:position] + other + number[position + 1 :]) in {
            "province",
            "birth_date",
            "check_character",
        }


@given(RESIDENTS, st.integers(0, 16))
def test_two_neighbours_swapped_are_refused(number: str, position: int) -> None:
    swapped = number[:position] + number[position + 1] + number[position] + number[position + 2 :]
    if swapped != number:
        assert reason(swapped) in {"length", "province", "birth_date", "check_character"}


@pytest.mark.parametrize("born", ["20260229", "20251301", "20250001", "20250100", "20250431", "00000101"])
def test_a_birth_date_that_is_in_no_calendar_is_refused(born: str) -> None:
    assert reason(resident("371002", born)) == "birth_date"


def test_29_february_is_a_birth_date_in_a_leap_year() -> None:
    assert parse_resident_id(resident("371002", "20240229"), today=TODAY, field="f").birth_date == date(2024, 2, 29)


def test_nobody_is_born_tomorrow_and_somebody_is_today() -> None:
    assert parse_resident_id(resident("371002", "20261124"), today=TODAY, field="f").birth_date == TODAY
    assert reason(resident("371002", "20261125")) == "birth_date"
    assert reason("371002900307123", today=date(1990, 3, 6)) == "birth_date"


@pytest.mark.parametrize(
    "province", ["00", "10", "16", "20", "24", "38", "47", "55", "66", "70", "72", "80", "84", "91", "99"]
)
def test_a_number_from_no_province_is_refused(province: str) -> None:
    assert reason(resident(f"{province}0101", "19900307")) == "province"


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "37100219900307123",
        "3710021990030712333",
        "37100290030712",
        "X71002199003071233",
        "371002X99003071233",
        "٣٧١٠٠٢١٩٩٠٠٣٠٧١٢٣٣",
        "371002199003071233;",
        "身份证",
        "37100219900307123²",
        "1" * 100_000,
    ],
)
def test_what_has_not_the_shape_of_a_number_is_refused_for_its_length(text: str) -> None:
    assert reason(text) == "length"


@given(st.text())
def test_any_text_is_read_or_refused_with_a_typed_error(text: str) -> None:
    try:
        person = parse_resident_id(text, today=TODAY, field="f")
    except InvalidInput:
        return
    assert len(person.number) == 18


def test_neither_the_error_nor_the_repr_repeats_the_number() -> None:
    wrong = "371002199003071234"
    with pytest.raises(InvalidInput) as refused:
        parse_resident_id(wrong, today=TODAY, field="$.id_number")
    assert wrong not in f"{refused.value} {refused.value.fields} {refused.value.__context__}"
    assert "19900307" not in repr(parse_resident_id("371002199003071233", today=TODAY, field="f"))


# Where python-stdnum 2.2 and this module are known to differ, and why this module is right for us.
@pytest.mark.parametrize(
    ("number", "ours", "theirs"),
    [
        # stdnum refuses a division in years in which it had another code; people keep the number they were given, and
        # were given numbers of the new code for births before it.
        pytest.param(resident("371003", "20130307"), True, False, id="371003 before 2014"),
        pytest.param(resident("371083", "19920307"), True, False, id="371083 before 1993"),
        # Residence permits of Hong Kong's, Macao's and Taiwan's residents.
        pytest.param(resident("810000", "19900307"), True, False, id="Hong Kong"),
        pytest.param(resident("820000", "19900307"), True, False, id="Macao"),
        pytest.param(resident("830000", "19900307"), True, False, id="Taiwan"),
        # stdnum knows the new numbers only.
        pytest.param("371002900307123", True, False, id="15 digits"),
        # stdnum has no today.
        pytest.param(resident("371002", "20261125"), False, True, id="born tomorrow"),
    ],
)
def test_the_known_disagreements_with_stdnum_are_still_there(number: str, ours: bool, theirs: bool) -> None:
    if ours:
        parse_resident_id(number, today=TODAY, field="f")
    else:
        reason(number)
    assert ric.is_valid(number) is theirs


@pytest.mark.parametrize("division", ["371071", "371091"])
def test_the_development_zones_at_which_stdnum_breaks_are_read(division: str) -> None:
    number = resident(division, "19900307")
    with pytest.raises(KeyError):
        ric.is_valid(number)
    assert parse_resident_id(number, today=TODAY, field="f").division == division


@given(st.dates(date(1994, 1, 1), TODAY), st.integers(0, 999), st.sampled_from("0123456789X"))
def test_outside_the_known_disagreements_stdnum_agrees_on_right_and_wrong_check_characters(
    born: date, sequence: int, check: str
) -> None:
    number = f"371002{born:%Y%m%d}{sequence:03}{check}"
    try:
        parse_resident_id(number, today=TODAY, field="f")
        valid = True
    except InvalidInput:
        valid = False
    assert valid is ric.is_valid(number)


@given(st.text("0123456789", min_size=17, max_size=17))
def test_the_check_character_is_the_one_stdnum_calculates(body: str) -> None:
    assert resident_id_check_character(body) == ric.calc_check_digit(body + "0")


# --- unified social credit codes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code",
    ["91110000600037341L", "91350100M000100Y43", " 9111 0000-6000 37341l ", "９１１１００００６０００３７３４１Ｌ"],
)
def test_a_credit_code_is_read_in_capitals_without_separators(code: str) -> None:
    assert parse_credit_code(code, field="f") in {"91110000600037341L", "91350100M000100Y43"}


@given(CREDIT)
def test_every_code_with_its_check_character_is_read(code: str) -> None:
    assert parse_credit_code(code.lower(), field="f") == code


@given(CREDIT, st.data())
def test_every_single_wrong_character_of_a_credit_code_is_refused(code: str, data: st.DataObject) -> None:
    position = data.draw(st.integers(0, 17))
    for other in CREDIT_ALPHABET.replace(code[position], ""):
        with pytest.raises(InvalidInput):
            parse_credit_code(code[:position] + other + code[position + 1 :], field="f")


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("91110000600037341K", "check_character"),
        ("91110000600037341", "length"),
        ("91110000600037341LL", "length"),
        ("9111A000600037341L", "length"),
        ("91110000600O37341L", "length"),
        ("", "length"),
    ],
)
def test_a_wrong_credit_code_is_refused_with_its_field_and_the_reason(code: str, why: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_credit_code(code, field="$.organisation")
    assert refused.value.fields == {"field": "$.organisation", "reason": why}


@given(CREDIT)
def test_stdnum_agrees_on_every_code_but_those_of_authorities_named_by_a_letter(code: str) -> None:
    # Known disagreement: N (rural collectives), A and Y are authorities of GB 32100, stdnum wants eight digits first.
    assert uscc.is_valid(code) is code[:2].isdigit()


@given(st.text(CREDIT_ALPHABET, min_size=17, max_size=17))
def test_the_check_character_of_a_credit_code_is_the_one_stdnum_calculates(body: str) -> None:
    assert credit_code_check_character(body) == uscc.calc_check_digit(body)


def test_a_body_of_another_length_has_no_check_character() -> None:
    with pytest.raises(ValueError, match="17 characters"):
        credit_code_check_character("911")
    with pytest.raises(ValueError, match="zip"):
        resident_id_check_character("371")


# --- mobile numbers ---------------------------------------------------------------------------------------------------


@given(MOBILES)
def test_a_mobile_number_is_read_with_spaces_hyphens_and_country_code(number: str) -> None:
    spaced = f"{number[:3]} {number[3:7]} {number[7:]}"
    for written in (
        number,
        spaced,
        spaced.replace(" ", "-"),
        f"+86 {spaced}",
        f"+86{number}",
        f"0086-{number}",
        f"86{number}",
    ):
        assert parse_mobile(written, field="f") == number


def test_a_number_pasted_from_an_address_book_with_its_direction_marks_is_read() -> None:
    assert parse_mobile("\u202d+86 138 1234 5678\u202c", field="f") == "13812345678"
    assert parse_mobile("＋８６　１３８１２３４５６７８", field="f") == "13812345678"


@pytest.mark.parametrize("prefix", ["149", "166", "190", "191", "195", "197", "198", "199"])
def test_ranges_that_number_libraries_do_not_know_yet_are_read(prefix: str) -> None:
    assert parse_mobile(f"{prefix}12345678", field="f") == f"{prefix}12345678"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1381234567",
        "138123456789",
        "12812345678",
        "10086",
        "12345",
        "0631-5231234",
        "+85291234567",
        "+1 3812345678",
        "86 86 13812345678",
        "13812345678转1",
        "١٣٨١٢٣٤٥٦٧٨",
        "1381234567²",
        "+13812345678",
    ],
)
def test_what_is_no_mainland_mobile_number_is_refused_and_names_the_field(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_mobile(text, field="$.phone")
    assert refused.value.code is Code.INVALID_PHONE
    assert refused.value.fields == {"field": "$.phone"}
    assert not text or text not in str(refused.value)
