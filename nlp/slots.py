"""What a resident's sentence fills in: centre, day and time, numbers, own things, place; and how it steers a dialogue.

Pure: the words of places come in as a ``PlaceWords``. Ids are looked for in the text as it was typed, everything else
in the normalised text, where personal numbers are masked already.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from msgspec import Struct

from kernel.ids import Kind, normalise
from kernel.workdays import WorkdayTable
from nlp.normalise import normalise as normal_form
from nlp.steering import Signal, signals, whole
from nlp.when import When, read


class PlaceEntry(Struct, frozen=True, kw_only=True):
    """A centre as words know it."""

    code: str
    name: str
    district: str


class PlaceWords:
    """Words for centres -> their codes, the likeliest first."""

    def __init__(self, entries: Sequence[PlaceEntry], spoken: Mapping[str, Iterable[str]] | None = None) -> None:
        """``spoken``: from a district's name or a centre's code to what people call it (data/nlp/places.json)."""
        self._codes: dict[str, list[str]] = {}
        for entry in entries:
            for word in (entry.name, _short(entry.name), _bare(_short(entry.name), entry.district)):
                self._add(word, [entry.code])
        by_district: dict[str, list[PlaceEntry]] = {}
        for entry in entries:
            by_district.setdefault(entry.district, []).append(entry)
        for district, there in by_district.items():
            # The district's own centre before those of its towns.
            ordered = sorted(there, key=lambda e: (district not in e.name[: len(district) + 3], len(e.name)))
            codes = [entry.code for entry in ordered]
            for word in (district, *(spoken or {}).get(district, ())):
                self._codes[word] = codes
        for entry in entries:
            for word in (spoken or {}).get(entry.code, ()):
                self._codes[word] = [entry.code]
        words = sorted(self._codes, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, words)) or "(?!)")

    def _add(self, word: str, codes: list[str]) -> None:
        if len(word) >= 2:
            self._codes.setdefault(word, codes)

    def find(self, text: str) -> list[tuple[int, int, list[str]]]:
        """(start, end, codes) of every place named, in order."""
        return [(m.start(), m.end(), self._codes[m.group()]) for m in self._pattern.finditer(text)]


class Numbers(Struct, frozen=True, kw_only=True):
    """Ids found in a text; ``mistyped``: something like one, with a wrong character."""

    booking: str | None = None
    case: str | None = None
    bill: str | None = None
    complaint: str | None = None
    mistyped: str | None = None


class Slots(Struct, frozen=True, kw_only=True):
    """``centres``: codes that fit what was said, the likeliest first; ``not_centres``: those said to be wrong.
    ``own``: a reference to something of the resident's own, with ``since`` when it was. ``ordinal``: 0-based place in
    the list shown, -1 for the last. ``whole``: those of ``signals`` that are all the sentence says."""

    when: When
    centres: tuple[str, ...] = ()
    not_centres: tuple[str, ...] = ()
    nearby: bool = False
    numbers: Numbers = Numbers()
    own: bool = False
    since: When | None = None
    place: str = ""
    ordinal: int | None = None
    signals: frozenset[Signal] = frozenset()
    whole: frozenset[Signal] = frozenset()
    correction: bool = False


_SHORT = re.compile(r"(?:政务服务中心|便民服务中心|便民代办点|接待大厅|服务大厅|登记交易大厅|办税服务厅)$")
_NOT = re.compile(r"(?:不是|不去|不要|不在|别去|不想去|除了|离开)\s*$")
_CORRECTION = re.compile(r"不是|不对|错了|说错|改成|改到|换成|换到|应该是|我是说|改为|不要")
_ORDINAL = re.compile(r"^(?:我?(?:选|要|就)?\s*(?:第)?([1-9一二两三四五六七八九])(?:个|项|条)?(?:吧|的|就行)?)$")
_LAST = re.compile(r"^(?:选)?最后(?:一|那)?个(?:吧)?$")
_ID = re.compile(r"(?i)(?<![0-9a-z])([a-z]{2}(?:[\s-]?[0-9a-z]){16})(?![0-9a-z])")
# A case number as it is printed, WH20901121-04817263 (services/cases/numbers.py holds its check digit).
_CASE_NUMBER = re.compile(r"(?i)(?<![0-9a-z])wh[\s-]?([0-9]{8})[\s-]?([0-9]{8})(?![0-9])")
_ALMOST = re.compile(r"(?i)(?<![0-9a-z])((?:BK|CA|BL|OR|CP)[0-9a-z][0-9a-z-]{9,20})(?![0-9a-z])")
_OWN = re.compile(
    r"我(?:的|们的)?[^，。？！?]{0,10}(?:交|提交|申请|办|约|预约|报|投诉|反映|递|送)(?:上去)?的(?:那|这)?(?:个|件|份|笔|张|次|事|材料|申请|证|号)?"
    r"|我的(?:那|这)?(?:个|件|份)?(?:申请|预约|办件|投诉|号|事|件)|(?:那|这)(?:个|件|份)(?:申请|预约|办件|投诉)"
)
_NEARBY = re.compile(r"附近|最近的(?:大厅|中心|地方|网点|一个大厅)|离我(?:家)?(?:最)?近|就近|离我家")
_PLACE_TAIL = (
    "小区|花园|家园|嘉园|广场|公园|市场|菜市场|大厦|大桥|学校|小学|中学|幼儿园|医院|号楼|路口|超市|工地|海边|沙滩|社区|"
    "派出所|车站|街道|胡同|村|镇|路|街|巷|大道|大厅|政务服务中心|门口|楼下|对面|附近"
)
_PLACE = re.compile(
    rf"(?:在|于|是|到|从|，|。|^)?([一-鿿0-9a-z]{{1,14}}?(?:{_PLACE_TAIL})(?:[0-9一二三四五六七八九十]+号(?:楼)?)?(?:门口|对面|附近|路口|楼下|旁边|北侧|南侧|东侧|西侧)?)"
)
_PLACE_HEAD = re.compile(
    r"^(?:我要投诉|我想投诉|投诉|举报|反映|我们|我家|我|有个|有人|这个|那个|就在|住在|位于|在|是|的|请问|你好)+"
)

_VAGUE_PLACE = re.compile(r"^(?:楼下|门口|对面|附近|那条路|这条路|小区|村里)")


def fill(text: str, now: datetime, workdays: WorkdayTable, places: PlaceWords) -> Slots:
    """Everything a sentence fills in. Any text; never raises."""
    normal = normal_form(text).text
    bare = normal.strip(" 。.!！~，,？?")
    own = _OWN.search(normal)
    found = places.find(normal)
    wanted: list[str] = []
    unwanted: list[str] = []
    for start, _, codes in found:
        (unwanted if _NOT.search(normal[:start]) else wanted).extend(codes)
    when = read(text, now, workdays)
    return Slots(
        when=when,
        centres=tuple(dict.fromkeys(code for code in wanted if code not in unwanted)),
        not_centres=tuple(dict.fromkeys(unwanted)),
        nearby=bool(_NEARBY.search(normal)),
        numbers=numbers(text),
        own=own is not None,
        since=read(text, now, workdays, past=True) if own else None,
        place=place(normal),
        ordinal=_ordinal(bare),
        signals=signals(normal),
        whole=whole(normal),
        correction=bool(_CORRECTION.search(normal)),
    )


def numbers(text: str) -> Numbers:
    """Ids typed in any case, with blanks, hyphens, O for 0 and I or L for 1."""
    found: dict[str, str] = {}
    text = text[:2000]
    names = (
        (Kind.BOOKING, "booking"),
        (Kind.CASE, "case"),
        (Kind.BILL, "bill"),
        (Kind.ORDER, "bill"),
        (Kind.COMPLAINT, "complaint"),
    )
    for match in _ID.finditer(text):
        for kind, name in names:
            id_ = normalise(match.group(1), kind)
            if id_ is not None:
                found.setdefault(name, id_)
    if case := _CASE_NUMBER.search(text):
        found["case"] = f"WH{case.group(1)}-{case.group(2)}"
    if not found and (almost := _ALMOST.search(text)):
        found["mistyped"] = almost.group(1).upper()
    return Numbers(**found)


def place(normal: str) -> str:
    """A street, estate or landmark named in the text, or ""."""
    match = _PLACE.search(normal)
    found = _PLACE_HEAD.sub("", match.group(1)) if match else ""
    # 楼下 and 门口 alone name no place.
    return found if len(found) >= 3 and not _VAGUE_PLACE.match(found) else ""


def _ordinal(bare: str) -> int | None:
    if _LAST.match(bare):
        return -1
    match = _ORDINAL.match(bare)
    if match is None:
        return None
    word = match.group(1)
    return int(word) - 1 if word.isdecimal() else "一二三四五六七八九".index("二" if word == "两" else word)


def _short(name: str) -> str:
    """威海市环翠区张村镇… -> 环翠区张村镇; the kind of centre left out."""
    return _SHORT.sub("", name).removeprefix("威海市")


def _bare(short: str, district: str) -> str:
    """环翠区张村镇 -> 张村镇."""
    return short.removeprefix(district)
