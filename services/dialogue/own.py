"""The resident's own things: cancel or move a booking, how far a case is, what is to be paid."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import msgspec

from kernel.clock import local_day
from nlp.steering import Signal
from nlp.when import When
from services.dialogue import booking, times
from services.dialogue.model import BookingFact, Option, Result, TaskKind, Thing, Understanding, Want
from services.dialogue.talk import STOP, Talk, when_label

SHOWN = 5
_SIGN_IN = {
    TaskKind.CANCEL: "取消预约", TaskKind.MOVE: "改期", TaskKind.PROGRESS: "查进度", TaskKind.PAY: "查看账单",
}  # fmt: skip
# States in which a booking may be cancelled; only a confirmed one may be moved.
_CANCELLABLE = ("waiting", "held", "offered", "confirmed")


def start(talk: Talk, kind: TaskKind, heard: Understanding) -> None:
    task = talk.begin(kind)
    numbers, slots = heard.slots.numbers, heard.slots
    task.number = numbers.booking or numbers.case or numbers.complaint or numbers.bill or ""
    task.booking = numbers.booking or ""
    if kind is TaskKind.MOVE:
        # 把周三的预约改到周五: the last day said is the new one.
        task.when = _new_time(slots.when)
        if len(slots.when.spans) > 1:
            task.which = msgspec.structs.replace(slots.when, spans=slots.when.spans[:1])
        task.centre = slots.centres[0] if slots.centres else ""
    elif slots.since is not None and slots.since.found and slots.since.spans:
        task.when = slots.since
    elif slots.when.found:
        task.when = slots.when
    if numbers.mistyped and not task.number:
        talk.want(Want.NUMBER)
        talk.say(f"编号“{numbers.mistyped}”好像有个字符不对，请核对后再发一次，或说“我上周交的那个”。")
        return
    look(talk)


def look(talk: Talk) -> None:
    """Asks for the resident's things."""
    kind = talk.task.kind
    if talk.needs_sign_in(_SIGN_IN[kind]):
        return
    if kind in (TaskKind.CANCEL, TaskKind.MOVE):
        talk.do("bookings")
    elif kind is TaskKind.PAY:
        talk.do("bills")
    else:
        talk.do("progress")


def hear(talk: Talk, heard: Understanding) -> bool:
    """A turn while one of these goes on."""
    task, slots = talk.task, heard.slots
    numbers = slots.numbers
    number = numbers.booking or numbers.case or numbers.complaint or numbers.bill
    if number:
        task.number, task.booking, task.start = number, numbers.booking or "", ""
        look(talk)
        return True
    if numbers.mistyped:
        talk.not_understood(f"编号“{numbers.mistyped}”好像有个字符不对，请核对后再发一次。")
        return True
    if task.kind is TaskKind.MOVE and task.booking and task.item:
        return _hear_move(talk, heard)
    if task.want is Want.CONFIRM:
        if Signal.YES in slots.signals:
            cancel(talk)
            return True
        if Signal.NO in slots.signals:
            talk.say("好的，预约保留，没有取消。")
            talk.end()
            return True
    if slots.since is not None and slots.since.found and task.kind is TaskKind.PROGRESS:
        task.when = slots.since
        look(talk)
        return True
    if task.want is Want.WHICH and slots.when.found:
        if task.kind is TaskKind.MOVE:
            task.which = slots.when  # the new time has been said, or is asked for next
        else:
            task.when = slots.when
        look(talk)
        return True
    return False


def _hear_move(talk: Talk, heard: Understanding) -> bool:
    task, slots = talk.task, heard.slots
    if task.want is Want.CONFIRM and Signal.NO in slots.signals and not slots.when.found and not slots.centres:
        talk.choose("好的，哪里需要改？", [Option("换个时间", "other:time"), Option("换个大厅", "other:centre"), STOP])
        return True
    filled = booking.apply(talk, heard)
    if talk.replies:
        return True
    if filled:
        booking.go_on(talk, heard)
        return True
    if task.want is Want.CONFIRM and Signal.YES in slots.signals:
        booking.confirmed(talk)
        return True
    return False


def bookings(talk: Talk, result: Result) -> None:
    """The resident's bookings have come: which one is meant?"""
    task = talk.task
    if result.code:
        talk.say(result.detail)
        talk.end()
        return
    allowed = ("confirmed",) if task.kind is TaskKind.MOVE else _CANCELLABLE
    found = [b for b in msgspec.convert(result.data, list[BookingFact]) if b.state in allowed]
    words = "改期" if task.kind is TaskKind.MOVE else "取消"
    if not found:
        talk.say(f"您现在没有可以{words}的预约。")
        talk.end()
        return
    if task.booking:
        named = [b for b in found if b.id == task.booking]
        if not named:
            talk.say("没有找到这个编号的预约，下面是您现在的预约。")
            task.booking = ""
        found = named or found
    elif (day := task.which if task.kind is TaskKind.MOVE else task.when) is not None and day.spans:
        found = [b for b in found if day.allows(local_day(b.start))] or found
    if len(found) == 1:
        use(talk, found[0])
        return
    options = [Option(f"{when_label(b.start)} {b.item_name}", f"booking:{b.id}") for b in found[:3]]
    question = f"您要{words}哪一个预约？"
    if task.want is Want.WHICH:
        talk.not_understood(question, options)  # what was said left more than one
        return
    talk.want(Want.WHICH)
    talk.choose(question, options)


def use(talk: Talk, found: BookingFact) -> None:
    """One booking is settled."""
    task = talk.task
    task.booking, task.item = found.id, found.item
    if task.kind is TaskKind.MOVE:
        # The centre stays unless another was named.
        task.centre = task.centre or found.centre
        if talk.facts.world.item(found.item) is None:
            talk.say(f"“{found.item_name}”已经停办，不能改期，可以取消预约。")
            talk.end()
            return
        talk.say(f"您的预约：{when_label(found.start)}，{found.centre_name}，“{found.item_name}”。")
        booking.go_on(talk)
        return
    talk.want(Want.CONFIRM)
    data = {
        "task": "cancel", "booking": found.id, "item_name": found.item_name, "centre_name": found.centre_name,
        "start": found.start.isoformat(), "time": when_label(found.start),
    }  # fmt: skip
    text = f"请确认：取消{when_label(found.start)}在{found.centre_name}办理“{found.item_name}”的预约？"
    talk.card("confirm", data, text, [Option("确认取消", f"yes:{found.id}"), Option("保留预约", "no")])


def cancel(talk: Talk) -> None:
    if not talk.needs_sign_in("取消预约"):
        talk.do("cancel", booking=talk.task.booking)


def cancelled(talk: Talk, result: Result) -> None:
    if result.code:
        talk.say(result.detail)
    else:
        found = msgspec.convert(result.data, BookingFact)
        text = f"已取消{when_label(found.start)}办理“{found.item_name}”的预约。"
        talk.card("booking", {"id": found.id, "state": found.state, "start": found.start.isoformat()}, text)
    talk.end()


def progress(talk: Talk, result: Result) -> None:
    task = talk.task
    if result.code:
        talk.say(result.detail)
        talk.end()
        return
    things = msgspec.convert(result.data, list[Thing])
    if task.number:
        things = [t for t in things if task.number in (t.id, t.number)]
        if not things:
            talk.want(Want.NUMBER)
            talk.not_understood("没有找到这个编号，请核对，或说“我上周交的那个”。")
            return
    elif task.when is not None and task.when.spans:
        within = [t for t in things if task.when.allows(date.fromisoformat(t.day))]
        if not within and things:
            talk.say(f"没有找到{task.when.spans[0].label}的，下面是您最近的。")
        things = within or things
    if not things:
        talk.say("您名下没有正在办理的预约、申请或诉求。")
        talk.end()
        return
    for thing in things[:SHOWN]:
        data = {"kind": thing.kind, "id": thing.id, "title": thing.title, "day": thing.day, "detail": thing.detail}
        talk.card("progress", data, f"{thing.title}：{thing.words}")
    talk.end()


def bills(talk: Talk, result: Result) -> None:
    """What is to be paid; paying itself is the pay screen's."""
    if result.code:
        talk.say(result.detail)
        talk.end()
        return
    open_bills: Sequence[dict[str, object]] = result.data
    if talk.task.number:
        open_bills = [b for b in open_bills if b["id"] == talk.task.number]
    if not open_bills:
        talk.say("您现在没有待缴的账单。")
    for bill in open_bills[:SHOWN]:
        fen = int(str(bill["amount_fen"]))
        talk.card("bill", dict(bill), f"{bill['title']}：{fen // 100}.{fen % 100:02}元，点开可以缴费。")
    talk.end()


def chosen(talk: Talk, what: str, value: str) -> bool:
    task = talk.task
    if what == "booking" and task.kind in (TaskKind.CANCEL, TaskKind.MOVE):
        task.booking = value
        look(talk)
    elif what == "again":
        if task.kind is TaskKind.MOVE and task.want is Want.CONFIRM and talk.offered("again"):
            booking.confirmed(talk)
        elif task.kind is TaskKind.CANCEL and task.want is Want.CONFIRM and talk.offered("again"):
            cancel(talk)
        else:
            look(talk)
    elif what == "yes" and task.kind is TaskKind.CANCEL:
        if task.want is Want.CONFIRM and value == task.booking:
            cancel(talk)
        else:
            look(talk)
    elif what == "no" and task.kind is TaskKind.CANCEL:
        talk.say("好的，预约保留，没有取消。")
        talk.end()
    elif task.kind is TaskKind.MOVE and task.item:
        return booking.chosen(talk, what, value)
    else:
        return False
    return True


def _new_time(when: When) -> When | None:
    if not when.found:
        return None
    if len(when.spans) > 1:
        return times.merged(None, msgspec.structs.replace(when, spans=when.spans[-1:]))
    return when
