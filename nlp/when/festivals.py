"""Festivals: the day itself by the calendar, the break around it by the working-day table.

Lunar days follow GB/T 33661-2017; the table was computed with the package ``holidays`` and a test compares the two.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from kernel.workdays import WorkdayTable
from nlp.when.model import Span

_ONE = timedelta(days=1)

# Year; first day of the lunar year; 5th of the 5th; 15th of the 8th; 9th of the 9th lunar month. 2024 to 2099.
_LUNAR = """
2024 0210 0610 0917 1011
2025 0129 0531 1006 1029
2026 0217 0619 0925 1018
2027 0206 0609 0915 1008
2028 0126 0528 1003 1026
2029 0213 0616 0922 1016
2030 0203 0605 0912 1005
2031 0123 0624 1001 1024
2032 0211 0612 0919 1012
2033 0131 0601 0908 1001
2034 0219 0620 0927 1020
2035 0208 0610 0916 1009
2036 0128 0530 1004 1027
2037 0215 0618 0924 1017
2038 0204 0607 0913 1007
2039 0124 0527 1002 1026
2040 0212 0614 0920 1014
2041 0201 0603 0910 1003
2042 0122 0622 0928 1022
2043 0210 0611 0917 1011
2044 0130 0531 1005 1029
2045 0217 0619 0925 1018
2046 0206 0608 0915 1008
2047 0126 0529 1004 1027
2048 0214 0615 0922 1016
2049 0202 0604 0911 1005
2050 0123 0623 0930 1024
2051 0211 0613 0919 1013
2052 0201 0601 0907 1030
2053 0219 0620 0926 1020
2054 0208 0610 0916 1009
2055 0128 0530 1005 1028
2056 0215 0617 0924 1017
2057 0204 0606 0913 1007
2058 0124 0625 1002 1025
2059 0212 0614 0921 1014
2060 0202 0603 0909 1002
2061 0121 0622 0928 1021
2062 0209 0611 0917 1011
2063 0129 0601 1006 1030
2064 0217 0619 0925 1018
2065 0205 0608 0915 1008
2066 0126 0528 1003 1027
2067 0214 0616 0923 1016
2068 0203 0604 0911 1004
2069 0123 0623 0929 1023
2070 0211 0613 0919 1012
2071 0131 0602 0908 1031
2072 0219 0620 0926 1020
2073 0207 0610 0916 1009
2074 0127 0530 1005 1028
2075 0215 0617 0924 1018
2076 0205 0606 0912 1006
2077 0124 0624 1001 1025
2078 0212 0614 0920 1014
2079 0202 0604 0910 1003
2080 0122 0622 0928 1021
2081 0209 0611 0917 1011
2082 0129 0601 1006 1030
2083 0217 0619 0926 1019
2084 0206 0607 0914 1008
2085 0126 0527 1003 1027
2086 0214 0615 0922 1016
2087 0203 0605 0911 1005
2088 0124 0623 0929 1022
2089 0210 0613 0918 1012
2090 0130 0602 0908 1031
2091 0218 0621 0927 1021
2092 0207 0609 0916 1009
2093 0127 0529 1005 1028
2094 0215 0617 0924 1017
2095 0205 0606 0913 1006
2096 0125 0624 0930 1024
2097 0212 0614 0920 1013
2098 0201 0604 0909 1003
2099 0121 0623 0929 1022
"""


def _read_table() -> dict[int, tuple[date, ...]]:
    table: dict[int, tuple[date, ...]] = {}
    for line in _LUNAR.split("\n"):
        if line:
            year, *days = line.split()
            table[int(year)] = tuple(date(int(year), int(d[:2]), int(d[2:])) for d in days)
    return table


LUNAR = _read_table()


@dataclass(frozen=True, slots=True)
class Festival:
    """``column``: of the lunar table, with ``shift`` days; else a fixed month and day, or Qingming (no column, no
    day)."""

    name: str
    month: int = 0
    day: int = 0
    column: int | None = None
    shift: int = 0
    # Whether there is a break around it; a festival without one is a single day.
    rest: bool = True

    def on(self, year: int) -> date | None:
        """Its day in a year of our calendar; None when the tables do not reach so far."""
        if self.column is not None:
            row = LUNAR.get(year)
            return None if row is None else row[self.column] + timedelta(days=self.shift)
        if self.month:
            return date(year, self.month, self.day)
        return qingming(year)

    def break_around(self, day: date, workdays: WorkdayTable) -> Span:
        """The days off in a row around its day; the day itself where no notice names any."""
        if not self.rest:
            return Span.of(day)
        first = last = day
        while workdays.is_holiday(first - _ONE):
            first -= _ONE
        while workdays.is_holiday(last + _ONE):
            last += _ONE
        return Span(first, last)


def qingming(year: int) -> date | None:
    """The solar term Qingming in Beijing time by the usual formula of the 21st century."""
    if not 2000 <= year <= 2099:
        return None
    short = year % 100
    return date(year, 4, int(short * 0.2422 + 4.81) - short // 4)


FESTIVALS: tuple[tuple[str, Festival], ...] = (
    ("大年三十|年三十|除夕夜|除夕", Festival("除夕", column=0, shift=-1, rest=False)),
    ("大年初一|正月初一|年初一", Festival("大年初一", column=0, rest=False)),
    ("大年初二|正月初二|年初二", Festival("大年初二", column=0, shift=1, rest=False)),
    ("大年初三|正月初三|年初三", Festival("大年初三", column=0, shift=2, rest=False)),
    ("正月初四|年初四", Festival("正月初四", column=0, shift=3, rest=False)),
    ("正月初五|年初五", Festival("正月初五", column=0, shift=4, rest=False)),
    ("正月初六|年初六", Festival("正月初六", column=0, shift=5, rest=False)),
    ("正月初七|年初七", Festival("正月初七", column=0, shift=6, rest=False)),
    ("正月初八|年初八", Festival("正月初八", column=0, shift=7, rest=False)),
    ("元宵节|元宵|正月十五", Festival("元宵节", column=0, shift=14, rest=False)),
    ("重阳节|重阳", Festival("重阳节", column=3, rest=False)),
    ("元旦节|元旦|阳历年", Festival("元旦", 1, 1)),
    ("春节|过大年|过年|大年|新春", Festival("春节", column=0)),
    ("清明节|清明", Festival("清明节")),
    ("五一劳动节|劳动节|五一节", Festival("劳动节", 5, 1)),
    ("端午节|端午", Festival("端午节", column=1)),
    ("中秋节|中秋|八月十五", Festival("中秋节", column=2)),
    ("十一国庆节|国庆节|国庆", Festival("国庆节", 10, 1)),
    ("圣诞节|圣诞", Festival("圣诞节", 12, 25, rest=False)),
)
# Also numbers: they are festivals only where what follows says so.
SHORT = (("五一", Festival("劳动节", 5, 1)), ("十一", Festival("国庆节", 10, 1)))
_NUMERAL = "零〇一二两三四五六七八九十0-9"
_ALONE = {"五一": f"(?<![{_NUMERAL}])五一(?![{_NUMERAL}号路点月楼])"}
_FOLLOWED = "(?=长假|小长假|假期|放假|期间|节|当天|那天|回来|过后|之后|以后|后|之前|以前|前|第|最后)"

NAMES = "|".join([*(pattern for pattern, _ in FESTIVALS), *(_ALONE.get(word, word + _FOLLOWED) for word, _ in SHORT)])
_BY_WORD = {word: f for pattern, f in FESTIVALS for word in pattern.split("|")} | dict(SHORT)


def festival(word: str) -> Festival:
    return _BY_WORD[word]
