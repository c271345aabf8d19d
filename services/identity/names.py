"""Names of people as the registers write them."""

from __future__ import annotations

import re

from kernel.errors import InvalidInput

SHORTEST, LONGEST = 2, 30

# The mark that divides the parts of a name is U+00B7 and nothing else, and at least 25 characters must fit in
# (关于在政府管理和社会公共服务信息系统中统一姓名采集应用规范的通知, 2016). Keyboards and other systems write the mark
# in these ways as well.
_DIVIDER = "·"
_DIVIDERS = str.maketrans(dict.fromkeys("•‧・･∙⋅．.", _DIVIDER) | dict.fromkeys(" \t\u3000\u200b\ufeff"))

# All unified ideographs with their extensions: rare characters in names are the rule that systems forget. 〇 is a
# character of names but stands among the marks.
_HAN = "\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
_NAME = re.compile(rf"[{_HAN}]+(?:{_DIVIDER}[{_HAN}]+)*")


def parse_name(text: str, *, field: str) -> str:
    """The name in its one form: no spaces, parts divided by '·'.

    Raises InvalidInput with ``field`` and ``reason`` (``length`` or ``characters``); the name itself is not repeated.
    """
    name = text.translate(_DIVIDERS)
    if not SHORTEST <= len(name) <= LONGEST:
        reason = "length"
    elif not _NAME.fullmatch(name):
        reason = "characters"
    else:
        return name
    raise InvalidInput(detail="姓名不正确，请按身份证上的姓名填写。", field=field, reason=reason)
