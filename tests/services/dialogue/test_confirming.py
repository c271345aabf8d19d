"""What confirms and what does not: words that sound like yes, a day like a number, a return after somebody else."""

from __future__ import annotations

import msgspec
import pytest

from services.consultations.ports import INTERRUPTED
from services.dialogue.bot import read_state, unconfirmed
from services.dialogue.model import TaskKind, Want
from tests.services.dialogue.play import CARD, NAMES, PASSPORT, Play, booked

BOOK, MATTER = "约补办身份证去荣成，明天上午九点", "投诉新威路的路灯一直不亮"


@pytest.mark.parametrize("text", ["我要1号", "1号的", "就1号吧", "1号", "选2号"])
@pytest.mark.parametrize(("first", "item", "wish"), [(BOOK, CARD, "book"), ("取消预约", "", "cancel")])
def test_a_day_of_the_month_is_no_number_of_a_button(play: Play, text: str, first: str, item: str, wish: str) -> None:
    play.say(first, item=item)
    assert play.cards == ["confirm"]
    play.say(text)
    assert wish not in play.wishes


@pytest.mark.parametrize(
    "text", ["可以，就这样提交", "没问题，提交", "确认无误", "好的，谢谢", "对，没错，提交吧", "就这样吧，麻烦您了"]
)
def test_an_agreement_agrees_in_every_clause_and_is_no_part_of_the_matter(play: Play, text: str) -> None:
    play.say(MATTER)
    play.say(text)
    assert play.wishes[-1] == "complain"


@pytest.mark.parametrize("text", ["好的，晚上更黑", "可以，但是路灯在路口", "谢谢"])
def test_what_says_more_than_yes_agrees_to_nothing(play: Play, text: str) -> None:
    play.say(MATTER)
    play.say(text)
    assert "complain" not in play.wishes


@pytest.mark.parametrize(
    ("first", "item", "wish"),
    [(BOOK, CARD, "book"), ("取消预约", "", "cancel"), (MATTER, "", "complain")],
)
@pytest.mark.parametrize("text", ["好的", "嗯", "确认"])
def test_after_somebody_else_a_yes_brings_the_card_once_more(
    play: Play, first: str, item: str, wish: str, text: str
) -> None:
    play.say(first, item=item)
    play.say("转人工")
    kept = {"dialogue": msgspec.to_builtins(play.state), INTERRUPTED: True}
    play.state = unconfirmed(read_state(kept))
    play.say(text)
    assert wish not in play.wishes
    assert play.cards == ["confirm"]
    play.say("好的")
    assert play.wishes[-1] == wish


def test_what_is_asked_before_a_confirmation_goes_on_after_somebody_else(play: Play) -> None:
    play.say("我要投诉")
    assert unconfirmed(play.state) == play.state


def two() -> list[object]:
    return [
        booked(),  # Thursday
        booked(id="BK2", item=PASSPORT, item_name=NAMES[PASSPORT], start=booked().start.replace(day=27)),
    ]


def test_the_day_of_the_booking_to_be_moved_is_not_its_new_time(play: Play) -> None:
    play.results["bookings"] = two()
    play.say("把预约改到下周一上午9点")
    assert play.state.task is not None
    assert play.state.task.want is Want.WHICH
    play.say("周四的那个")
    assert play.state.task is not None
    assert (play.state.task.booking, play.state.task.start[:13]) == ("BK1", "2026-11-30T09")
    assert play.cards == ["confirm"]


def test_a_booking_is_moved_from_one_day_to_another_in_one_sentence(play: Play) -> None:
    play.results["bookings"] = two()
    play.say("把周五的预约改到下周一上午9点")
    assert play.state.task is not None
    assert (play.state.task.kind, play.state.task.booking) == (TaskKind.MOVE, "BK2")
    assert play.state.task.start[:13] == "2026-11-30T09"


def test_who_cannot_say_which_is_given_to_a_person(play: Play) -> None:
    play.results["bookings"] = two()
    play.say("把预约改到下周一上午9点")
    for _ in range(3):
        play.say("12月20号的")
        if play.last is not None and play.last.hand_over:
            return
    raise AssertionError("asked the same question for ever")
