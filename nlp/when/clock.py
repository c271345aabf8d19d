"""Times of day in a text: parts of a day, hours, ranges of hours."""

from __future__ import annotations

import re
from dataclasses import dataclass

from nlp.when.model import DAY_MINUTES, Doubt, Reading, Trouble, Window, clock_label
from nlp.when.numbers import NUMBER, number

# Parts of the day in minutes, wide enough for any counter's hours.
PARTS: tuple[tuple[str, int, int], ...] = (
    ("凌晨", 0, 360),
    ("一大早|大清早|大早上|清早|清晨|一早", 360, 600),
    ("上午|早上|早晨|上半天|午前", 360, 720),
    ("中午|正午|晌午", 660, 810),
    ("下午|午后|下半天|后半晌", 720, 1080),
    ("傍晚", 1020, 1140),
    ("晚上|夜里|夜间|晚间|半夜", 1080, 1320),
)
PART = "|".join(words for words, _, _ in PARTS)
_PART_OF = {word: Window(opens, closes) for words, opens, closes in PARTS for word in words.split("|")}
SHORT_PART = {"早": _PART_OF["早上"], "晚": _PART_OF["晚上"], "午": _PART_OF["中午"]}

# 一点小问题, 三点要求, 有一点: no hours.
_NOT_HOUR = "(?!要求|建议|意见|问题|理由|疑问|小|儿|也|都|不|没|好|点|材料|说明|原因|诉求)"
_CLOCK = (
    rf"(?:差(?P<less>{NUMBER}分钟?|一刻钟?)(?:到|就|不到)?)?"
    rf"(?:(?<![0-9:.])(?P<h24>[0-9]{{1,2}}):(?P<m24>[0-9]{{2}})(?::[0-9]{{2}})?(?![0-9:])"
    rf"|(?<![0-9.])(?P<hour>{NUMBER})(?:点钟|点整|点|时整|时(?!候|间|限|期|刻))"
    rf"(?:过?(?P<minute>半|一刻|三刻|{NUMBER}(?=分)|(?<=点过){NUMBER}|(?<=点){NUMBER}(?![个天周次号月日年点人份]))(?:分钟?)?)?"
    rf"{_NOT_HOUR})"
)
_AFTER = r"(?P<after>以后|之后|过后|后|起|开始)"
_BEFORE = r"(?P<before>以前|之前|前)"
_ABOUT = r"(?P<about>左右|前后|上下|来钟|许)"
_MORE = r"(?P<more>多|过)"
_TO = r"\s*(?:到|至|-|~|—|－)+\s*"

_ONE = re.compile(
    rf"(?:(?P<part>{PART})\s*的?\s*)?{_CLOCK}(?:{_AFTER}|{_BEFORE}|{_ABOUT}|{_MORE})?",
)
_SIMPLE_PART = re.compile(rf"(?P<part>{PART})(?:{_AFTER}|{_BEFORE})?")
_RANGE = re.compile(_TO)
# 快一点, 早一点, 有一点: a comparison, no hour.
_COMPARING = re.compile(r"[有快早晚多少好大小近远差慢低高轻这那再便宜单宽严明清楚]$")


@dataclass(frozen=True, slots=True)
class Said:
    """A time found at [start, end) of the text."""

    start: int
    end: int
    window: Window
    note: str = ""


def times(text: str) -> list[Said]:
    """Every time of day, in order. Raises Doubt for one that does not exist or has two readings."""
    found: list[Said] = []
    position = 0
    while position < len(text):
        one = _next(text, position, None)
        if one is None:
            break
        joint = _RANGE.match(text, one.end)
        second = _next(text, joint.end(), one.window) if joint else None
        if joint and second is not None and second.start == joint.end():
            if second.window.closes <= one.window.opens:
                raise Doubt(
                    Trouble.INVALID, f"“{text[one.start : second.end]}”的结束时间早于开始时间，请重新说一下时间"
                )
            one = Said(one.start, second.end, Window(one.window.opens, second.window.closes), one.note)
        found.append(one)
        position = one.end
    return found


def _next(text: str, position: int, earlier: Window | None) -> Said | None:
    hour = _ONE.search(text, position)
    while hour is not None and not _is_hour(text, hour, earlier is not None):
        hour = _ONE.search(text, hour.start() + 1)
    part = _SIMPLE_PART.search(text, position)
    if hour is not None and (part is None or hour.start() <= part.start()):
        return _hour(hour, earlier)
    if part is None:
        return None
    window = _PART_OF[part.group("part")]
    if part.group("after"):
        window = Window(window.closes, DAY_MINUTES)
    elif part.group("before"):
        window = Window(0, window.opens)
    return Said(part.start(), part.end(), window)


def _is_hour(text: str, match: re.Match[str], in_range: bool) -> bool:
    """一点 alone is mostly "a little": an hour only beside a part of the day, with minutes, or in a range."""
    if match.group("hour") != "一" or match.group("minute") or match.group("part") or match.group("less"):
        return True
    if match.group("after") or match.group("before") or match.group("about") or "钟" in match.group() or in_range:
        return not _COMPARING.search(text[: match.start()])
    before, after = text[: match.start()], text[match.end() :]
    return not _COMPARING.search(before) and (
        not before.strip() or _RANGE.match(after) is not None or before[-1] in "天日一二三四五六号"
    )


def _hour(match: re.Match[str], earlier: Window | None) -> Said:
    group = match.groupdict()
    part = _PART_OF[group["part"]] if group["part"] else None
    note = ""
    if group["h24"]:
        minutes = _checked(match, int(group["h24"]), int(group["m24"]))
        if part is not None and minutes < part.opens and minutes + 720 <= part.closes:
            minutes += 720
    else:
        value, minute = number(group["hour"]), _minute(group["minute"])
        if value is None or minute is None:
            raise Doubt(Trouble.INVALID, f"没有“{match.group()}”这个时间，请重新说一下时间")
        minutes = _checked(match, value, minute)
        if value <= 12:
            minutes, note = _half_of_day(match, value, minutes, part, earlier)
    if group["less"]:
        minutes -= 15 if "一刻" in group["less"] else number(group["less"].rstrip("钟").rstrip("分")) or 0
    minutes = max(0, min(minutes, DAY_MINUTES))
    if group["after"]:
        closes = part.closes if part is not None and part.closes > minutes else DAY_MINUTES
        window = Window(minutes, closes)
    elif group["before"]:
        window = Window(part.opens if part is not None and part.opens < minutes else 0, minutes)
    elif group["about"]:
        window = Window(max(0, minutes - 30), min(DAY_MINUTES, minutes + 30))
    elif group["more"]:
        window = Window(minutes, min(DAY_MINUTES, minutes + 60))
    else:
        window = Window(minutes, minutes)
    return Said(match.start(), match.end(), window, note)


def _minute(text: str | None) -> int | None:
    if not text:
        return 0
    return {"半": 30, "一刻": 15, "三刻": 45}.get(text, number(text))


def _checked(match: re.Match[str], hour: int, minute: int) -> int:
    if hour > 24 or minute > 59 or (hour == 24 and minute):
        raise Doubt(Trouble.INVALID, f"没有“{match.group()}”这个时间，请重新说一下时间")
    return hour * 60 + minute


def _half_of_day(
    match: re.Match[str], hour: int, minutes: int, part: Window | None, earlier: Window | None
) -> tuple[int, str]:
    """Morning or afternoon: by the part of the day said, else by when offices are open."""
    if part is not None:
        for candidate in (minutes, minutes + 720):
            if part.opens <= candidate < part.closes + 60 and candidate < DAY_MINUTES:
                return candidate, ""
        raise Doubt(Trouble.INVALID, f"“{match.group()}”的时间对不上，请重新说一下时间")
    if earlier is not None and minutes <= earlier.opens and minutes + 720 > earlier.opens and hour < 12:
        return minutes + 720, ""
    if earlier is None and 1 <= hour <= 6:
        return minutes + 720, f"{match.group()}按下午{clock_label(minutes + 720)}理解"
    if earlier is None and hour == 7:
        choices = tuple(Reading(label=clock_label(m), window=Window(m, m)) for m in (minutes, minutes + 720))
        raise Doubt(Trouble.AMBIGUOUS, f"“{match.group()}”是早上还是晚上？", choices)
    return minutes, ""
