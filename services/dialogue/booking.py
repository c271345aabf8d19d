"""Book: item, centre, time, confirmation. Also the time of a move."""

from __future__ import annotations

from datetime import date, datetime

import msgspec

from kernel.clock import SHANGHAI
from nlp.answer import Outcome
from nlp.steering import Signal
from nlp.when import Kind, Span, When, Window
from services.dialogue import times
from services.dialogue.model import (
    BookingFact,
    CentreFact,
    FreeTime,
    Option,
    Result,
    Task,
    TaskKind,
    Understanding,
    Want,
)
from services.dialogue.talk import PERSON, STOP, Talk, when_label

SHOWN = 3


def start(talk: Talk, heard: Understanding) -> None:
    task = talk.begin(TaskKind.BOOK)
    _take_item(talk, task, heard, first=True)
    apply(talk, heard)
    if not talk.replies:
        go_on(talk, heard)


def hear(talk: Talk, heard: Understanding) -> bool:
    """A turn while booking. False: it says nothing for this task."""
    task, slots = talk.task, heard.slots
    if Signal.OTHER_ITEM in slots.signals:
        task.item = task.centre = task.start = ""
        _take_item(talk, task, heard, first=False)
        go_on(talk, heard)
        return True
    if task.want is Want.CONFIRM and Signal.NO in slots.signals and not slots.when.spans and not slots.centres:
        what = [Option("换个时间", "other:time"), Option("换个大厅", "other:centre"), Option("不约了", "stop")]
        talk.choose("好的，哪里需要改？", what)
        return True
    filled = apply(talk, heard)
    if talk.replies:
        return True
    if task.want is Want.ITEM or not task.item:
        filled = _take_item(talk, task, heard, first=False) or filled
    if filled:
        talk.state.rounds = 0
        go_on(talk, heard)
        return True
    if task.want is Want.CONFIRM and Signal.YES in slots.signals:
        confirmed(talk)
        return True
    return False


def apply(talk: Talk, heard: Understanding) -> bool:
    """Takes over centre and time from a sentence; whether it said any."""
    task, slots = talk.task, heard.slots
    filled = False
    if Signal.OTHER_CENTRE in slots.signals or (task.centre and task.centre in slots.not_centres):
        move_to(task, "")
        filled = True
    if slots.centres:
        accept = [c.code for c in talk.facts.world.centres_for(task.item)] if task.item else []
        fitting = next((code for code in slots.centres if code in accept), slots.centres[0])
        filled = filled or fitting != task.centre or task.want is Want.CENTRE
        if fitting != task.centre:
            move_to(task, fitting)
    if Signal.OTHER_TIME in slots.signals:
        task.when, task.start = None, ""
        filled = True
    when = slots.when
    if when.kind is Kind.QUESTION:
        ask_when(talk, when)
        return True
    if when.found:
        task.when, task.start = times.merged(task.when, when), ""
        filled = True
    return filled


def move_to(task: Task, centre: str) -> None:
    """Another centre at the same time, where it is free."""
    if task.start:
        at = datetime.fromisoformat(task.start).astimezone(SHANGHAI)
        minute = at.hour * 60 + at.minute
        task.when = When(kind=Kind.FOUND, spans=(Span.of(at.date()),), window=Window(minute, minute))
    task.centre, task.start = centre, ""


def ask_when(talk: Talk, when: When) -> None:
    """The question back that reading a day ended in."""
    talk.state.rounds += 1
    if talk.state.rounds > talk.facts.rules.rounds:
        talk.to_person("failures")
        return
    talk.want(Want.TIME)
    options = [Option(c.label, f"when:{_encoded(c.span, c.window)}") for c in when.choices[:SHOWN]]
    if options:
        talk.choose(when.reason, options)
    else:
        talk.say(when.reason)


def go_on(talk: Talk, heard: Understanding | None = None) -> None:
    """The next thing that is missing, or the confirmation."""
    task, world = talk.task, talk.facts.world
    item = world.item(task.item) if task.item else None
    if item is None:
        _ask_item(talk, heard)
        return
    if task.kind is TaskKind.BOOK and not item.bookable:
        talk.card(
            "item", {"item": item.code, "name": item.name}, f"“{item.name}”不需要预约，可以直接网上办理或随时咨询。"
        )
        talk.end()
        return
    centres = world.centres_for(item.code)
    if not centres:
        talk.say(f"目前没有大厅受理“{item.name}”的预约。")
        talk.end()
        return
    if task.centre not in [c.code for c in centres]:
        known = world.centre(task.centre) if task.centre else None
        if known is None and len(centres) == 1:
            task.centre = centres[0].code
        else:
            _ask_centre(talk, centres, f"{known.name}不办理“{item.name}”，" if known else "")
            return
    if not task.start:
        talk.do("calendar", item=task.item, centre=task.centre)
        return
    confirm(talk)


def calendar(talk: Talk, result: Result) -> None:
    if result.code:
        talk.task.centre = ""
        talk.say(result.detail)
        go_on(talk)
        return
    found = msgspec.convert(result.data, list[FreeTime])
    if times.pick(talk, found):
        confirm(talk)


def confirm(talk: Talk) -> None:
    """The summary, before anything is taken."""
    task, world = talk.task, talk.facts.world
    item, centre = world.item(task.item), world.centre(task.centre)
    if item is None or centre is None:
        go_on(talk)
        return
    talk.want(Want.CONFIRM)
    moving = task.kind is TaskKind.MOVE
    notes = list(task.when.said) if task.when else []
    data = {
        "task": task.kind.value, "item": item.code, "item_name": item.name, "centre": centre.code,
        "centre_name": centre.name, "address": centre.address, "start": task.start, "time": when_label(task.start),
        "materials": list(item.materials), "notes": notes, "booking": task.booking,
    }  # fmt: skip
    words = "改到" if moving else "预约"
    text = f"请确认：{words}{when_label(task.start)}，{centre.name}，办理“{item.name}”。"
    options = [Option("确认改期" if moving else "确认预约", f"yes:{task.start}"), Option("换个时间", "other:time")]
    talk.card("confirm", data, text, [*options, STOP if moving else Option("换个大厅", "other:centre")])


def confirmed(talk: Talk) -> None:
    """The resident has agreed: only now something is done."""
    task = talk.task
    if talk.needs_sign_in("预约" if task.kind is TaskKind.BOOK else "改期"):
        return
    if task.kind is TaskKind.MOVE:
        talk.do("move", booking=task.booking, start=task.start, centre=task.centre)
    else:
        talk.do("book", item=task.item, centre=task.centre, start=task.start, key=f"{task.key}-{task.start}")


def done(talk: Talk, result: Result) -> None:
    """What came of book, wait or move."""
    if result.code:
        failed(talk, result)
        return
    booking = msgspec.convert(result.data, BookingFact)
    words = {"move": "已改期", "wait": "已加入候补，有空位会通知您"}.get(result.wish.do, "预约成功")
    number = f"，排队号{booking.queue_number}" if booking.queue_number else ""
    text = f"{words}：{when_label(booking.start)}，{booking.centre_name}，“{booking.item_name}”{number}。"
    talk.card("booking", {"id": booking.id, "state": booking.state, "start": booking.start.isoformat()}, text)
    talk.end()


def failed(talk: Talk, result: Result) -> None:
    """A refusal as a sentence, with the next best thing."""
    task, code = talk.task, result.code
    if code == "HOLD_EXPIRED":
        talk.rename()
    if code in ("SLOT_FULL", "SLOT_NOT_OFFERED", "HOLD_EXPIRED"):
        full = Option(f"候补{when_label(task.start)}", f"wait:{task.start}")
        options = [Option("看别的时间", "other:time"), Option("换个大厅", "other:centre")]
        can_wait = code == "SLOT_FULL" and task.kind is TaskKind.BOOK
        talk.want(Want.TIME)
        talk.choose(result.detail, [*options, *([full] if can_wait else []), PERSON])
        return
    if code in ("ALREADY_BOOKED", "TOO_MANY_BOOKINGS"):
        options = [
            Option("改期", "task:move"),
            Option("取消预约", "task:cancel"),
            Option("查看我的预约", "task:progress"),
        ]
        talk.state.task = None
        talk.choose(result.detail, options)
        return
    if code in ("NOT_BOOKABLE", "CENTRE_NOT_FOUND"):
        task.centre = task.start = ""
        talk.say(result.detail)
        go_on(talk)
        return
    if code in ("IDENTITY_REQUIRED", "NOT_AUTHENTICATED"):
        talk.card("sign_in", {"reason": result.detail}, result.detail, [Option("已完成，继续", "again"), STOP])
        return
    if code in ("ITEM_NOT_FOUND", "BOOKING_NOT_FOUND", "ACTION_NOT_ALLOWED"):
        talk.say(result.detail)
        talk.end()
        return
    talk.choose(result.detail, [Option("再试一次", "again"), PERSON, STOP])


def chosen(talk: Talk, what: str, value: str) -> bool:
    """A button of this task. False: it is not this task's, or of another day."""
    task = talk.task
    if what == "item" and talk.facts.world.item(value):
        task.item, task.start = value, ""
    elif what == "centre" and talk.facts.world.centre(value):
        move_to(task, value)
    elif what in ("start", "wait", "yes") and _aware(value):
        return _time_chosen(talk, task, what, value)
    elif what == "day" and (day := _day(value)):
        task.when, task.start = times.merged(task.when, When(kind=Kind.FOUND, spans=(Span.of(day),))), ""
    elif what == "soonest":
        task.when, task.start = When(kind=Kind.FOUND, soonest=True), ""
    elif what == "when" and (when := _decoded(value)):
        task.when, task.start = times.merged(task.when, when), ""
    elif what == "other" and value in ("time", "centre"):
        if value == "time":
            task.when, task.start = None, ""
        else:
            move_to(task, "")
    elif what == "again" and task.want is Want.CONFIRM and talk.offered("again"):
        confirmed(talk)
        return True
    elif what != "again":
        return False
    talk.state.rounds = 0
    go_on(talk)
    return True


def _time_chosen(talk: Talk, task: Task, what: str, value: str) -> bool:
    if what == "yes":
        if task.want is Want.CONFIRM and value == task.start:
            confirmed(talk)
        else:
            # A button of an older summary: the present one is shown again.
            go_on(talk)
        return True
    task.start = value
    if what == "wait" and task.kind is TaskKind.BOOK:
        if not talk.needs_sign_in("候补"):
            talk.do("wait", item=task.item, centre=task.centre, start=value, key=f"{task.key}-wait-{value}")
        return True
    go_on(talk)
    return True


def _take_item(talk: Talk, task: Task, heard: Understanding, *, first: bool) -> bool:
    """The item named in the sentence; of a first one also the item talked of before."""
    rest = heard.rest
    if rest is not None and rest.outcome is Outcome.ANSWER:
        task.item = rest.candidates[0].code
    elif rest is None and first and talk.state.item:
        task.item = talk.state.item
    else:
        return False
    return True


def _ask_item(talk: Talk, heard: Understanding | None) -> None:
    answer = heard.rest if heard is not None else None
    first = talk.task.want is not Want.ITEM
    talk.want(Want.ITEM)
    if answer is not None and answer.outcome is Outcome.ASK_BACK:
        options = [Option(c.name, f"item:{c.code}") for c in answer.candidates[:SHOWN]]
        talk.choose("您要预约办理哪一项？", [*options, Option("都不是", "none")])
    elif first or heard is None:
        talk.say("请问您要预约办理什么事？比如“补办身份证”。")
    else:
        talk.not_understood("没有找到您要办的事项，请换个说法，比如“补办身份证”。")


def _ask_centre(talk: Talk, centres: list[CentreFact], why: str) -> None:
    talk.want(Want.CENTRE)
    options = [Option(c.name, f"centre:{c.code}") for c in centres[:SHOWN]]
    talk.choose(f"{why}您想去哪个大厅？也可以说区市，比如“文登”。", options)


def _encoded(span: Span | None, window: Window | None) -> str:
    days = f"{span.first}~{span.last}" if span else ""
    return f"{days}|{window.opens}~{window.closes}" if window else days


def _decoded(value: str) -> When | None:
    days, _, hours = value.partition("|")
    try:
        spans: tuple[Span, ...] = ()
        window: Window | None = None
        if days:
            first, last = days.split("~")
            spans = (Span(date.fromisoformat(first), date.fromisoformat(last)),)
        if hours:
            opens, closes = map(int, hours.split("~"))
            window = Window(opens, closes)
    except ValueError:
        return None
    return When(kind=Kind.FOUND, spans=spans, window=window)


def _day(value: str) -> date | None:
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None


def _aware(value: str) -> bool:
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False
