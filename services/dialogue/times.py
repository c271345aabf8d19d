"""Choosing a time out of a calendar by what the resident said of day and hour."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from kernel.clock import local_day
from nlp.when import When, Window
from nlp.when.model import day_label
from services.dialogue.model import FreeTime, Option, TaskKind, Want
from services.dialogue.talk import PERSON, Talk, when_label

SHOWN = 3


def fits(when: When | None, time: FreeTime) -> bool:
    """Whether a slot is among what was said."""
    if when is None:
        return True
    return when.allows(date.fromisoformat(time.day)) and in_window(when.window, time)


def in_window(window: Window | None, time: FreeTime) -> bool:
    if window is None:
        return True
    if window.opens == window.closes:
        return time.opens <= window.opens < time.closes
    return window.opens <= time.opens < window.closes


def merged(old: When | None, new: When) -> When:
    """A correction changes what it names: 改成下午 keeps the day, 不对，是周四 keeps the hour."""
    if old is None or new.soonest or new.any_day or (new.spans and new.window):
        return new
    return When(
        kind=new.kind,
        spans=new.spans or old.spans,
        excluded=new.excluded or (() if new.spans else old.excluded),
        window=new.window or old.window,
        matched=new.matched,
        said=new.said,
        provisional=new.provisional,
    )


def pick(talk: Talk, times: Sequence[FreeTime]) -> bool:
    """True when one time is settled (``task.start``); else the question to the resident has been put."""
    task, when = talk.task, talk.task.when
    free = [time for time in times if time.free > 0]
    if not free:
        return _nothing(talk, times)
    if when is None or not (when.spans or when.window or when.soonest or when.any_day or when.excluded):
        talk.want(Want.TIME)
        talk.choose("您想哪天来？可以点选，也可以直接说，比如“下周三上午”。", _days(free))
        return False
    fitting = [time for time in free if fits(when, time)]
    if not fitting:
        return _elsewhere(talk, times, free)
    exact = when.window is not None and when.window.opens == when.window.closes and len({t.day for t in fitting}) == 1
    if when.soonest or when.any_day or exact or len(fitting) == 1:
        task.start = fitting[0].start.isoformat()
        return True
    talk.want(Want.TIME)
    said = "".join(f"（{note}）" for note in when.said[:1])
    centre = talk.facts.world.centre(task.centre)
    where = centre.name if centre else ""
    talk.choose(f"{where}这些时间可以约{said}，您选哪个？", _options(_spread(fitting)))
    return False


def _nothing(talk: Talk, times: Sequence[FreeTime]) -> bool:
    talk.want(Want.TIME)
    if not times:
        talk.choose("近期没有开放预约的时间，可以换个大厅或转人工。", [Option("换个大厅", "other:centre"), PERSON])
        return False
    talk.choose(
        "近期的时间都约满了，可以排队候补、换个大厅或转人工。",
        [*_wait(talk, times), Option("换个大厅", "other:centre"), PERSON],
    )
    return False


def _elsewhere(talk: Talk, times: Sequence[FreeTime], free: Sequence[FreeTime]) -> bool:
    """Nothing free among what was said: why, and the next best."""
    when = talk.task.when
    assert when is not None
    talk.want(Want.TIME)
    there = [time for time in times if fits(when, time)]
    same_day = [time for time in times if when.allows(date.fromisoformat(time.day))]
    last = max(date.fromisoformat(time.day) for time in times)
    first = when.spans[0].first if when.spans else local_day(talk.facts.now)
    label = when.spans[0].label if len(when.spans) == 1 and (when.spans[0].last - when.spans[0].first).days < 60 else ""
    if there:
        why = "您说的时间已约满"
    elif same_day and when.window is not None:
        why = f"{label}{when.window.label}不开放预约"
    elif first > last:
        why = f"目前只开放到{day_label(last)}的预约"
    else:
        why = f"{label or '您说的日子'}不办公，不能预约"
    wanted_hours = [time for time in free if in_window(when.window, time)] or list(free)
    near = sorted(wanted_hours, key=lambda t: (abs((date.fromisoformat(t.day) - first).days), t.start))[:SHOWN]
    options = _options(sorted(near, key=lambda t: t.start))
    # Waiting is for a time of one's choice that is full.
    talk.choose(f"{why}，最近可约的是：", [*options, *(_wait(talk, there) if there else [])])
    return False


def _wait(talk: Talk, full: Sequence[FreeTime]) -> list[Option]:
    if talk.task.kind is not TaskKind.BOOK or not full:
        return []
    return [Option(f"候补{when_label(full[0].start)}", f"wait:{full[0].start.isoformat()}")]


def _options(times: Sequence[FreeTime]) -> list[Option]:
    return [Option(when_label(time.start), f"start:{time.start.isoformat()}") for time in times]


def _spread(times: Sequence[FreeTime]) -> list[FreeTime]:
    """Three of them: one of each day, or early, middle and late of one day."""
    by_day: dict[str, FreeTime] = {}
    for time in times:
        by_day.setdefault(time.day, time)
    if len(by_day) >= SHOWN:
        return list(by_day.values())[:SHOWN]
    if len(times) <= SHOWN:
        return list(times)
    return [times[0], times[len(times) // 2], times[-1]]


def _days(free: Sequence[FreeTime]) -> list[Option]:
    days = list(dict.fromkeys(time.day for time in free))[: SHOWN - 1]
    return [
        *(Option(day_label(date.fromisoformat(day)), f"day:{day}") for day in days),
        Option("最早的时间", "soonest"),
    ]
