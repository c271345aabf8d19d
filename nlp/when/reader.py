"""Days and times of one text put together: ranges, alternatives, exclusions, what is before and after, what is past."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

from kernel.clock import SHANGHAI
from kernel.workdays import WorkdayTable
from nlp.normalise import normalise
from nlp.when import clock
from nlp.when.days import Said, Today, first_at
from nlp.when.model import HORIZON_DAYS, Doubt, Kind, Span, Trouble, When, Window, choice, clock_label, day_label
from nlp.when.numbers import number

_ONE = timedelta(days=1)
_SUFFIX = re.compile(
    r"\s*的?(?:(?P<side>之前|以前|前|之后|以后|过后|后|过完|回来)?的?第(?P<nth>[一二三四五1-5])个(?:工作日|上班日)"
    r"|(?P<side2>之前|以前|前|之后|以后|过后|后)?的?(?P<ends>最后一个|首个|头一个)(?:工作日|上班日)"
    r"|(?P<eve>前一天|头一天)|(?P<next>后一天|第二天|次日)"
    r"|(?P<before>之前|以前|前)(?!后|台|面|天)|(?P<after>之后|以后|过后|往后|后)(?!台|面|天|续)|(?P<from>起|开始)|(?P<within>之内|以内|内))"
)
_TO = re.compile(r"\s*(?:到|至|-|~|—|–)+\s*")
_BETWEEN = re.compile(r"^[\s的,，(（、]*$")
_NOT_BEFORE = re.compile(r"(?:不是|不要|不想|不能|除了|别|除去|避开|不)\s*(?:约|选|在|安排)?\s*$")
_NOT_AFTER = re.compile(
    r"^\s*(?:上午|下午|那天|这天)?(?:有事|没空|没时间|不行|不方便|去不了|来不了|不可以|不去|除外|以外|不能|要上班|不考虑)"
)
_SOONEST = re.compile(
    r"越快越好|越早越好|尽快|尽早|最快|最早|马上|立刻|立即|赶紧|赶快|早点|快点|第一时间|最近的?(?=一个|时间|号|空)|能早就早"
)
_ANY = re.compile(
    r"随便(?:哪|什么|几|都|时|一天|吧|$)|(?:哪天|哪一天|什么时候|什么时间|几点|任何时间|任意时间|啥时候|时间|都)(?:都|也)?(?:行|可以|成|ok|没问题)(?!吗|么|不)"
    r"|无所谓|都可以|不限时间|任何时间|你定|您定|你们安排|看着办"
)
_ANY_NOT = re.compile(r"(?:什么时候|哪天|几点)(?:可以|能|行)")


def read(text: str, now: datetime, workdays: WorkdayTable, *, past: bool = False) -> When:
    """What a text says about days and times.

    ``now``: aware. ``past``: the text refers to what has been, so a day gone by is no question and is not clipped.
    """
    # Blanks between digits and their unit carry nothing: "11 月 25 日", "下 周三".
    normal = re.sub(r"(?<=[^a-z0-9])\s+|\s+(?=[^a-z0-9*])", "", normalise(text).text)
    local = now.astimezone(SHANGHAI)
    today = Today(local.date(), workdays, past)
    try:
        return _read(normal, today, local.hour * 60 + local.minute)
    except Doubt as doubt:
        choices = tuple(c for c in doubt.choices if c.span is None or _within(c.span, today))
        return When(kind=Kind.QUESTION, trouble=doubt.trouble, reason=doubt.reason, choices=choices)


def _read(text: str, today: Today, minute: int) -> When:
    spans, excluded, said = _days(text, today)
    hidden = _hide(text, said)
    hours = clock.times(hidden)
    window = _window(said, hours)
    soonest = _SOONEST.search(hidden)
    any_day = None if _ANY_NOT.search(hidden) else _ANY.search(hidden)
    words = [text[s.start : s.end] for s in said] + [hidden[h.start : h.end] for h in hours]
    words += [m.group() for m in (soonest, any_day) if m]
    if not words:
        return When(kind=Kind.NONE)
    provisional = any("尚未公布" in note for s in said for note in s.notes)
    notes = list(dict.fromkeys([n for s in said for n in s.notes] + [h.note for h in hours if h.note]))
    if spans and not today.past:
        spans = [_coming(span, text, today) for span in spans]
        _check_hour(spans, window, today, minute)
    return When(
        kind=Kind.FOUND, spans=tuple(sorted(set(spans))), excluded=tuple(excluded), window=window,
        matched=tuple(words), said=tuple(notes), soonest=bool(soonest), any_day=bool(any_day), provisional=provisional,
    )  # fmt: skip


def _days(text: str, today: Today) -> tuple[list[Span], list[Span], list[Said]]:
    """Spans wanted, spans excluded, and all that was read, in order."""
    spans: list[Span] = []
    excluded: list[Span] = []
    found: list[Said] = []
    position = 0
    previous: Said | None = None
    while position < len(text):
        said = _one(text, position, today)
        if said is None:
            break
        position = max(said.end, position + 1)
        found.append(said)
        if _NOT_BEFORE.search(text[: said.start]) or _NOT_AFTER.match(text[said.end :]):
            excluded.append(said.span)
            previous = None
            continue
        if previous is not None:
            said = _in_its_week(previous, said)
        between = text[previous.end : said.start] if previous is not None else None
        if previous is not None and between is not None and _BETWEEN.match(between) and "、" not in between:
            both = previous.span.meets(said.span)
            alternatives = previous.bare is not None and said.bare is not None
            if both is None and not alternatives and between in ("", "的", "(", "（", ",", "，"):
                raise Doubt(
                    Trouble.CONTRADICTION, f"{text[previous.start : said.end]}对不上，您说的是哪一天？",
                    (choice(previous.span), choice(said.span)),
                )  # fmt: skip
            if both is not None:
                spans[-1] = both
                previous = replace(said, start=previous.start, span=both)
                continue
        spans.append(said.span)
        previous = said
    return spans, excluded, found


def _in_its_week(previous: Said, said: Said) -> Said:
    """周三 after 下周一: of the same week, which the resident does not repeat."""
    if said.bare is None or not previous.week:
        return said
    monday = previous.span.first - timedelta(days=previous.span.first.weekday())
    return replace(said, span=Span.of(monday + said.bare * _ONE), week=True)


def _one(text: str, position: int, today: Today) -> Said | None:
    """One expression with what follows it: a range, or before and after."""
    said = first_at(text, position, today)
    if said is None:
        return None
    joint = _TO.match(text, said.end)
    if joint:
        second = _range_end(text, joint.end(), said, today)
        if second is not None:
            second = _in_its_week(said, second)
            if second.span.last < said.span.first:
                raise Doubt(Trouble.INVALID, f"“{text[said.start : second.end]}”的结束日期早于开始日期，请重新说一下")
            notes = said.notes + second.notes
            said = Said(said.start, second.end, Span(said.span.first, second.span.last), notes=notes, week=said.week)
    suffix = _SUFFIX.match(text, said.end)
    return _apply(text, said, suffix, today) if suffix else said


def _range_end(text: str, position: int, first: Said, today: Today) -> Said | None:
    """The second day of a range; one without month or week follows the first."""
    anchored = Today(first.span.first, today.workdays, today.past)
    try:
        second = first_at(text, position, anchored)
    except Doubt as doubt:
        if doubt.trouble is Trouble.AMBIGUOUS:
            second = first_at(text, position, Today(first.span.first - _ONE, today.workdays, today.past))
        else:
            raise
    if second is None or second.start != position:
        return None
    words = text[second.start : second.end]
    if re.match(r"[今明后昨大下上这本]", words):
        return first_at(text, position, today)
    return second


def _apply(text: str, said: Said, suffix: re.Match[str], today: Today) -> Said | None:
    span, group = said.span, suffix.groupdict()
    notes = list(said.notes)
    side = group["side"] or group["side2"] or ""
    open_end = False
    if group["nth"] or group["ends"]:
        last = group["ends"] == "最后一个"
        nth = number(group["nth"]) if group["nth"] else 1
        day = _working_day(span, side, -1 if last else nth or 1, today, said.before_inclusive)
        if today.workdays.is_provisional(day):
            notes.append(f"{day.year}年的放假安排尚未公布，以公布的为准")
        span = Span.of(day)
    elif group["eve"]:
        span = Span.of(span.first - _ONE)
    elif group["next"]:
        span = Span.of(span.last + _ONE)
    elif group["within"]:
        span = Span(min(today.day, span.last), span.last)
    elif group["before"]:
        end = span.last if said.before_inclusive else span.first - _ONE
        if end < today.day and not today.past:
            raise Doubt(Trouble.PAST, f"“{text[said.start : suffix.end()]}”已经过去了，请另说一个日期")
        span = Span(min(today.day, end), end)
        notes.append(f"{text[said.start : suffix.end()]}按{day_label(end)}为止理解")
    elif said.open_end:
        pass
    else:
        begin = span.first if group["from"] else span.last + _ONE
        span = Span(begin, max(begin, today.horizon))
        open_end = True
        notes.append(f"{text[said.start : suffix.end()]}按从{day_label(begin)}起理解")
    return Said(said.start, suffix.end(), span, said.window, notes, open_end=open_end)


def _working_day(span: Span, side: str, nth: int, today: Today, inclusive: bool) -> date:
    """The nth working day after, before or in a span; -1 the last one. ``inclusive``: before the end, not the begin."""
    step = _ONE
    if "前" in side:
        day, step = span.last if inclusive else span.first - _ONE, -_ONE
        nth = 1 if nth == -1 else nth
    elif side:
        day = span.last + _ONE
    elif nth == -1:
        day, step, nth = span.last, -_ONE, 1
    else:
        # 国庆第一个工作日 can only mean the one after; 下周第一个工作日 is inside.
        day = span.first
    for _ in range(60):
        if today.workdays.is_working_day(day):
            nth -= 1
            if not nth:
                break
        day += step
    return day


def _window(said: Sequence[Said], hours: Sequence[clock.Said]) -> Window | None:
    within = [s.window for s in said if s.window is not None]
    if not hours:
        return within[0] if within else None
    window = hours[0].window
    if (
        within
        and window.opens == window.closes
        and window.opens < within[0].opens
        and window.opens + 720 <= within[0].closes
    ):
        return Window(window.opens + 720, window.opens + 720)
    for other in hours[1:]:
        if other.window.opens >= window.opens and other.window.closes <= window.closes:
            window = other.window  # 下午的号，三点左右
            continue
        # 上午或者下午: either, so everything between the two.
        window = Window(min(window.opens, other.window.opens), max(window.closes, other.window.closes))
    return window


def _hide(text: str, said: Sequence[Said]) -> str:
    """The text without what was read as days, at the same length."""
    for one in said:
        text = text[: one.start] + "日" * (one.end - one.start) + text[one.end :]
    return text


def _coming(span: Span, text: str, today: Today) -> Span:
    """The part of a span from today to the horizon. Raises Doubt when there is none."""
    if span.last < today.day:
        label = span.label
        again = []
        # The same weekday to come, when the slip can be one of a week or two.
        if span.first == span.last and (today.day - span.first).days <= 14:
            week = span.first + ((today.day - span.first).days // 7 + 1) * 7 * _ONE
            again = [choice(week)]
        raise Doubt(Trouble.PAST, f"{label}已经过去了，请另说一个日期", tuple(again))
    if span.first > today.horizon:
        raise Doubt(Trouble.TOO_FAR, f"{span.first.year}年{span.label}太远了，只能看{HORIZON_DAYS}天以内的日期")
    return Span(max(span.first, today.day), min(span.last, today.horizon))


def _within(span: Span, today: Today) -> bool:
    return today.day <= span.first and span.last <= today.horizon


def _check_hour(spans: Sequence[Span], window: Window | None, today: Today, minute: int) -> None:
    if window is None or list(spans) != [Span.of(today.day)]:
        return
    if (window.closes if window.closes > window.opens else window.opens) <= minute:
        said = clock_label(window.opens) if window.opens == window.closes else window.label
        raise Doubt(
            Trouble.PAST, f"今天{said}已经过去了，请另说一个时间", (choice(today.day), choice(today.day + _ONE))
        )
