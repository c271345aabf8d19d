import json
from copy import deepcopy
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import chinese_calendar  # type: ignore[import-untyped]
import holidays
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.errors import InvalidInput
from kernel.workdays import Deadline, Span, WorkdayTable, parse_year

FILES = sorted((Path(__file__).parents[2] / "data" / "workdays").glob("*.json"))
RECORDS: list[dict[str, Any]] = [json.loads(file.read_text("utf-8")) for file in FILES]
BY_YEAR = {entry["year"]: entry for entry in RECORDS}
TABLE = WorkdayTable.from_records(RECORDS)
CHINA = holidays.country_holidays("CN", years=range(2024, 2028))

DAYS = st.dates(date(2023, 6, 1), date(2029, 6, 1))
PUBLISHED = range(2024, 2027)


def each_day(first: date, last: date) -> list[date]:
    return [first + timedelta(days=offset) for offset in range((last - first).days + 1)]


def record(**changes: Any) -> dict[str, Any]:
    """A valid record of 2026, with top-level changes."""
    return deepcopy(BY_YEAR[2026]) | changes


# --- the data ---------------------------------------------------------------------------------------------------------


def test_each_file_is_named_after_its_year_and_only_the_years_without_a_notice_are_provisional() -> None:
    assert [file.stem for file in FILES] == [str(entry["year"]) for entry in RECORDS]
    assert {year: entry.provisional for year, entry in TABLE.years.items() if year in range(2024, 2028)} == {
        2024: False,
        2025: False,
        2026: False,
        2027: True,
    }


@pytest.mark.parametrize("year", PUBLISHED)
def test_a_published_year_cites_the_notice_issued_in_the_year_before(year: int) -> None:
    source = TABLE.years[year].source
    assert source.title == f"国务院办公厅关于{year}年部分节假日安排的通知"
    assert source.number.startswith(f"国办发明电〔{year - 1}〕")
    assert source.issued.year == year - 1


def test_every_day_from_2024_to_2026_is_what_chinesecalendar_says() -> None:
    differing = [
        day
        for day in each_day(date(2024, 1, 1), date(2026, 12, 31))
        if TABLE.is_working_day(day) != chinese_calendar.is_workday(day)
    ]
    assert differing == []


def test_every_day_from_2024_to_2026_is_what_holidays_says() -> None:
    differing = [
        day
        for day in each_day(date(2024, 1, 1), date(2026, 12, 31))
        if TABLE.is_working_day(day) != CHINA.is_working_day(day)
    ]
    assert differing == []


def test_the_make_up_days_of_2026_are_the_six_of_the_notice() -> None:
    assert sorted(day.strftime("%m-%d") for day in TABLE.years[2026].make_up) == [
        "01-04",
        "02-14",
        "02-28",
        "05-09",
        "09-20",
        "10-10",
    ]


@pytest.mark.skipif(not TABLE.years[2027].provisional, reason="the notice for 2027 is in the table")
def test_the_provisional_year_holds_the_statutory_days_that_holidays_knows_and_moves_nothing() -> None:
    statutory = {day for day, name in CHINA.items() if day.year == 2027 and "observed" not in name}
    assert TABLE.years[2027].off == statutory
    assert TABLE.years[2027].make_up == set()


# --- counting ---------------------------------------------------------------------------------------------------------


def test_the_day_on_which_counting_begins_is_not_counted() -> None:
    assert TABLE.add_working_days(date(2026, 11, 23), 1) == Deadline(date(2026, 11, 24), provisional=False)
    assert TABLE.add_working_days(date(2026, 11, 23), 5) == Deadline(date(2026, 11, 30), provisional=False)


def test_a_limit_across_spring_festival_counts_the_make_up_saturdays() -> None:
    # 13 February is a Friday; the 14th is worked, the 15th to 23rd are off, the 28th is worked.
    assert TABLE.add_working_days(date(2026, 2, 13), 1).day == date(2026, 2, 14)
    assert TABLE.add_working_days(date(2026, 2, 13), 2).day == date(2026, 2, 24)
    assert TABLE.add_working_days(date(2026, 2, 13), 6).day == date(2026, 2, 28)
    assert TABLE.add_working_days(date(2026, 2, 13), 7).day == date(2026, 3, 2)


def test_zero_working_days_end_on_the_day_itself_or_when_work_begins_again() -> None:
    assert TABLE.add_working_days(date(2026, 10, 10), 0).day == date(2026, 10, 10)
    assert TABLE.add_working_days(date(2026, 10, 1), 0).day == date(2026, 10, 8)


def test_counting_that_ends_with_2026_is_final_and_counting_into_2027_is_provisional() -> None:
    assert TABLE.add_working_days(date(2026, 12, 30), 1) == Deadline(date(2026, 12, 31), provisional=False)
    assert TABLE.add_working_days(date(2026, 12, 31), 1) == Deadline(date(2027, 1, 4), provisional=True)
    assert TABLE.working_days_between(date(2026, 12, 30), date(2026, 12, 31)) == Span(1, provisional=False)
    assert TABLE.working_days_between(date(2026, 12, 31), date(2027, 1, 4)) == Span(1, provisional=True)


def test_a_start_on_the_last_day_of_a_provisional_year_does_not_taint_a_published_one() -> None:
    table = WorkdayTable.from_records([BY_YEAR[2025]])  # 2024 is unknown
    assert table.add_working_days(date(2024, 12, 31), 1) == Deadline(date(2025, 1, 2), provisional=False)


@pytest.mark.parametrize("day", [date(2023, 10, 2), date(2028, 10, 2)])
def test_beyond_the_known_years_people_work_from_monday_to_friday_and_nothing_is_sure(day: date) -> None:
    assert TABLE.is_working_day(day) == (day.weekday() < 5)
    assert TABLE.is_provisional(day)


def test_an_empty_table_is_monday_to_friday_and_provisional() -> None:
    assert WorkdayTable([]).add_working_days(date(2026, 2, 13), 5) == Deadline(date(2026, 2, 20), provisional=True)


def test_the_arrival_of_the_notice_settles_a_provisional_deadline() -> None:
    before = TABLE.add_working_days(date(2026, 12, 31), 25)
    notice = deepcopy(BY_YEAR[2027]) | {"provisional": False}
    notice["holidays"][1] |= {"from": "2027-02-05", "to": "2027-02-12", "make_up": ["2027-01-31"]}
    after = WorkdayTable.from_records((BY_YEAR | {2027: notice}).values()).add_working_days(date(2026, 12, 31), 25)
    assert before.provisional
    assert not after.provisional
    assert before.day != after.day


@given(DAYS, st.integers(0, 300))
def test_a_deadline_is_a_working_day(day: date, n: int) -> None:
    assert TABLE.is_working_day(TABLE.add_working_days(day, n).day)


@given(DAYS, st.integers(1, 300))
def test_counting_between_undoes_adding_in_both_directions(day: date, n: int) -> None:
    deadline = TABLE.add_working_days(day, n)
    assert TABLE.working_days_between(day, deadline.day) == Span(n, deadline.provisional)
    assert TABLE.working_days_between(deadline.day, day) == Span(-n, deadline.provisional)


@given(DAYS, st.integers(1, 100), st.integers(1, 100))
def test_adding_in_two_steps_is_adding_at_once(day: date, first: int, second: int) -> None:
    halfway = TABLE.add_working_days(day, first)
    end = TABLE.add_working_days(halfway.day, second)
    assert TABLE.add_working_days(day, first + second) == Deadline(end.day, halfway.provisional or end.provisional)


@given(DAYS, DAYS, DAYS)
def test_spans_add_up(a: date, b: date, c: date) -> None:
    between = TABLE.working_days_between
    assert between(a, b).days + between(b, c).days == between(a, c).days


@given(DAYS)
def test_the_next_working_day_is_the_first_one_after_the_day(day: date) -> None:
    following = TABLE.next_working_day(day)
    assert following == TABLE.add_working_days(day, 1)
    assert not any(map(TABLE.is_working_day, each_day(day + timedelta(days=1), following.day - timedelta(days=1))))


@given(DAYS)
def test_no_time_passes_between_a_day_and_itself(day: date) -> None:
    assert TABLE.working_days_between(day, day) == Span(0, provisional=False)


def test_a_negative_number_of_working_days_is_refused() -> None:
    with pytest.raises(ValueError, match="-1 working days"):
        TABLE.add_working_days(date(2026, 1, 5), -1)


def test_an_instant_in_place_of_a_day_is_refused_because_it_would_miss_every_holiday() -> None:
    instant = datetime(2026, 10, 1, 1, 0, tzinfo=UTC)
    for call in (
        lambda: TABLE.is_working_day(instant),
        lambda: TABLE.is_provisional(instant),
        lambda: TABLE.add_working_days(instant, 1),
        lambda: TABLE.next_working_day(instant),
        lambda: TABLE.working_days_between(instant, instant),
    ):
        with pytest.raises(TypeError, match="calendar day"):
            call()


# --- reading a record -------------------------------------------------------------------------------------------------


def holiday(**changes: Any) -> list[dict[str, Any]]:
    return [{"name": "元旦", "from": "2026-01-01", "to": "2026-01-03", "make_up": ["2026-01-04"]} | changes]


BROKEN: list[tuple[dict[str, Any], int | None, str, str]] = [
    ({"year": "2026"}, None, "$.year", "type"),
    ({"year": True}, None, "$.year", "type"),
    ({"year": None}, None, "$.year", "missing"),
    ({"year": 1999}, 1999, "$.year", "range"),
    ({"year": 2027}, 2027, "$.holidays[0].from", "range"),
    ({"provisional": 0}, 2026, "$.provisional", "type"),
    ({"comment": ""}, 2026, "$.comment", "unknown"),
    ({"source": "国务院"}, 2026, "$.source", "type"),
    ({"source": {"title": "t", "number": "n"}}, 2026, "$.source.issued", "missing"),
    ({"source": {"title": " ", "number": "n", "issued": "2025-11-04"}}, 2026, "$.source.title", "empty"),
    ({"source": {"title": "t", "number": 7, "issued": "2025-11-04"}}, 2026, "$.source.number", "type"),
    ({"source": {"title": "t", "number": "n", "issued": "2025-11-31"}}, 2026, "$.source.issued", "not_a_date"),
    ({"holidays": {}}, 2026, "$.holidays", "type"),
    ({"holidays": []}, 2026, "$.holidays", "empty"),
    ({"holidays": ["元旦"]}, 2026, "$.holidays[0]", "type"),
    ({"holidays": holiday(name="")}, 2026, "$.holidays[0].name", "empty"),
    ({"holidays": holiday(days=3)}, 2026, "$.holidays[0].days", "unknown"),
    ({"holidays": holiday(**{"from": "2026-1-1"})}, 2026, "$.holidays[0].from", "not_a_date"),
    ({"holidays": holiday(**{"from": "20260101"})}, 2026, "$.holidays[0].from", "not_a_date"),
    ({"holidays": holiday(**{"from": "2025-11-30"})}, 2026, "$.holidays[0].from", "range"),
    ({"holidays": holiday(to="2025-12-31")}, 2026, "$.holidays[0].to", "order"),
    ({"holidays": holiday(to="2026-10-03")}, 2026, "$.holidays[0].to", "range"),
    ({"holidays": holiday(to="2027-01-03")}, 2026, "$.holidays[0].to", "range"),
    ({"holidays": holiday(to=None)}, 2026, "$.holidays[0].to", "type"),
    ({"holidays": holiday() + holiday()}, 2026, "$.holidays[1].from", "overlap"),
    ({"holidays": holiday(make_up="2026-01-04")}, 2026, "$.holidays[0].make_up", "type"),
    ({"holidays": holiday(make_up=["2026-01-05"])}, 2026, "$.holidays[0].make_up[0]", "not_a_weekend"),
    ({"holidays": holiday(make_up=["2026-01-04", "2026-01-04"])}, 2026, "$.holidays[0].make_up[1]", "duplicate"),
    ({"holidays": holiday(make_up=["2026-01-03"])}, 2026, "$.holidays[0].make_up[0]", "overlap"),
    ({"holidays": holiday(make_up=["2027-01-03"])}, 2026, "$.holidays[0].make_up[0]", "range"),
]


@pytest.mark.parametrize(("changes", "year", "field", "reason"), BROKEN, ids=lambda each: str(each)[:40])
def test_a_broken_record_is_refused_with_its_year_its_field_and_the_reason(
    changes: dict[str, Any], year: int | None, field: str, reason: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_year(record(**changes))
    assert refused.value.fields == {"year": year, "field": field, "reason": reason}
    assert field in refused.value.detail


@pytest.mark.parametrize("key", ["provisional", "source", "holidays"])
def test_a_missing_field_is_named(key: str) -> None:
    incomplete = record()
    del incomplete[key]
    with pytest.raises(InvalidInput) as refused:
        parse_year(incomplete)
    assert refused.value.fields == {"year": 2026, "field": f"$.{key}", "reason": "missing"}


@pytest.mark.parametrize("junk", [None, [], "2026", 2026, {}])
def test_what_is_no_record_at_all_is_refused_for_its_year(junk: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_year(junk)
    assert refused.value.fields["field"] == "$.year"


def test_a_year_given_twice_is_refused() -> None:
    with pytest.raises(InvalidInput) as refused:
        WorkdayTable.from_records([record(), record()])
    assert refused.value.fields == {"year": 2026, "field": "$.year", "reason": "duplicate"}


def new_year_from_december() -> dict[str, Any]:
    """As in 2019: the break began on 30 December, and the Saturday before it was worked."""
    break_ = {"name": "元旦", "from": "2018-12-30", "to": "2019-01-01", "make_up": ["2018-12-29"]}
    return record(year=2019, holidays=[break_])


def test_a_notice_may_reach_back_into_the_december_before_its_year() -> None:
    table = WorkdayTable.from_records([new_year_from_december()])
    assert not table.is_working_day(date(2018, 12, 31))
    assert table.is_working_day(date(2018, 12, 29))
    assert table.next_working_day(date(2018, 12, 29)).day == date(2019, 1, 2)


def test_two_years_that_differ_about_a_day_in_december_are_refused_under_the_later_year() -> None:
    break_ = {"name": "国庆节", "from": "2018-12-29", "to": "2018-12-29", "make_up": []}
    with pytest.raises(InvalidInput) as refused:
        WorkdayTable.from_records([new_year_from_december(), record(year=2018, holidays=[break_])])
    assert refused.value.fields == {"year": 2019, "field": "$.holidays", "reason": "contradiction"}
