"""One pure step: what was kept, what was said (or came of a wish), how the world is -> what is kept, said, wished.

step = advance(state, understanding, facts)
while step.wish: step = advance(step.state, await perform(step.wish), facts)
"""

from __future__ import annotations

from nlp.answer import Intent, Outcome
from nlp.normalise import normalise
from nlp.steering import Signal
from nlp.when import Kind
from services.dialogue import asking, booking, complain, own
from services.dialogue.cues import asks_for_person, task_of
from services.dialogue.model import TASK_WORDS, Facts, Option, Result, State, Step, Task, TaskKind, Understanding, Want
from services.dialogue.talk import PERSON, STOP, Talk

_OWN = (TaskKind.CANCEL, TaskKind.MOVE, TaskKind.PROGRESS, TaskKind.PAY)
_RESULTS = {
    "calendar": booking.calendar, "book": booking.done, "wait": booking.done, "move": booking.done,
    "bookings": own.bookings, "cancel": own.cancelled, "progress": own.progress, "bills": own.bills,
    "suggest": complain.suggested, "complain": complain.filed,
}  # fmt: skip


def advance(state: State, given: Understanding | Result, facts: Facts) -> Step:
    """The next step. Never raises for any text, choice or result; ``state`` is left as it was."""
    talk = Talk(state, facts)
    if isinstance(given, Result):
        if talk.state.task is not None:
            _RESULTS[given.wish.do](talk, given)
        return talk.step()
    talk.state.turns += 1
    _hear(talk, given)
    return talk.step()


def _hear(talk: Talk, heard: Understanding) -> None:
    state, slots = talk.state, heard.slots
    choice = heard.choice or _typed_choice(state, heard)
    if choice and _chosen(talk, choice):
        return
    if heard.choice and not heard.text:
        talk.say("这个选项已经过期，请再说一次您想办的事。")
        _repeat(talk)
        return
    # The matter and the place of a complaint may hold any words: 打了客服电话，没人接，算了 is a part of the story.
    steering = slots.whole if _writes(state.task) else slots.signals
    if Signal.PERSON in steering or (not _writes(state.task) and asks_for_person(heard)):
        talk.to_person("asked")
    elif Signal.STOP in steering:
        _stop(talk)
    elif Signal.RESUME in slots.signals and state.parked and state.task is None:
        _resume(talk)
    elif Signal.NONE_OF_THESE in steering and (state.options or state.task):
        asking.none_of_these(talk)
    elif state.task is not None and _goes_on(talk, heard):
        return
    elif _fills_parked(state, heard):
        # A day or a place by itself, said to the offer to go on: it belongs to what waits.
        state.task = state.parked.pop()
        if not _goes_on(talk, heard):
            _repeat(talk)
    else:
        _begin(talk, heard)


def _typed_choice(state: State, heard: Understanding) -> str:
    """A button's words or number, typed."""
    if not heard.text or not state.options:
        return ""
    for option in state.options:
        if heard.text == normalise(option.label).text:
            return option.value
    ordinal = heard.slots.ordinal
    if ordinal is not None and -1 <= ordinal < len(state.options):
        return state.options[ordinal].value
    return ""


def _chosen(talk: Talk, choice: str) -> bool:
    """A button, pressed or typed. What it names is looked up: a choice is a stranger's text like any other."""
    what, _, value = choice.partition(":")
    task = talk.state.task
    if what == "person":
        talk.to_person("asked")
    elif what == "stop":
        _stop(talk)
    elif what == "resume":
        _resume(talk)
    elif what == "none":
        asking.none_of_these(talk)
    elif what == "book" and talk.facts.world.item(value):
        talk.begin(TaskKind.BOOK).item = value
        booking.go_on(talk)
    elif what == "tell":
        about, _, code = value.partition(":")
        item = talk.facts.world.item(code)
        if item is None:
            return False
        asking.tell(talk, item, about)
    elif what == "task" and value in ("move", "cancel", "progress", "pay"):
        talk.begin(TaskKind(value))
        own.look(talk)
    elif task is None:
        if what != "item" or talk.facts.world.item(value) is None:
            return False
        asking.chosen(talk, value)
    elif task.kind is TaskKind.BOOK:
        return booking.chosen(talk, what, value)
    elif task.kind is TaskKind.COMPLAIN:
        return complain.chosen(talk, what, value)
    else:
        return own.chosen(talk, what, value)
    return True


def _goes_on(talk: Talk, heard: Understanding) -> bool:
    """Whether a sentence belongs to the task that is going on; one that begins another interrupts it."""
    task = talk.task
    new = task_of(heard)
    if new is not None and new is not task.kind and not _writes(task) and not _same(task.kind, new):
        return False
    if task.kind is TaskKind.BOOK:
        if new is TaskKind.CANCEL:
            _stop(talk)
            return True
        return booking.hear(talk, heard)
    if task.kind is TaskKind.COMPLAIN:
        if task.want is Want.CONFIRM and _is_question(heard):
            return False
        return complain.hear(talk, heard)
    return own.hear(talk, heard)


def _writes(task: Task | None) -> bool:
    """Whether what is said now is a complaint's own text."""
    return task is not None and task.kind is TaskKind.COMPLAIN and task.want in (Want.MATTER, Want.PLACE)


def _fills_parked(state: State, heard: Understanding) -> bool:
    if state.task is not None or not state.parked or state.parked[-1].kind not in (TaskKind.BOOK, TaskKind.MOVE):
        return False
    return heard.rest is None and (heard.slots.when.kind is not Kind.NONE or bool(heard.slots.centres))


def _same(kind: TaskKind, new: TaskKind) -> bool:
    """While booking, 改到下午 and 取消 mean this booking in the making; while moving, 约下周三 is the new time."""
    return (kind is TaskKind.BOOK and new in (TaskKind.MOVE, TaskKind.CANCEL)) or (
        kind is TaskKind.MOVE and new is TaskKind.BOOK
    )


def _is_question(heard: Understanding) -> bool:
    return heard.answer.outcome is Outcome.ANSWER and heard.answer.intent is Intent.ASK


def _begin(talk: Talk, heard: Understanding) -> None:
    """A new task, or a question; what was going on waits for its return."""
    new = task_of(heard)
    task = talk.state.task
    if new is TaskKind.BOOK:
        booking.start(talk, heard)
    elif new is TaskKind.COMPLAIN:
        complain.start(talk, heard)
    elif new in _OWN and new is not None:
        own.start(talk, new, heard)
    elif task is None:
        if talk.state.parked and Signal.YES in heard.slots.signals:
            _resume(talk)
            return
        asking.hear(talk, heard)
    elif _is_aside(task.kind, heard):
        _aside(talk, heard)
    else:
        _repeat(talk, heard, lost=True)


def _is_aside(kind: TaskKind, heard: Understanding) -> bool:
    """A question of its own, not a poor answer to ours; while complaining only a plain one."""
    if heard.answer.outcome is Outcome.ANSWER:
        return kind is not TaskKind.COMPLAIN or heard.answer.intent is Intent.ASK
    asks = heard.answer.intent is Intent.ASK and heard.answer.intent_probability > 0.5
    return asks and kind is not TaskKind.COMPLAIN and len(heard.text) >= 4


def _aside(talk: Talk, heard: Understanding) -> None:
    """A question in the middle of a task: answered, and the task offered again."""
    task = talk.task
    if task.item:
        talk.state.item = talk.state.item or task.item
    rounds = talk.state.rounds
    talk.park()
    asking.hear(talk, heard)
    if talk.hand_over is None:
        talk.state.rounds = rounds
        options = talk.state.options
        talk.offer_return()
        talk.state.options = [*talk.state.options, *options][:6]


def _stop(talk: Talk) -> None:
    if talk.state.task is not None:
        words = TASK_WORDS[talk.state.task.kind]
        talk.state.options = []
        talk.say(f"好的，{words}先不办了，没有做任何改动。")
        talk.end()
        return
    talk.state.parked, talk.state.options, talk.state.rounds = [], [], 0
    talk.say("好的，需要时随时叫我。")


def _resume(talk: Talk) -> None:
    if talk.state.task is None:
        if not talk.state.parked:
            talk.say("没有没办完的事。请说您想办什么。")
            return
        talk.state.task = talk.state.parked.pop()
    _repeat(talk)


def _repeat(talk: Talk, heard: Understanding | None = None, *, lost: bool = False) -> None:
    """Puts the task's open question once more; ``lost``: because the answer to it was not understood."""
    task = talk.state.task
    if task is None:
        return
    if lost and Signal.YES in (heard.slots.signals if heard else ()) and talk.state.options:
        talk.choose("请选一个，或者直接说您的要求：", talk.state.options)
        return
    if lost:
        talk.state.rounds += 1
        if talk.state.rounds > talk.facts.rules.rounds:
            talk.unanswered = True
            talk.to_person("failures")
            return
        talk.say("不好意思，没有听懂。")
    if task.kind is TaskKind.BOOK or (task.kind is TaskKind.MOVE and task.item):
        booking.go_on(talk)
    elif task.kind is TaskKind.COMPLAIN:
        complain.go_on(talk)
    elif lost and task.want is Want.NUMBER:
        talk.choose("请发编号，或说“我上周交的那个”。", [Option("查看全部", "again"), STOP, PERSON])
    else:
        own.look(talk)
