"""The fields of API v3 requests: what WeChat Pay answers with PARAM_ERROR.

Source: pay.weixin.qq.com/doc/v3/merchant, 小程序下单 and 申请退款, state of 2026-07.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from simulators.wechat_pay.records import Refusal

OUT_TRADE_NO = re.compile(r"[0-9A-Za-z_\-|*]{6,32}")
OUT_REFUND_NO = re.compile(r"[0-9A-Za-z_\-|*@]{1,64}")
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+08:00")

Check = Callable[[Any], bool]
# A field is checked by a function, or is an object with fields of its own; a name with "?" may be left out.
Fields = Mapping[str, "Check | Fields"]


def text(least: int, most: int) -> Check:
    return lambda value: isinstance(value, str) and least <= len(value) <= most


def matching(pattern: re.Pattern[str]) -> Check:
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None


def fen(value: Any) -> bool:
    # A JSON true is an int in Python, and 1.0 is not what the real server takes for an integer.
    return type(value) is int and value >= 1


def notify_url(value: Any) -> bool:
    """HTTPS, or HTTP to this machine, which the real server would refuse and the demo needs."""
    if not isinstance(value, str) or not 1 <= len(value) <= 255:
        return False
    parts = urlsplit(value)
    if "?" in value or "#" in value or not parts.hostname:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname))


def instant(value: Any) -> bool:
    return isinstance(value, str) and _RFC3339.fullmatch(value) is not None and _is_instant(value)


def anything(value: Any) -> bool:
    return True


PREPAY: Fields = {
    "appid": text(1, 32),
    "mchid": text(1, 32),
    "description": text(1, 127),
    "out_trade_no": matching(OUT_TRADE_NO),
    "time_expire?": instant,
    "attach?": text(1, 128),
    "notify_url": notify_url,
    "goods_tag?": text(1, 32),
    "support_fapiao?": lambda value: isinstance(value, bool),
    "amount": {"total": fen, "currency?": lambda value: value == "CNY"},
    "payer": {"openid": text(1, 128)},
    "detail?": anything,
    "scene_info?": anything,
    "settle_info?": anything,
}
CLOSE: Fields = {"mchid": text(1, 32)}
REFUND: Fields = {
    "transaction_id?": text(1, 32),
    "out_trade_no?": matching(OUT_TRADE_NO),
    "out_refund_no": matching(OUT_REFUND_NO),
    "reason?": text(1, 80),
    "notify_url?": notify_url,
    "funds_account?": lambda value: value in ("AVAILABLE", "UNSETTLED"),
    "amount": {"refund": fen, "total": fen, "currency": lambda value: value == "CNY", "from?": anything},
    "goods_detail?": anything,
}


def read_body(raw: bytes, fields: Fields) -> dict[str, Any]:
    """The body with nothing but these fields. Raises Refusal (PARAM_ERROR) naming the first that is wrong."""
    try:
        body = json.loads(raw)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Refusal("PARAM_ERROR", "请求体不是 JSON 对象")
    _check(body, fields, "")
    return body


def _check(body: Mapping[str, Any], fields: Fields, where: str) -> None:
    names = {name.removesuffix("?"): name for name in fields}
    for name in body:
        if name not in names:
            raise Refusal("PARAM_ERROR", f"未知参数 {name}", field=f"{where}/{name}")
    for name, declared in names.items():
        if name not in body:
            if declared.endswith("?"):
                continue
            raise Refusal("PARAM_ERROR", f"缺少参数 {name}", field=f"{where}/{name}")
        check, value = fields[declared], body[name]
        if callable(check):
            if not check(value):
                raise Refusal("PARAM_ERROR", f"输入源“{where}/body/{name}”不正确", field=f"{where}/{name}")
        elif isinstance(value, dict):
            _check(value, check, f"{where}/{name}")
        else:
            raise Refusal("PARAM_ERROR", f"{name} 不是对象", field=f"{where}/{name}")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_instant(value: str) -> bool:
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True
