import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.errors import InvalidInput
from kernel.money import Fen, format_yuan, parse_yuan, split_evenly

AMOUNTS = st.integers(0, 99_999_999_999_999).map(Fen)


@pytest.mark.parametrize(
    ("text", "fen"), [("12.30", 1230), ("12.3", 1230), ("12", 1200), ("0", 0), ("0.01", 1), ("0.10", 10), ("0.29", 29)]
)
def test_yuan_are_read_as_whole_fen(text: str, fen: int) -> None:
    assert parse_yuan(text, field="$.amount") == fen


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "1.",
        ".5",
        "12.345",
        "-1",
        "+1",
        "1,000",
        "1 000",
        " 1",
        "1\n",
        "¥1",
        "1元",
        "1e3",
        "０.５",
        "١",
        "nan",
        "inf",
        "01",
        "00.10",
        "0x1",
        "1_000",
        "1" * 13,
        "9" * 5000,
    ],
)
def test_what_could_be_read_in_two_ways_is_refused_and_names_the_field(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_yuan(text, field="$.amount")
    assert refused.value.fields["field"] == "$.amount"


@given(AMOUNTS)
def test_an_amount_written_is_read_back(amount: Fen) -> None:
    assert parse_yuan(format_yuan(amount), field="$.amount") == amount


@given(st.text(alphabet="0123456789.-,+ e"))
def test_reading_any_text_gives_an_int_or_a_typed_error(text: str) -> None:
    try:
        amount = parse_yuan(text, field="$.amount")
    except InvalidInput:
        return
    assert type(amount) is int


@pytest.mark.parametrize(
    ("fen", "text"),
    [(1230, "12.30"), (0, "0.00"), (5, "0.05"), (-5, "-0.05"), (-1230, "-12.30"), (10**14, "1000000000000.00")],
)
def test_fen_are_written_as_yuan_with_two_decimals(fen: int, text: str) -> None:
    assert format_yuan(Fen(fen)) == text


def test_a_float_is_not_an_amount() -> None:
    with pytest.raises(ValueError, match="format code 'd'"):
        format_yuan(12.3)  # type: ignore[arg-type]


@given(AMOUNTS, st.integers(1, 500))
def test_shares_add_up_to_the_whole_differ_by_one_fen_at_most_and_the_first_get_more(total: Fen, parts: int) -> None:
    shares = split_evenly(total, parts)
    assert len(shares) == parts
    assert sum(shares) == total
    assert max(shares) - min(shares) <= 1
    assert shares == sorted(shares, reverse=True)


def test_ten_yuan_among_three_leave_one_fen_to_the_first() -> None:
    assert split_evenly(Fen(1000), 3) == [334, 333, 333]


@pytest.mark.parametrize(("total", "parts"), [(-1, 2), (10, 0), (10, -1)])
def test_a_debt_or_no_parts_cannot_be_split(total: int, parts: int) -> None:
    with pytest.raises(ValueError, match="cannot split"):
        split_evenly(Fen(total), parts)
