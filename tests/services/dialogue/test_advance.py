"""The dialogue's pure step, without a city: what was said in, what is said and wished out."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlp.answer import Intent, Outcome
from nlp.slots import fill
from services.dialogue.advance import advance
from services.dialogue.model import (
    State,
    TaskKind,
    Thing,
    Understanding,
    Want,
)
from tests.services.dialogue.play import (
    CARD,
    NAMES,
    NOW,
    ONLINE,
    PASSPORT,
    PLACES,
    WORKDAYS,
    Play,
    answer,
    booked,
    facts,
    failing,
    times,
)

# What the first sentence of a booking gives, and what is asked next.
FIRST = [
    ("我要预约", "", Want.ITEM, ""),
    ("预约补办身份证", CARD, Want.CENTRE, ""),
    ("约补办身份证去荣成", CARD, Want.TIME, "RC"),
    ("约补办身份证去文登，明天上午", CARD, Want.TIME, "WD"),
    ("约补办身份证去文登，明天上午九点", CARD, Want.CONFIRM, "WD"),
    ("约补办身份证去荣成，越快越好", CARD, Want.CONFIRM, "RC"),
    ("约补办身份证，不去荣成去文登，2月30号", CARD, Want.TIME, "WD"),
]


@pytest.mark.parametrize(("text", "item", "want", "centre"), FIRST)
def test_a_booking_asks_for_what_is_missing(play: Play, text: str, item: str, want: Want, centre: str) -> None:
    play.say(text, item=item)
    task = play.state.task
    assert task is not None
    assert (task.kind, task.want, task.centre, task.item) == (TaskKind.BOOK, want, centre, item)


# After a summary for Wednesday 09:00 in 荣成: what is said, the day, the hour and the centre of the next summary.
CORRECTIONS = [
    ("不是荣成是文登", "2026-11-25T09", "WD"),
    ("不对，是周四", "2026-11-26T09", "RC"),
    ("改到下午两点", "2026-11-25T14", "RC"),
    ("改成后天下午三点", "2026-11-26T15", "RC"),
    ("去文登，周五上午十点", "2026-11-27T10", "WD"),
]


@pytest.mark.parametrize(("text", "start", "centre"), CORRECTIONS)
def test_a_correction_in_words_changes_what_it_names_and_nothing_else(
    play: Play, text: str, start: str, centre: str
) -> None:
    play.say("约补办身份证去荣成，明天上午九点", item=CARD)
    play.say(text)
    task = play.state.task
    assert task is not None
    assert task.want is Want.CONFIRM
    assert (task.start[:13], task.centre, task.item) == (start, centre, CARD)
    assert play.cards == ["confirm"]
    assert "book" not in play.wishes


def test_nothing_is_booked_before_the_resident_has_confirmed(play: Play) -> None:
    play.say("约补办身份证去荣成，明天上午九点", item=CARD)
    assert play.wishes == ["calendar"]
    play.say("确认")
    assert play.wishes == ["calendar", "book"]
    assert play.cards == ["booking"]
    assert play.state.task is None


def test_a_button_of_an_older_summary_confirms_nothing(play: Play) -> None:
    play.say("约补办身份证去荣成，明天上午九点", item=CARD)
    old = play.state.options[0].value
    play.say("改成后天上午九点")
    play.say(choice=old)
    assert "book" not in play.wishes
    assert play.cards == ["confirm"]


# What each task does before it is confirmed, and the wish that confirming brings.
CHANGES = [
    (["取消预约"], "确认取消", "cancel"),
    (["把预约改到周五上午九点"], "确认改期", "move"),
    (["投诉新威路的路灯一直不亮"], "确认提交", "complain"),
    (["约补办身份证去荣成，明天上午九点"], "确认预约", "book"),
]


@pytest.mark.parametrize(("lines", "confirmation", "wish"), CHANGES)
@pytest.mark.parametrize("yes", [True, False])
def test_every_change_waits_for_a_yes(play: Play, lines: list[str], confirmation: str, wish: str, yes: bool) -> None:
    for line in lines:
        play.say(line, item=CARD if line.startswith("约") else "")
    assert play.cards == ["confirm"]
    assert wish not in play.wishes
    play.say(confirmation if yes else "不")
    assert (wish in play.wishes) is yes


@pytest.mark.parametrize(("lines", "confirmation", "wish"), CHANGES)
def test_whoever_is_not_signed_in_is_asked_to_and_goes_on_afterwards(
    play: Play, lines: list[str], confirmation: str, wish: str
) -> None:
    play.signed_in = False
    for line in lines:
        play.say(line, item=CARD if line.startswith("约") else "")
    if "sign_in" not in play.cards:
        play.say(confirmation)
    assert "sign_in" in play.cards
    assert wish not in play.wishes
    play.signed_in = True
    play.say("已登录，继续")
    if wish not in play.wishes:
        play.say(confirmation)
    assert wish in play.wishes


@pytest.mark.parametrize("words", ["人工", "转人工", "我要找客服", "找个真人"])
@pytest.mark.parametrize("before", ["", "我要预约", "约补办身份证去荣成，明天上午九点", "我要投诉", "取消预约"])
def test_a_person_can_be_had_at_any_moment(play: Play, words: str, before: str) -> None:
    if before:
        play.say(before, item=CARD if before.startswith("约") else "")
    assert play.say(words).hand_over


@pytest.mark.parametrize("words", ["算了", "不用了", "不约了", "那算了吧"])
def test_a_task_ends_when_it_is_not_wanted_any_more(play: Play, words: str) -> None:
    play.say("约补办身份证去荣成，明天上午九点", item=CARD)
    play.say(words)
    assert play.state.task is None
    assert "book" not in play.wishes


def test_another_question_is_answered_and_the_booking_offered_again(play: Play) -> None:
    play.say("约补办身份证去荣成，明天上午九点", item=CARD)
    play.say("护照怎么办", item=PASSPORT)
    assert play.cards == ["item"]
    assert play.state.task is None
    assert "继续刚才的预约" in [option.label for option in play.state.options]
    play.say("继续刚才的预约")
    assert play.cards == ["confirm"]
    play.say("确认")
    assert "book" in play.wishes


def test_another_task_interrupts_and_the_first_one_is_offered_when_it_is_done(play: Play) -> None:
    play.say("约补办身份证去荣成，明天上午九点", item=CARD)
    play.say("先查一下账单")
    assert "bills" in play.wishes
    assert play.state.options[0].value == "resume"


# Every refusal is a sentence with something to do next.
REFUSALS = [
    ("SLOT_FULL", "other:time", True), ("SLOT_NOT_OFFERED", "other:time", False), ("HOLD_EXPIRED", "other:time", False),
    ("ALREADY_BOOKED", "task:move", False), ("TOO_MANY_BOOKINGS", "task:cancel", False),
    ("IDENTITY_REQUIRED", "again", False), ("BOOKING_SUSPENDED", "person", False), ("UNAVAILABLE", "again", False),
    ("CONFLICT", "again", False),
]  # fmt: skip


@pytest.mark.parametrize(("code", "offer", "waiting"), REFUSALS)
def test_a_refusal_becomes_a_sentence_with_the_next_best_offer(
    play: Play, code: str, offer: str, waiting: bool
) -> None:
    play.results["book"] = failing(code, f"因为{code}不行。")
    play.say("约补办身份证去荣成，明天上午九点", item=CARD)
    play.say("确认")
    assert f"因为{code}不行。" in play.words
    values = [option.value for option in play.state.options]
    assert offer in values
    assert any(value.startswith("wait:") for value in values) is waiting


def test_a_full_time_offers_others_and_the_waiting_list(play: Play) -> None:
    full = [msgspec.structs.replace(t, free=0) if t.day == "2026-11-25" else t for t in times()]
    play.results["calendar"] = full
    play.say("约补办身份证去荣成，明天上午九点", item=CARD)
    assert "已约满" in play.words
    values = [option.value for option in play.state.options]
    assert [value[:5] for value in values].count("start") == 3
    waiting = next(value for value in values if value.startswith("wait:"))
    play.say(choice=waiting)
    assert play.wishes[-1] == "wait"


def test_a_day_without_counters_says_so(play: Play) -> None:
    play.say("约补办身份证去荣成，周六上午", item=CARD)
    assert "不办公" in play.words
    play.say("明年1月5号")
    assert "目前只开放到" in play.words


def test_two_answers_that_are_no_answers_bring_a_person(play: Play) -> None:
    play.say("约补办身份证", item=CARD)
    play.say("哈哈哈哈")
    assert play.last is not None
    assert play.last.hand_over is None
    play.say("嘿嘿嘿嘿")
    play.say("呵呵呵呵")
    assert play.last.hand_over


def test_a_question_with_several_answers_is_asked_back_at_most_twice(play: Play) -> None:
    unsure = Understanding(
        answer=answer("证件", Outcome.ASK_BACK, [CARD, PASSPORT], Intent.ASK), rest=None,
        slots=fill("证件", NOW, WORKDAYS, PLACES),
    )  # fmt: skip
    state, handed = State(), []
    for _ in range(3):
        step = advance(state, unsure, facts())
        state = step.state
        handed.append(step.hand_over)
    assert handed[:2] == [None, None]
    assert handed[2]
    first = advance(State(), unsure, facts()).replies[0]
    assert [option.label for option in first.options] == [NAMES[CARD], NAMES[PASSPORT], "都不是"]
    assert first.data["why"] == "close_call"


def test_an_item_that_needs_no_counter_is_not_booked(play: Play) -> None:
    play.say("预约电子证明", item=ONLINE)
    assert "不需要预约" in play.words
    assert play.state.task is None


def test_one_of_several_bookings_is_chosen(play: Play) -> None:
    play.results["bookings"] = [booked(), booked(id="BK2", item=PASSPORT, item_name=NAMES[PASSPORT])]
    play.say("取消预约")
    assert len(play.state.options) == 2
    play.say("第二个")
    assert play.state.task is not None
    assert play.state.task.booking == "BK2"
    assert play.cards == ["confirm"]


def test_a_booking_by_a_foreign_id_is_not_found(play: Play) -> None:
    play.say("取消预约")
    play.say(choice="booking:BK-OF-SOMEBODY-ELSE")
    assert "没有找到" in play.words
    assert "cancel" not in play.wishes


def test_progress_of_last_week_is_told_from_the_rest(play: Play) -> None:
    play.results["progress"] = [
        Thing(kind="case", id="CA1", title="办件甲", words="正在办理", day="2026-11-18"),
        Thing(kind="case", id="CA2", title="办件乙", words="已办结", day="2026-10-01"),
    ]
    play.say("我上周交的那个办到哪了")
    assert "办件甲" in play.words
    assert "办件乙" not in play.words


def test_a_complaint_asks_for_matter_and_place_and_takes_corrections(play: Play) -> None:
    play.say("我要投诉")
    play.say("饭店的油烟太大了，天天熏人")
    assert play.state.task is not None
    assert play.state.task.want is Want.PLACE
    play.say("高区文化西路")
    assert play.cards == ["confirm"]
    play.say("地点不对，是经区华夏路")
    assert play.state.task.place == "经区华夏路"
    play.say("晚上更严重，睡不着", photos=("FL1",))
    assert "睡不着" in play.state.task.matter
    assert play.state.task.photos == ["FL1"]
    play.say("确认提交")
    assert play.wishes[-1] == "complain"
    assert "CP1" in play.words


def test_photos_beyond_the_most_a_complaint_may_have_are_told_and_left_out(play: Play) -> None:
    play.say("投诉新威路的路灯一直不亮")
    for number in range(10):
        play.say(photos=(f"FL{number}",))
    assert play.state.task is not None
    assert play.state.task.photos == [f"FL{number}" for number in range(9)]
    assert "最多9张" in play.words
    assert play.cards[-1] == "confirm"


def test_bills_are_shown_for_the_pay_screen(play: Play) -> None:
    play.results["bills"] = [{"id": "BL1", "title": "工本费", "payee": "市公安局", "amount_fen": 2005}]
    play.say("我有什么要交的账单")
    assert play.cards == ["bill"]
    assert "20.05元" in play.words


CHOICES = [
    "item:nothing", "centre:nothing", "start:tomorrow", "start:2026-11-25T09:00:00", "yes:", "day:2026-13-40",
    "when:x|y",
    "tell:materials:nothing", "task:destroy", "again", "resume", "none", "stop", "noplace", "booking:x", "other:x",
    "::::", "x" * 200,
]  # fmt: skip


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("before", ["", "约补办身份证去荣成，明天上午九点", "取消预约", "我要投诉"])
def test_a_made_up_choice_changes_nothing(play: Play, choice: str, before: str) -> None:
    if before:
        play.say(before, item=CARD if before.startswith("约") else "")
    play.say(choice=choice)
    assert play.last is not None
    assert play.last.replies
    assert not {"book", "cancel", "move", "complain", "wait"} & set(play.wishes)


_LINES = st.sampled_from(
    [
        *(
            "我要预约",
            "约补办身份证",
            "荣成",
            "文登",
            "明天上午",
            "下周三",
            "九点",
            "确认",
            "不",
            "算了",
            "继续",
            "人工",
            "取消预约",
        ),
        *(
            "改期",
            "投诉",
            "查进度",
            "账单",
            "都不是",
            "1",
            "第二个",
            "换个时间",
            "换个大厅",
            "你好",
            "谢谢",
            "护照怎么办",
            "2月30号",
        ),
        *("不是荣成是文登", "周二", "", "😀", "x" * 50),
    ]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(_LINES, max_size=9), st.booleans())
def test_no_order_of_sentences_breaks_the_dialogue(lines: list[str], signed_in: bool) -> None:
    play = Play(
        {
            "calendar": times(), "book": booked(), "bookings": [booked()], "cancel": booked(state="cancelled"),
            "move": booked(), "wait": booked(), "progress": [], "bills": [],
            "suggest": {"departments": [], "limit_days": 15, "due": "2026-12-15", "due_provisional": False},
            "complain": {"id": "CP1", "due": "2026-12-15", "limit_days": 15, "departments": []},
        },
        signed_in,
    )  # fmt: skip
    for line in lines:
        step = play.say(line, item=CARD if "身份证" in line else PASSPORT if "护照" in line else "")
        assert step.replies
        assert all(len(reply.options) <= 6 for reply in step.replies)
    if not signed_in:
        assert set(play.wishes) <= {"calendar", "suggest"}


def test_the_state_is_small_and_holds_no_personal_number(play: Play) -> None:
    play.say("投诉新威路王某某身份证371002199003071233电话13812341234天天扰民")
    kept = json.dumps(msgspec.to_builtins(play.state), ensure_ascii=False)
    assert "371002199003071233" not in kept
    assert "13812341234" not in kept
    assert len(kept) < 4000
