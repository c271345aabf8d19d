# ruff: noqa: E501 - a pattern is easier to read whole than in pieces.
"""Words that say which task is meant. They come before the model's intent: who says 取消预约 means nothing else."""

from __future__ import annotations

import re

from nlp.answer import Intent, Outcome
from nlp.policy import Policy
from nlp.steering import Signal
from services.dialogue.model import TaskKind, Understanding

_CUES: tuple[tuple[TaskKind, re.Pattern[str]], ...] = (
    (TaskKind.CANCEL, re.compile(r"(?:取消|退掉|撤销|撤掉).{0,14}(?:预约|号|约)|(?:预约|约的|约好的).{0,8}(?:取消|退掉|退了|不去了|去不了)|退号|取消一下|^取消$")),
    (TaskKind.MOVE, re.compile(r"改期|改约|(?:改|换|推迟|提前|调整|挪).{0,8}预约|预约.{0,10}(?:改|推迟|提前|换|挪|延后)|约(?:好)?的.{0,8}(?:改|推迟|提前|挪)")),
    (TaskKind.COMPLAIN, re.compile(r"投诉|举报|我要反映|想反映|反映(?:一下|个|一个)|告状|乱收费|不作为|吃拿卡要")),
    (TaskKind.PROGRESS, re.compile(r"进度|办到哪|到哪一步|到哪了|(?:办|批|审|处理)(?:好|完|下来|通过)了?(?:吗|没|么)|批下来|怎么样了|有结果了|查(?:一下|询)?(?:我|办件|申请|受理)")),
    (TaskKind.PAY, re.compile(r"账单|待缴|欠费|欠了|(?:我要|我想|帮我|去|在线|现在)(?:缴|交|付)(?:费|钱|款|罚款|水|电|燃|暖)|^(?:缴费|交费|付款|交钱|缴款|交罚款)$|有什么要(?:交|缴)")),
    (TaskKind.BOOK, re.compile(r"预约|^约(?![定束有])|帮我约|给我约|想约|要约|约(?:个|一|下|明|后|今|周|上|这|本|到|在)|约.{0,12}(?:号|时间|上午|下午|点)|挂(?:个)?号|取(?:个)?号|订(?:个)?(?:号|时间)|排(?:个)?号")),
)  # fmt: skip
# A question about booking is a question: 需要预约吗.
_ABOUT_BOOKING = re.compile(
    r"(?:需要|需不需要|要不要|用不用|必须|一定要)(?:提前)?(?:预约|取号)|预约(?:要|需要)(?:带|准备|什么)|怎么(?:取消|改)"
)
# 改到后天上午, said by itself: something that is booked is meant, and a time to move it to.
_TO_ANOTHER_TIME = re.compile(r"^(?:那|再|还是|请|麻烦)?(?:帮我)?(?:改|换|挪|调|推迟|延后|提前)(?:到|成|至|为)")
_SURE_ENOUGH = 0.6
_SOMEBODY = re.compile("人工|真人|客服|坐席|座席|接线员")


def task_of(heard: Understanding) -> TaskKind | None:
    """The task that a sentence begins, or None for a question or an answer."""
    text = heard.text
    numbers = heard.slots.numbers
    asks_about = _ABOUT_BOOKING.search(text) is not None
    for kind, pattern in _CUES:
        if pattern.search(text) and not (asks_about and kind in (TaskKind.BOOK, TaskKind.CANCEL, TaskKind.MOVE)):
            return kind
    if _TO_ANOTHER_TIME.search(text) and heard.slots.when.found:
        return TaskKind.MOVE
    if numbers.case or numbers.complaint or numbers.booking:
        return TaskKind.PROGRESS
    if numbers.bill:
        return TaskKind.PAY
    if asks_about or heard.answer.intent_probability < _SURE_ENOUGH:
        return None
    intent, answered = heard.answer.intent, heard.answer.outcome is Outcome.ANSWER
    if intent in (Intent.COMPLAIN, Intent.SUGGEST) and not answered:
        return TaskKind.COMPLAIN
    if intent is Intent.PROGRESS and heard.slots.own:
        return TaskKind.PROGRESS
    if intent is Intent.BOOK and (heard.slots.when.found or heard.slots.centres):
        return TaskKind.BOOK
    return None


def asks_for_person(heard: Understanding) -> bool:
    """By words as a sentence or clause of their own; or by the model's intent, where no words name a task.

    With 人工 or 客服 inside of another sentence the model says "person" whatever it is about (人工繁育许可,
    移动客服不理人), so there it is not asked.
    """
    if Signal.PERSON in heard.slots.signals:
        return True
    answer = heard.answer
    guessed = answer.intent is Intent.PERSON and answer.outcome is Outcome.PERSON
    sure = answer.intent_probability >= Policy().person_at and not _SOMEBODY.search(heard.text)
    return guessed and sure and task_of(heard) is None
