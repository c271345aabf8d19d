"""Calendar expressions: 350 written by hand with their outcomes, and properties that hold for any text."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import holidays
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.clock import SHANGHAI
from nlp.when import HORIZON_DAYS, Kind, Span, When, read
from nlp.when.festivals import LUNAR, festival
from nlp.when.model import clock_label
from server.wiring import read_workdays

DATA = Path(__file__).resolve().parent.parent.parent / "data"
WORKDAYS = read_workdays(DATA)
EXPRESSIONS = [json.loads(line) for line in (DATA / "nlp" / "dates.jsonl").read_text(encoding="utf-8").splitlines()]
TUESDAY = datetime(2026, 11, 24, 10, tzinfo=SHANGHAI)


def days(spans: tuple[Span, ...]) -> list[list[str]]:
    return [[s.first.isoformat(), s.last.isoformat()] for s in spans]


def outcome(when: When) -> dict[str, Any]:
    """In the form of data/nlp/dates.jsonl."""
    if when.kind is Kind.NONE:
        return {"nothing": True}
    if when.kind is Kind.QUESTION:
        choices = days(tuple(c.span for c in when.choices if c.span))
        return {"question": when.trouble and when.trouble.value} | ({"choices": choices} if choices else {})
    found: dict[str, Any] = {}
    if when.spans:
        found["spans"] = days(when.spans)
    if when.excluded:
        found["excluded"] = days(when.excluded)
    if when.window:
        found["window"] = [clock_label(when.window.opens), clock_label(when.window.closes)]
    return found | ({"soonest": True} if when.soonest else {}) | ({"any": True} if when.any_day else {})


@pytest.mark.parametrize("line", EXPRESSIONS, ids=lambda line: f"{line['now'][:10]} {line['text']}")
def test_an_expression_is_read_as_written_down_beside_it(line: dict[str, Any]) -> None:
    now = datetime.fromisoformat(line["now"]).replace(tzinfo=SHANGHAI)
    expected = {key: value for key, value in line.items() if key not in ("now", "text")}
    when = read(line["text"], now, WORKDAYS)
    assert outcome(when) == expected
    if when.kind is Kind.QUESTION:
        assert when.reason


def test_there_are_at_least_two_hundred_different_expressions() -> None:
    assert len({line["text"] for line in EXPRESSIONS}) >= 200


def test_lunar_days_are_those_of_the_calendar() -> None:
    china = holidays.country_holidays("CN", years=range(2024, 2099), language="en_US")
    for name, column in (("Chinese New Year", 0), ("Dragon Boat Festival", 1), ("Mid-Autumn Festival", 2)):
        for year in range(2024, 2099):
            first = min(
                d for d in china.get_named(name, lookup="icontains", split_multiple_names=False) if d.year == year
            )
            assert abs((LUNAR[year][column] - first).days) <= 2, (name, year)


def test_every_break_of_the_tables_holds_its_festival() -> None:
    words = {
        "元旦": "元旦",
        "春节": "春节",
        "清明节": "清明",
        "劳动节": "劳动节",
        "端午节": "端午",
        "中秋节": "中秋",
        "国庆节": "国庆",
    }
    for file in sorted((DATA / "workdays").glob("*.json")):
        record = json.loads(file.read_text(encoding="utf-8"))
        for holiday in record["holidays"]:
            for name in holiday["name"].replace("、", " ").split():
                day = festival(words[name]).on(record["year"])
                assert day is not None
                assert date.fromisoformat(holiday["from"]) <= day <= date.fromisoformat(holiday["to"]), (holiday, day)


def test_the_week_is_said_when_it_is_asked_on_a_sunday() -> None:
    when = read("下周三", datetime(2026, 11, 29, 9, tzinfo=SHANGHAI), WORKDAYS)
    assert when.said == ("今天是周日，下周三按从11月30日（周一）开始的那一周理解",)


def test_a_day_of_a_year_without_a_notice_is_provisional() -> None:
    assert read("明年国庆后第一个工作日", TUESDAY, WORKDAYS).provisional
    assert not read("下周三", TUESDAY, WORKDAYS).provisional


def test_a_reference_to_the_past_is_no_question() -> None:
    when = read("我上周交的那个", TUESDAY, WORKDAYS, past=True)
    assert days(when.spans) == [["2026-11-16", "2026-11-22"]]
    assert read("昨天提交的", TUESDAY, WORKDAYS, past=True).spans == (Span.of(date(2026, 11, 23)),)


_PIECES = st.sampled_from(
    [
        *(
            "今天",
            "明天",
            "后天",
            "下周",
            "周三",
            "星期",
            "礼拜",
            "上午",
            "下午",
            "三点",
            "半",
            "一刻",
            "25号",
            "11月",
            "2月",
        ),
        *(
            "30号",
            "到",
            "至",
            "-",
            "以后",
            "之前",
            "前",
            "后",
            "第一个工作日",
            "国庆",
            "春节",
            "除夕",
            "五一",
            "月底",
            "年",
        ),
        *(
            "年前",
            "内",
            "天",
            "个",
            "不是",
            "或",
            "和",
            "的",
            "最早",
            "随便",
            "都行",
            "2026",
            "13",
            "99",
            ".",
            "/",
            "号",
        ),
        *("日", "点", "分", "差", "过", "零", "〇", "十", "廿", "请", "，", "：", "周", "月", "上", "下", "个月", "几"),
    ]
)
_NOWS = st.integers(0, 27_000).map(lambda days: TUESDAY + timedelta(days=days - 700, minutes=days % 1440))


@settings(max_examples=600, deadline=None)
@given(st.lists(_PIECES, max_size=9).map("".join) | st.text(max_size=60), _NOWS, st.booleans())
def test_reading_never_fails_and_never_leaves_the_horizon(text: str, now: datetime, past: bool) -> None:
    when = read(text, now, WORKDAYS, past=past)
    today = now.date()
    last = today + timedelta(days=HORIZON_DAYS)
    if not past:
        for span in when.spans:
            assert today <= span.first <= span.last <= last
    for reading in when.choices:
        assert reading.span is None or today <= reading.span.first <= reading.span.last <= last
    if when.window:
        assert 0 <= when.window.opens <= when.window.closes <= 24 * 60
    assert (when.kind is Kind.QUESTION) == bool(when.reason)


_DIGITS = "零一二三四五六七八九"


def chinese(value: int) -> str:
    tens, units = divmod(value, 10)
    head = "" if not tens else "十" if tens == 1 else _DIGITS[tens] + "十"
    return head + (_DIGITS[units] if units or not tens else "")


@settings(max_examples=300, deadline=None)
@given(_NOWS, st.integers(0, 180), st.integers(8, 17), st.sampled_from((0, 15, 30, 45)), st.integers(0, 3))
def test_a_day_and_a_time_that_are_written_out_are_read_back(
    now: datetime, ahead: int, hour: int, minute: int, form: int
) -> None:
    day = now.date() + timedelta(days=ahead)
    if ahead == 0 and hour * 60 + minute <= now.hour * 60 + now.minute:
        return
    spoken = f"上午{chinese(hour)}" if hour < 12 else f"下午{chinese(hour - 12 if hour > 12 else hour)}"
    written = [
        f"{day.year}年{day.month}月{day.day}日{hour}:{minute:02}",
        f"{day.isoformat()} {hour:02}:{minute:02}",
        f"{day.month}月{day.day}号{hour}点{minute or ''}{'分' if minute else ''}",
        f"{chinese(day.month)}月{chinese(day.day)}日{spoken}点" + {0: "", 15: "一刻", 30: "半", 45: "三刻"}[minute],
    ][form]
    when = read(written, now, WORKDAYS)
    assert when.spans == (Span.of(day),), (written, when)
    assert when.window is not None
    assert when.window.opens == when.window.closes == hour * 60 + minute, (written, when)
