"""Working days (工作日): the days on which a time limit (办结时限) runs.

Time limits in administrative licensing count working days and leave out statutory holidays (行政许可法 art. 82); the
day on which a period begins is not counted, and a period whose last day is a holiday ends with the day after it (民法典
art. 201 and 203). Which days those are is decided year by year: the State Council's notice, issued in the autumn before
(国务院办公厅关于…年部分节假日安排的通知), moves weekends to lengthen the holidays (调休). No rule can foresee it, so
the table is data with its source, and a result that rests on a year without a notice says that it is provisional.

One record, as in ``data/workdays/2026.json``; the breaks are written as in the notice, weekends inside them included::

    {"year": 2026, "provisional": false,
     "source": {"title": "…", "number": "国办发明电〔2025〕7号", "issued": "2025-11-04"},
     "holidays": [{"name": "元旦", "from": "2026-01-01", "to": "2026-01-03", "make_up": ["2026-01-04"]}]}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Never

from kernel.errors import InvalidInput

_ONE_DAY = timedelta(days=1)
# The longest break so far had ten days (Spring Festival 2020, prolonged); more than this is a slip of the keyboard.
_LONGEST_BREAK = timedelta(days=15)


@dataclass(frozen=True, slots=True)
class Source:
    """The document that settles a year: its title, its number and the day it was issued."""

    title: str
    number: str
    issued: date


@dataclass(frozen=True, slots=True)
class WorkdayYear:
    """One year's exceptions from Monday to Friday.

    ``off``: days without work, weekends inside a break included. ``make_up``: Saturdays and Sundays worked (调休上班).
    Both may reach into the December before, as the break of New Year does. ``provisional``: the notice is not out yet.
    """

    year: int
    provisional: bool
    source: Source
    off: frozenset[date]
    make_up: frozenset[date]


@dataclass(frozen=True, slots=True)
class Deadline:
    """A day reached by counting. ``provisional``: a day on the way is in a year without a notice, count again later."""

    day: date
    provisional: bool


@dataclass(frozen=True, slots=True)
class Span:
    """A number of working days, negative when counted backwards. ``provisional`` as in Deadline."""

    days: int
    provisional: bool


class WorkdayTable:
    """All the years known; beyond them Monday to Friday, provisionally.

    Days are calendar days in Weihai (``kernel.clock.local_day``); an instant in place of a day raises TypeError.
    """

    def __init__(self, years: Iterable[WorkdayYear]) -> None:
        """Raises InvalidInput, as ``parse_year`` does, when a year comes twice (``duplicate``) or two differ about a
        day in December (``contradiction``).
        """
        self._years: dict[int, WorkdayYear] = {}
        for entry in years:
            if entry.year in self._years:
                _refuse(entry.year, "$.year", "duplicate")
            self._years[entry.year] = entry
        self._off = frozenset[date]().union(*(entry.off for entry in self._years.values()))
        self._make_up = frozenset[date]().union(*(entry.make_up for entry in self._years.values()))
        for day in sorted(self._off & self._make_up):
            # The later notice is the one that reaches back over the turn of the year.
            later = max(year for year, entry in self._years.items() if day in entry.off | entry.make_up)
            _refuse(later, "$.holidays", "contradiction")

    @classmethod
    def from_records(cls, records: Iterable[Mapping[str, Any]]) -> WorkdayTable:
        """Build the table from parsed JSON records. Raises InvalidInput as ``parse_year`` and the constructor do."""
        return cls(parse_year(record) for record in records)

    @property
    def years(self) -> Mapping[int, WorkdayYear]:
        """The years known, by number, with their sources: what a screen shows beside a time limit."""
        return dict(sorted(self._years.items()))

    def is_working_day(self, day: date) -> bool:
        """Whether people work on that day. A plain bool; ``is_provisional`` tells how sure the answer is."""
        _require_day(day)
        return day in self._make_up or (day.weekday() < 5 and day not in self._off)

    def is_holiday(self, day: date) -> bool:
        """Whether the day is part of a public holiday's break, its weekends included."""
        _require_day(day)
        return day in self._off

    def is_provisional(self, day: date) -> bool:
        """Whether the year of that day has no notice yet (or is not in the table at all)."""
        _require_day(day)
        known = self._years.get(day.year)
        return known is None or known.provisional

    def add_working_days(self, day: date, n: int) -> Deadline:
        """The n-th working day after ``day``, which is not counted itself.

        ``n = 0`` gives the day itself, or the first working day after it when it is none. Only the days counted over
        decide whether the result is provisional. Raises ValueError for a negative n.
        """
        _require_day(day)
        if n < 0:
            raise ValueError(f"cannot count {n} working days")
        current = day + _ONE_DAY if n else day
        missing = n or 1
        provisional = False
        while True:
            provisional = provisional or self.is_provisional(current)
            missing -= self.is_working_day(current)
            if not missing:
                return Deadline(current, provisional)
            current += _ONE_DAY

    def next_working_day(self, day: date) -> Deadline:
        """The first working day after ``day``."""
        return self.add_working_days(day, 1)

    def working_days_between(self, start: date, end: date) -> Span:
        """The working days after ``start`` up to and including ``end``, so that it undoes ``add_working_days``.

        When ``end`` lies before ``start``, the working days after ``end`` up to ``start``, as a negative number: the
        days by which a time limit is overrun.
        """
        _require_day(start)
        _require_day(end)
        if end < start:
            backwards = self.working_days_between(end, start)
            return Span(-backwards.days, backwards.provisional)
        days = [start + timedelta(days=offset) for offset in range(1, (end - start).days + 1)]
        return Span(sum(map(self.is_working_day, days)), any(map(self.is_provisional, days)))


def parse_year(record: Mapping[str, Any]) -> WorkdayYear:
    """Check one record (shape in the module's docstring) and return it as a WorkdayYear. Reads no file.

    Raises InvalidInput with ``year`` (None when it is itself wrong), ``field`` (a JSON path within the record) and
    ``reason``: ``missing``, ``unknown``, ``type``, ``empty``, ``range``, ``order``, ``overlap``, ``duplicate``,
    ``not_a_date`` or ``not_a_weekend``.
    """
    year = record.get("year") if isinstance(record, Mapping) else None
    if type(year) is not int:
        _refuse(None, "$.year", "missing" if year is None else "type")
    if not 2000 <= year <= 2100:
        _refuse(year, "$.year", "range")
    _require_keys(year, "$", record, ("year", "provisional", "source", "holidays"))
    provisional = record["provisional"]
    if type(provisional) is not bool:
        _refuse(year, "$.provisional", "type")
    source = record["source"]
    _require_keys(year, "$.source", source, ("title", "number", "issued"))

    off: set[date] = set()
    make_up: dict[date, str] = {}
    for index, holiday in enumerate(_require_list(year, "$.holidays", record["holidays"], empty=False)):
        path = f"$.holidays[{index}]"
        _require_keys(year, path, holiday, ("name", "from", "to", "make_up"))
        _require_text(year, f"{path}.name", holiday["name"])
        first = _require_date_of(year, f"{path}.from", holiday["from"])
        last = _require_date_of(year, f"{path}.to", holiday["to"])
        if last < first:
            _refuse(year, f"{path}.to", "order")
        if last - first >= _LONGEST_BREAK:
            _refuse(year, f"{path}.to", "range")
        days = {first + timedelta(days=offset) for offset in range((last - first).days + 1)}
        if off & days:
            _refuse(year, f"{path}.from", "overlap")
        off |= days
        for number, text in enumerate(_require_list(year, f"{path}.make_up", holiday["make_up"])):
            where = f"{path}.make_up[{number}]"
            day = _require_date_of(year, where, text)
            if day.weekday() < 5:
                _refuse(year, where, "not_a_weekend")
            if day in make_up:
                _refuse(year, where, "duplicate")
            make_up[day] = where
    for day, where in make_up.items():
        if day in off:
            _refuse(year, where, "overlap")
    return WorkdayYear(
        year=year,
        provisional=provisional,
        source=Source(
            title=_require_text(year, "$.source.title", source["title"]),
            number=_require_text(year, "$.source.number", source["number"]),
            issued=_require_date(year, "$.source.issued", source["issued"]),
        ),
        off=frozenset(off),
        make_up=frozenset(make_up),
    )


def _refuse(year: int | None, field: str, reason: str) -> Never:
    which = "" if year is None else f" {year} 年"
    raise InvalidInput(detail=f"工作日表{which}有误：{field}（{reason}）。", year=year, field=field, reason=reason)


def _require_day(day: date) -> None:
    # A datetime is a date to the type checker, but is equal to none in the table: every holiday would count as worked.
    if isinstance(day, datetime):
        raise TypeError("a calendar day is needed, not an instant: see kernel.clock.local_day")


def _require_keys(year: int, path: str, value: object, keys: tuple[str, ...]) -> None:
    if not isinstance(value, Mapping):
        _refuse(year, path, "type")
    for key in keys:
        if key not in value:
            _refuse(year, f"{path}.{key}", "missing")
    for key in value:
        if key not in keys:
            _refuse(year, f"{path}.{key}", "unknown")


def _require_list(year: int, path: str, value: object, *, empty: bool = True) -> Sequence[Any]:
    if not isinstance(value, list):
        _refuse(year, path, "type")
    if not value and not empty:
        _refuse(year, path, "empty")
    return value


def _require_text(year: int, path: str, value: object) -> str:
    if not isinstance(value, str):
        _refuse(year, path, "type")
    if not value.strip():
        _refuse(year, path, "empty")
    return value


def _require_date(year: int, path: str, value: object) -> date:
    text = _require_text(year, path, value)
    try:
        day = date.fromisoformat(text)
    except ValueError:
        _refuse(year, path, "not_a_date")
    # fromisoformat also reads 20260101 and 2026-W01-4; one form keeps the files comparable by eye.
    if day.isoformat() != text:
        _refuse(year, path, "not_a_date")
    return day


def _require_date_of(year: int, path: str, value: object) -> date:
    day = _require_date(year, path, value)
    # A break around New Year begins in the December before (2019, 2023), and its make-up day may lie there too.
    if day.year != year and (day.year, day.month) != (year - 1, 12):
        _refuse(year, path, "range")
    return day
