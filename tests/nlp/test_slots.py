"""What a sentence fills in: centres in words, numbers in any writing, corrections, references to own things."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.clock import SHANGHAI
from kernel.ids import Ids, Kind
from nlp.slots import PlaceEntry, PlaceWords, Slots, fill
from nlp.steering import Signal
from nlp.when import Span
from server.wiring import read_workdays

DATA = Path(__file__).resolve().parent.parent.parent / "data"
WORKDAYS = read_workdays(DATA)
NOW = datetime(2026, 11, 24, 10, tzinfo=SHANGHAI)
CENTRES = [json.loads(line) for line in (DATA / "centres.jsonl").read_text(encoding="utf-8").splitlines()]
PLACES = PlaceWords(
    [PlaceEntry(code=c["code"], name=c["name"], district=c["district"]) for c in CENTRES],
    json.loads((DATA / "nlp" / "places.json").read_text(encoding="utf-8")),
)


def said(text: str) -> Slots:
    return fill(text, NOW, WORKDAYS, PLACES)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("去荣成", "WH-RONGCHENG"),
        ("荣成市政务服务中心", "WH-RONGCHENG"),
        ("石岛", "WH-SHIDAO"),
        ("想在文登办", "WH-WENDENG"),
        ("乳山", "WH-RUSHAN"),
        ("环翠区政务服务中心", "WH-HUANCUI"),
        ("环翠", "WH-HUANCUI"),
        ("高区", "WH-GAOQU"),
        ("经区", "WH-JINGQU"),
        ("經區", "WH-JINGQU"),
        ("临港", "WH-LINGANG"),
        ("市中心", "WH-CITY"),
        ("就去市里吧", "WH-CITY"),
        ("张村镇", "WH-ZHANGCUN"),
        ("车管所", "WH-VEHICLES"),
    ],
)
def test_a_centre_is_known_by_what_people_call_it(text: str, code: str) -> None:
    assert said(text).centres[0] == code


def test_every_word_for_a_place_names_a_centre_that_exists() -> None:
    words = json.loads((DATA / "nlp" / "places.json").read_text(encoding="utf-8"))
    known = {c["code"] for c in CENTRES} | {c["district"] for c in CENTRES}
    assert set(words) <= known


def test_the_place_that_is_denied_is_not_the_one_wanted() -> None:
    slots = said("不是荣成是文登")
    assert slots.centres[0] == "WH-WENDENG"
    assert "WH-RONGCHENG" in slots.not_centres
    assert "WH-RONGCHENG" not in slots.centres
    assert slots.correction


def test_a_correction_of_the_day_is_read_with_what_it_denies() -> None:
    slots = said("不对，是周四")
    assert slots.when.spans == (Span.of(date(2026, 11, 26)),)
    assert slots.correction
    other = said("不是周三，是周四")
    assert other.when.excluded == (Span.of(date(2026, 11, 25)),)
    assert other.when.spans == (Span.of(date(2026, 11, 26)),)


def test_an_id_is_found_however_it_is_typed() -> None:
    id_ = Ids().new(Kind.BOOKING)
    spaced = f"{id_[:6].lower()} {id_[6:10]}-{id_[10:]}"
    assert said(f"帮我看看{spaced}办到哪了").numbers.booking == id_
    assert said(f"投诉 {Ids().new(Kind.COMPLAINT)}").numbers.complaint is not None
    assert said("wh20901121 04817263").numbers.case == "WH20901121-04817263"


def test_a_wrong_character_in_an_id_is_told_from_no_id() -> None:
    id_ = Ids().new(Kind.CASE)
    wrong = id_[:-1] + ("0" if id_[-1] != "0" else "1")
    assert said(f"查{wrong}").numbers.mistyped == wrong
    assert said("查进度").numbers.mistyped is None


def test_own_things_are_referred_to_by_when_they_were_handed_in() -> None:
    slots = said("我上周交的那个怎么样了")
    assert slots.own
    assert slots.since is not None
    assert slots.since.spans == (Span(date(2026, 11, 16), date(2026, 11, 22)),)
    assert not said("身份证怎么补办").own


@pytest.mark.parametrize(
    ("text", "signal"),
    [
        ("对", Signal.YES), ("好的。", Signal.YES), ("确认", Signal.YES), ("可以", Signal.YES), ("嗯嗯", Signal.YES),
        ("OK", Signal.YES), ("不", Signal.NO), ("不对", Signal.NO), ("先不", Signal.NO), ("算了", Signal.STOP),
        ("不用了谢谢", Signal.STOP), ("那算了", Signal.STOP), ("继续刚才的预约", Signal.RESUME),
        ("转人工", Signal.PERSON), ("我要找真人客服", Signal.PERSON), ("换个时间", Signal.OTHER_TIME),
        ("换个大厅", Signal.OTHER_CENTRE),
        ("都不是", Signal.NONE_OF_THESE),
    ],
)  # fmt: skip
def test_a_sentence_steers_the_dialogue(text: str, signal: Signal) -> None:
    assert signal in said(text).signals


@pytest.mark.parametrize(
    "text", ["身份证丢了怎么补", "下周三上午", "不是荣成是文登", "可以代办吗", "好办吗", "对公账户怎么开"]
)
def test_a_question_is_no_yes_and_no_stop(text: str) -> None:
    assert not said(text).signals & {Signal.YES, Signal.NO, Signal.STOP, Signal.PERSON}


@pytest.mark.parametrize(
    ("text", "index"), [("第一个", 0), ("2", 1), ("选第三个吧", 2), ("最后一个", -1), ("三点", None)]
)
def test_an_ordinal_points_into_the_list(text: str, index: int | None) -> None:
    assert said(text).ordinal == index


def test_a_street_or_an_estate_is_the_place() -> None:
    assert said("投诉环翠区新威路的路灯坏了").place == "环翠区新威路"
    assert said("我家楼下的饭店油烟太大").place == ""


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=200))
def test_filling_never_fails(text: str) -> None:
    slots = said(text)
    assert set(slots.centres).isdisjoint(slots.not_centres)
