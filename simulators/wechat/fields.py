"""WeChat's checks of subscribe message values (47003). Written apart from the product's own.

Source: developers.weixin.qq.com, subscribeMessage.send, 订阅消息参数值内容限制说明.
"""

from __future__ import annotations

import re
from typing import Any

_CLOCK = r"([01]?[0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?"
_DAY = r"[0-9]{4}年[0-9]{1,2}月[0-9]{1,2}日"
_STAMP = rf"(({_DAY} ?)?{_CLOCK}|{_DAY})"
_SPAN = rf"{_STAMP}(~{_STAMP})?"

_PATTERNS = {
    "thing": r".{1,20}",
    "number": r"-?[0-9]{1,32}(\.[0-9]{1,32})?",
    "letter": r"[a-zA-Z]{1,32}",
    "symbol": r"[^\w\s]{1,5}",
    "character_string": r"[\x21-\x7e]{1,32}",
    "time": _SPAN,
    "date": rf"{_DAY}( ?{_CLOCK})?(~{_DAY}( ?{_CLOCK})?)?",
    "amount": r"[¥￥$€£]?[0-9]{1,10}(\.[0-9]{1,10})?元?",
    "phone_number": r"[0-9+\-()#* ]{1,17}",
    "car_number": r"[0-9A-Za-z\u4e00-\u9fa5]{1,8}",
    "name": r"[\u4e00-\u9fa5·]{1,10}|[A-Za-z.·' \-]{1,20}",
    "phrase": r"[\u4e00-\u9fa5]{1,5}",
    "enum": r".+",
}


def complaint(fields: dict[str, str], data: Any) -> str | None:
    """WeChat's words about the first bad argument, None when all are good. ``fields``: name -> kind."""
    values = data if isinstance(data, dict) else {}
    for name, kind in fields.items():
        entry = values.get(name)
        value = entry.get("value") if isinstance(entry, dict) else None
        text = "" if value is None else str(value)
        if not text.strip():
            return f"argument invalid! data.{name}.value is empty"
        if re.search(r"[\x00-\x1f\x7f]", text) or re.fullmatch(_PATTERNS[kind], text) is None:
            return f"argument invalid! data.{name}.value invalid"
    return None


def is_kind(kind: str) -> bool:
    return kind in _PATTERNS
