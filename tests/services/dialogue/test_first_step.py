"""The dialogue's first step over everything that the catalogue itself says: questions, and no steering words."""

from __future__ import annotations

from pathlib import Path

import pytest

from nlp.matcher import Matcher
from nlp.slots import fill
from nlp.training import entries_from
from services.dialogue.advance import advance
from services.dialogue.model import State, Step, TaskKind, Understanding, Want
from tests.services.dialogue.play import DATA, NOW, PLACES, WORKDAYS, facts

ENDED = "好的，需要时随时叫我。"


@pytest.fixture(scope="module")
def matcher() -> Matcher:
    return Matcher.build(entries_from(Path(DATA) / "items"))


def first(matcher: Matcher, text: str, state: State | None = None) -> Step:
    slots = fill(text, NOW, WORKDAYS, PLACES)
    return advance(state or State(), Understanding(answer=matcher.ask(text), rest=None, slots=slots), facts())


def test_nothing_that_the_catalogue_says_asks_for_a_person_or_ends_the_talk(matcher: Matcher) -> None:
    texts = [text for entry in matcher.entries for text in (entry.name, *entry.aliases, *entry.questions)]
    assert len(texts) > 5000
    wrong = []
    for text in texts:
        step = first(matcher, text)
        if step.hand_over == "asked" or any(reply.text == ENDED for reply in step.replies):
            wrong.append(text)
    assert not wrong


@pytest.mark.parametrize(
    "text", ["外国人工作许可", "本人工资卡丢了", "退出现役人员恢复户口", "放弃继承", "人工繁育许可", "人工流产能报销吗"]
)
def test_a_question_with_such_a_word_in_it_is_answered_as_a_question(matcher: Matcher, text: str) -> None:
    step = first(matcher, text)
    assert step.hand_over is None
    assert step.replies[0].text != ENDED


@pytest.mark.parametrize("text", ["请工作人员联系我", "能让工作人员给我回个电话吗", "电话转接人工", "有客服电话没"])
def test_a_person_is_also_understood_in_other_words(matcher: Matcher, text: str) -> None:
    assert first(matcher, text).hand_over == "asked"


@pytest.mark.parametrize(
    "matter",
    ["移动客服不理人", "打了客服电话一直转接，没人接，算了", "窗口说退出就退出，都不是人话", "本人工资卡被扣了钱"],
)
@pytest.mark.parametrize("first_words", ["我要反映", "我要投诉"])
def test_a_complaint_takes_any_words_for_its_matter_and_place(matcher: Matcher, first_words: str, matter: str) -> None:
    step = first(matcher, matter, first(matcher, first_words).state)
    assert step.hand_over is None
    task = step.state.task
    assert task is not None
    assert task.matter == matter.replace("，", ",")
    asked = first(matcher, "移动客服营业厅，转接台旁边", step.state if task.want is Want.PLACE else None)
    assert asked.hand_over is None


@pytest.mark.parametrize("waits_for", ["我要投诉", "投诉路灯坏了好久没有人来修"])
def test_a_whole_sentence_still_steers_while_a_complaint_is_written(matcher: Matcher, waits_for: str) -> None:
    begun = first(matcher, waits_for).state
    assert begun.task is not None
    assert begun.task.kind is TaskKind.COMPLAIN
    assert first(matcher, "转人工客服吧", begun).hand_over == "asked"
    assert first(matcher, "算了，不投诉了", begun).state.task is None


def test_a_complaint_about_a_hotline_is_a_complaint(matcher: Matcher) -> None:
    step = first(matcher, "投诉移动客服不理人")
    assert step.hand_over is None
    assert step.state.task is not None
    assert step.state.task.kind is TaskKind.COMPLAIN
