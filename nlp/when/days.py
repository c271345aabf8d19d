# ruff: noqa: E501 - a pattern is easier to read whole than in pieces.
"""Days in a text: dates, weekdays, relative days, parts of months, festivals, working days, spans of time."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from kernel.workdays import WorkdayTable
from nlp.when.clock import SHORT_PART
from nlp.when.festivals import NAMES, festival
from nlp.when.model import HORIZON_DAYS, Doubt, Span, Trouble, Window, choice, day_label
from nlp.when.numbers import NUMBER, add_months, month_length, number

_ONE = timedelta(days=1)
_DAY = "[日号]"
# 25号窗口, 3号楼: a number of a thing.
_NOT_DATE = "(?!窗口|窗|楼|线|公告|文件|令|院|门|店|柜|台|厂|车|通知|地|桌|机|房|单元|厅|码|球)"
_YEAR = r"(?:(?P<year>今年|明年|后年|去年|前年|本年|[0-9]{4}年|二[〇零][零〇一二三四五六七八九]{2}年)的?)?"
_WEEKDAY = "一二三四五六日"


@dataclass(frozen=True)
class Today:
    """What readings depend on. ``past``: the text refers to what has been (我上周交的那个), nothing is refused."""

    day: date
    workdays: WorkdayTable
    past: bool = False

    @property
    def horizon(self) -> date:
        return self.day + timedelta(days=HORIZON_DAYS)


@dataclass
class Said:
    """Days found at [start, end) of the text. ``window``: a time said within the word (今晚). ``open_end``: the span
    ends at the horizon only because it has to end somewhere. ``bare``: the number of a weekday said without a week."""

    start: int
    end: int
    span: Span
    window: Window | None = None
    notes: list[str] = field(default_factory=list)
    open_end: bool = False
    bare: int | None = None
    # A week was named: a bare weekday after it is of the same week.
    week: bool = False
    # What 前 and 后 count from, where that is not the span's own ends (月底前 reaches to the month's end).
    before_inclusive: bool = False


_Read = Callable[[re.Match[str], Today], Said | None]


def _said(match: re.Match[str], first: date, last: date | None = None, *notes: str) -> Said:
    return Said(match.start(), match.end(), Span(first, last or first), notes=list(notes))


def _exact(year: int, month: int, day: int, said: str) -> date:
    if not 1 <= month <= 12:
        raise Doubt(Trouble.INVALID, f"没有“{said}”这一天，请重新说一下日期")
    length = month_length(year, month)
    if not 1 <= day <= length:
        near = (date(year, month, length), date(year, month, length) + _ONE) if day > length else ()
        raise Doubt(Trouble.INVALID, f"{year}年{month}月没有{day}日，请重新说一下日期", tuple(map(choice, near)))
    return date(year, month, day)


def _year(word: str | None, today: Today) -> int | None:
    if not word:
        return None
    relative = {"今年": 0, "本年": 0, "明年": 1, "后年": 2, "去年": -1, "前年": -2}
    if word in relative:
        return today.day.year + relative[word]
    return number(word[:-1])


def _full_date(match: re.Match[str], today: Today) -> Said | None:
    year, month, day = int(match["y"]), int(match["m"]), int(match["d"])
    if not 1900 <= year <= 2200:
        return None
    return _said(match, _exact(year, month, day, match.group()))


def _month_day(match: re.Match[str], today: Today) -> Said | None:
    month, day = number(match["m"]), number(match["d"])
    if month is None or day is None:
        return None
    year = _year(match["year"], today)
    if year is not None:
        return _said(match, _exact(year, month, day, match.group()))
    return _said(match, _next_such(today, month, day, match.group()))


def _dotted(match: re.Match[str], today: Today) -> Said | None:
    month, day = int(match["m"]), int(match["d"])
    # 3.5 is a number more often than a day: two digits for the day, or a slash.
    if not 1 <= month <= 12 or not 1 <= day <= 31 or (match["sep"] == "." and len(match["d"]) < 2):
        return None
    return _said(match, _next_such(today, month, day, match.group()))


def _next_such(today: Today, month: int, day: int, said: str) -> date:
    """The coming one; one that passed less than half a year ago is what was meant, and is past."""
    year = today.day.year
    if month == 2 and day == 29:
        wanted = year if today.day < date(year, 3, 1) else year + 1
        return _exact(wanted, 2, 29, said)
    # 2月30号 in November is wrong about next February.
    found = _exact(year + (month < today.day.month), month, day, said).replace(year=year)
    if found < today.day and (today.day - found).days > 182 and not today.past:
        return _exact(year + 1, month, day, said)
    return found


def _month_shift(word: str) -> int:
    return word.count("下") - word.count("上")


def _month_part(match: re.Match[str], today: Today) -> Said | None:
    """月初, 下月底, 12月中旬, 下个月."""
    words = match.groupdict()
    part = words["part"] or ""
    shift_word, month_text = words.get("shift"), words.get("m")
    if shift_word is not None:
        first = add_months(today.day.replace(day=1), _month_shift(shift_word))
    elif month_text is not None:
        month = number(month_text)
        if month is None or not 1 <= month <= 12:
            raise Doubt(Trouble.INVALID, f"没有“{match.group()}”，请重新说一下日期")
        year = _year(words.get("year"), today)
        if year is None:
            year = today.day.year
            if month < today.day.month and not today.past:
                year += 1
        first = date(year, month, 1)
    else:
        first = today.day.replace(day=1)
    span = _part_of_month(first, part)
    if shift_word is None and month_text is None and span.last < today.day and not today.past:
        span = _part_of_month(add_months(first, 1), part)
        return Said(match.start(), match.end(), span, notes=[f"{match.group()}按{span.label}理解"])
    said = Said(match.start(), match.end(), span, notes=[f"{match.group()}按{span.label}理解"] if part else [])
    said.before_inclusive = part in ("底", "末", "下旬", "")
    return said


def _part_of_month(first: date, part: str) -> Span:
    length = month_length(first.year, first.month)
    begin, end = {
        "初": (1, 5), "上旬": (1, 10), "中": (11, 20), "中旬": (11, 20), "下旬": (21, length),
        "底": (length - 4, length), "末": (length - 4, length), "上半": (1, 15), "下半": (16, length),
    }.get(part, (1, length))  # fmt: skip
    return Span(first.replace(day=begin), first.replace(day=end))


def _month_number(match: re.Match[str], today: Today) -> Said | None:
    """下个月5号."""
    first = add_months(today.day.replace(day=1), _month_shift(match["shift"]))
    day = number(match["d"])
    if day is None:
        return None
    return _said(match, _exact(first.year, first.month, day, match.group()))


def _day_number(match: re.Match[str], today: Today) -> Said | None:
    """25号: of this month, or of the next when it has passed."""
    day = number(match["d"])
    if day is None or not 1 <= day <= 31:
        if day is not None and match.group().endswith("日"):
            return None
        raise Doubt(Trouble.INVALID, f"没有“{match.group()}”这一天，请重新说一下日期")
    here = today.day
    if day < here.day and not today.past:
        following = add_months(here.replace(day=1), 1)
        found = _exact(following.year, following.month, day, match.group())
        return _said(match, found, None, f"本月{day}日已过，按{day_label(found)}理解")
    if day > month_length(here.year, here.month):
        following = add_months(here.replace(day=1), 1)
        near = (here.replace(day=month_length(here.year, here.month)), following.replace(day=day))
        raise Doubt(Trouble.INVALID, f"本月没有{day}日，您说的是哪一天？", tuple(map(choice, near)))
    return _said(match, here.replace(day=day))


def _relative_day(match: re.Match[str], today: Today) -> Said | None:
    offsets = {"大前": -3, "前": -2, "昨": -1, "今": 0, "当": 0, "明": 1, "后": 2, "大后": 3, "次": 1}
    day = today.day + timedelta(days=offsets[match["r"]])
    said = _said(match, day)
    if match["p"]:
        said.window = SHORT_PART[match["p"]]
    return said


def _week(match: re.Match[str], today: Today) -> Said | None:
    """下周三, 这周, 周末, 下下个星期一. Weeks begin on Monday (GB/T 7408.1-2023)."""
    prefix, day = match["prefix"] or "", match["d"]
    monday = today.day - timedelta(days=today.day.weekday())
    monday += 7 * _month_shift(prefix) * _ONE
    notes: list[str] = []
    if "下" in prefix and today.day.weekday() == 6:
        notes.append(f"今天是周日，{match.group()}按从{day_label(monday)}开始的那一周理解")
    if day is None:
        if not prefix:
            return None
        return replace(_said(match, monday, monday + 6 * _ONE, *notes), week=True)
    if day == "末":
        saturday = monday + 5 * _ONE
        return _said(match, saturday, saturday + _ONE, *notes)
    index = 6 if day in "天7" else int(day) - 1 if day.isdecimal() else _WEEKDAY.index(day)
    found = monday + index * _ONE
    if prefix or today.past:
        return replace(_said(match, found, None, *notes), week=bool(prefix))
    if index == today.day.weekday():
        both = (choice(today.day), choice(today.day + 7 * _ONE))
        raise Doubt(Trouble.AMBIGUOUS, f"今天就是{match.group()}，您说的是今天还是下周？", both)
    if found < today.day:
        found += 7 * _ONE
    said = _said(match, found)
    said.bare = index
    return said


def _duration(match: re.Match[str], today: Today) -> Said | None:
    """三天后, 一周内, 两个工作日后, 半个月内."""
    unit, how = match["unit"], match["how"]
    half, count = match["n"] == "半", 0 if match["n"] == "半" else number(match["n"])
    if count is None or count > 400:
        return None
    provisional: list[str] = []
    try:
        if "工作日" in unit:
            reached = today.workdays.add_working_days(today.day, count)
            day = reached.day
            provisional = _provisional_note(reached.provisional, day)
        elif "月" in unit:
            day = today.day + 15 * _ONE if half else add_months(today.day, count)
        elif unit in ("周", "星期", "礼拜", "个星期", "个礼拜"):
            day = today.day + 7 * count * _ONE
        elif "年" in unit:
            day = add_months(today.day, 6 if half else 12 * count)
        else:
            day = today.day + (0 if half else count) * _ONE
    except (OverflowError, ValueError):
        return None
    if "内" in how:
        return _said(match, today.day, day, *provisional)
    return _said(match, day, None, *provisional)


def _vague(match: re.Match[str], today: Today) -> Said | None:
    near = Span(today.day + 2 * _ONE, today.day + 4 * _ONE)
    later = Span(today.day + 5 * _ONE, today.day + 9 * _ONE)
    raise Doubt(Trouble.VAGUE, f"“{match.group()}”大概是哪一天？", (choice(near), choice(later)))


def _these_days(match: re.Match[str], today: Today) -> Said | None:
    days = 6 if match.group() in ("最近", "近期", "近几天", "最近几天") else 3
    span = Span(today.day, today.day + days * _ONE)
    return Said(match.start(), match.end(), span, notes=[f"{match.group()}按{span.label}理解"])


def _festival(match: re.Match[str], today: Today) -> Said | None:
    word = match["name"]
    feast = festival(word)
    wanted = _year(match["year"], today)
    years = [wanted] if wanted is not None else range(today.day.year, today.day.year + 3)
    if today.past and wanted is None:
        years = [today.day.year]
    for year in years:
        day = feast.on(year)
        if day is None:
            raise Doubt(Trouble.UNKNOWN, f"还不知道{year}年{feast.name}是哪一天，请直接说日期")
        span = feast.break_around(day, today.workdays)
        nth = number(match["nth"]) if match["nth"] else None
        if match["itself"]:
            span = Span.of(day)
        elif nth is not None:
            span = Span.of(span.first + (nth - 1) * _ONE)
        if span.last >= today.day or wanted is not None or today.past:
            provisional = feast.rest and today.workdays.is_provisional(day)
            notes = [f"{feast.name}按{span.label}理解", *_provisional_note(provisional, day)]
            return Said(match.start(), match.end(), span, notes=notes)
    return None


def _provisional_note(provisional: bool, day: date) -> list[str]:
    return [f"{day.year}年的放假安排尚未公布，以公布的为准"] if provisional else []


def _around_new_year(match: re.Match[str], today: Today) -> Said | None:
    """年前, 年后: around Spring Festival."""
    for year in (today.day.year, today.day.year + 1):
        new_year = festival("除夕").on(year)
        if new_year is None:
            raise Doubt(Trouble.UNKNOWN, f"还不知道{year}年春节是哪一天，请直接说日期")
        rest = festival("春节").break_around(new_year + _ONE, today.workdays)
        if rest.first > today.day:
            notes = _provisional_note(today.workdays.is_provisional(new_year), new_year)
            if "前" in match.group():
                return _said(match, today.day, rest.first - _ONE, f"年前按{day_label(rest.first)}以前理解", *notes)
            said = _said(match, rest.last + _ONE, today.horizon, f"年后按{day_label(rest.last)}以后理解", *notes)
            said.open_end = True
            return said
    return None


def _year_end(match: re.Match[str], today: Today) -> Said | None:
    last = date(today.day.year, 12, 31)
    said = _said(match, last - 10 * _ONE, last, f"年底按{Span(last - 10 * _ONE, last).label}理解")
    said.before_inclusive = True
    return said


def _next_working_day(match: re.Match[str], today: Today) -> Said | None:
    reached = today.workdays.next_working_day(today.day)
    return _said(match, reached.day, None, *_provisional_note(reached.provisional, reached.day))


_MONTH_PART = "初|底|末|上旬|中旬|下旬|中|上半|下半"
_UNIT = "天|日|个工作日|工作日|周|个星期|星期|个礼拜|礼拜|个月|年"
RULES: tuple[tuple[re.Pattern[str], _Read], ...] = tuple(
    (re.compile(pattern), reader)
    for pattern, reader in (
        (rf"(?<![0-9])(?P<y>[0-9]{{4}})\s*[-/.年]\s*(?P<m>[0-9]{{1,2}})\s*[-/.月]\s*(?P<d>[0-9]{{1,2}})(?![0-9])\s*{_DAY}?", _full_date),
        (rf"{_YEAR}(?P<m>{NUMBER})月(?:份的?)?\s*(?P<d>{NUMBER})\s*(?:{_DAY}{_NOT_DATE}|(?![0-9个天周年%元点:份]))", _month_day),
        (rf"(?P<shift>[上下]{{1,2}}个?|[这本]个?|当)月份?的?(?P<d>{NUMBER}){_DAY}{_NOT_DATE}", _month_number),
        (rf"(?P<shift>[上下]{{1,2}}个?|[这本]个?|当)月份?的?(?P<part>{_MONTH_PART})?(?:旬|月)?", _month_part),
        (rf"{_YEAR}(?<![0-9第])(?P<m>[0-9]{{1,2}}|[一二三四五六七八九十]{{1,2}})月(?:份)?(?![0-9])的?(?P<part>{_MONTH_PART})?", _month_part),
        (r"(?<![个0-9一二三四五六七八九十几满])月(?P<part>初|底|末|中)(?:之内)?", _month_part),
        (r"(?<![月个])(?P<part>上旬|中旬|下旬)", _month_part),
        (r"(?<![0-9.a-z\-/¥])(?P<m>[0-9]{1,2})(?P<sep>[./-])(?P<d>[0-9]{1,2})(?![0-9.%/a-z\-]|元|块|万|倍|米|平|公里|折|分|年|个|天|岁)", _dotted),
        (r"(?<![0-9一二两三四五六七八九十几半每])(?P<prefix>[上下]一个?(?=周|星期|礼拜)|[上下]{1,2}个?|[这本]个?)?(?:周|星期|礼拜)(?:(?P<d>[一二三四五六日天末]|[1-7](?![0-9]))(?!次)|(?![岁年边围期转到密一]))", _week),
        (r"(?P<r>大前|大后|(?<!大)前|(?<![今明以之然最])后|昨|今|明|次)(?:天|日|儿个?)(?P<p>)", _relative_day),
        (r"(?P<r>今|明|昨)(?P<p>早|晚|午)(?:上|晨|间)?", _relative_day),
        (rf"(?<![第0-9一二三四五六七八九十])(?P<n>半|{NUMBER})(?P<unit>{_UNIT})(?P<how>(?:以|之)?后|(?:以|之)内|内|过后)", _duration),
        (r"过(?P<n>[一1])(?P<unit>天|周|个星期|个月)(?P<how>)", _duration),
        (r"过(?:几|两|2|三|些|一阵)(?:天|日|周|个月)?(?:子)?", _vague),
        (r"最近几天|近几天|这几天|这两天|最近(?!的|一)|近期", _these_days),
        (rf"{_YEAR}(?P<name>{NAMES})(?P<itself>(?:当天|当日|那天|那一天|那日|这天))?(?:假期|放假|长假|小长假|期间|的)*(?:第(?P<nth>[一二三四五六七八1-8])天)?", _festival),
        (r"(?<![0-9一二两三四五六七八九十几半多去今明每前])年(?:前|后)(?!天|者|面)", _around_new_year),
        (r"年(?:底|末)", _year_end),
        (r"(?:下一?|最近的?一?|后一)个工作日", _next_working_day),
        (rf"(?<![0-9第a-z\-一二三四五六七八九十.])(?P<d>[0-9]{{1,2}}|[一二三四五六七八九十廿卅]{{1,3}}){_DAY}{_NOT_DATE}(?!以?内)", _day_number),
    )
)  # fmt: skip


def first_at(text: str, position: int, today: Today) -> Said | None:
    """The earliest days at or after ``position``; the first rule of the list where several begin at one place."""
    found: list[tuple[int, int, re.Match[str]]] = []
    for order, (pattern, _) in enumerate(RULES):
        match = pattern.search(text, position)
        if match is not None and match.end() > match.start():
            found.append((match.start(), order, match))
    for _, order, match in sorted(found, key=lambda one: one[:2]):
        said = RULES[order][1](match, today)
        if said is not None:
            return said
    return None
