"""WeChat's error codes, sorted by what the caller may do next.

WeChat answers errors as HTTP 200 with ``errcode``; ``errmsg`` ends in `` rid: …``, which WeChat's support asks for.
Source: the "错误码" table of each endpoint, and the global table (全局错误码), whose names wechatpy keeps.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from wechatpy.constants import WeChatErrorCode

from kernel.errors import UpstreamFailed


class Verdict(StrEnum):
    """What an errcode means for the caller."""

    TOKEN = "bad_token"  # noqa: S105 - the access token is bad: renew it, then call once more
    NO_CONSENT = "no_consent"  # the user has not, or no longer, allowed this
    RETRY = "retry"  # WeChat is busy or a rate is exceeded; refused before anything happened
    FINAL = "final"  # the same call will fail again


# 40001 invalid credential, 40014 invalid access_token, 42001 access_token expired.
TOKEN_CODES = frozenset({40001, 40014, 42001})

# 43101 the user has not subscribed, or the one-time credits are used up.
# 45015 no user message within 48 h, 45047 more customer-service messages than the window allows.
NO_CONSENT_CODES = frozenset({43101, 45015, 45047})

# Seconds to wait: -1 busy; 43108 another send to the same user is running; 45011 per-minute rate; 45009 daily quota
# (it ends at midnight, but a monthly purchase may raise it, so it is looked at again in an hour).
RETRY_SECONDS = {-1: 5.0, 43108: 1.0, 45011: 60.0, 45009: 3600.0}

# Codes newer than the global table, or with another meaning for mini-programs.
_MEANINGS = {
    40029: "code invalid or expired",
    40037: "template id invalid",
    40163: "code been used",
    40164: "IP address not in the allowed list",
    40226: "high-risk user, login blocked",
    43101: "user has not subscribed or credits are used up",
    43107: "subscription capability or template banned",
    43108: "concurrent sends to one user",
    45168: "sensitive word",
    47003: "template argument invalid",
    61010: "user has not visited within two hours",
    87009: "signature invalid",
}

_RID = re.compile(r"\s*rid:\s*([0-9a-f-]+)\s*$")


@dataclass(frozen=True, slots=True)
class WeChatError:
    """One errcode as WeChat gave it. ``field`` names the template argument that 47003 complains about."""

    errcode: int
    errmsg: str
    rid: str | None

    @property
    def verdict(self) -> Verdict:
        if self.errcode in TOKEN_CODES:
            return Verdict.TOKEN
        if self.errcode in NO_CONSENT_CODES:
            return Verdict.NO_CONSENT
        return Verdict.RETRY if self.errcode in RETRY_SECONDS else Verdict.FINAL

    @property
    def retry_after(self) -> float | None:
        """Seconds after which the same call may be made again; None when that is of no use."""
        return RETRY_SECONDS.get(self.errcode)

    @property
    def meaning(self) -> str:
        if self.errcode in _MEANINGS:
            return _MEANINGS[self.errcode]
        try:
            return str(WeChatErrorCode(self.errcode).name).lower().replace("_", " ")
        except ValueError:
            return "unknown errcode"

    @property
    def field(self) -> str | None:
        match = re.search(r"data\.([A-Za-z_]+\d+)", self.errmsg) if self.errcode == 47003 else None
        return match.group(1) if match else None


def read_error(answer: dict[str, Any]) -> WeChatError | None:
    """The error in a decoded answer, None when it is a success (a success may lack ``errcode``)."""
    try:
        errcode = int(answer.get("errcode") or 0)
    except (TypeError, ValueError):
        errcode = -1000  # WeChat's own "system error": there is something in errcode, and it is no number
    if errcode == 0:
        return None
    errmsg = str(answer.get("errmsg", ""))
    match = _RID.search(errmsg)
    return WeChatError(errcode, _RID.sub("", errmsg), match.group(1) if match else None)


class WeChatRefused(UpstreamFailed):
    """WeChat answered with an errcode nobody above can put right. Nothing has happened."""

    may_have_happened = False

    def __init__(self, operation: str, error: WeChatError) -> None:
        self.operation, self.error = operation, error
        super().__init__(None, None, system="wechat", operation=operation, errcode=error.errcode)

    def __str__(self) -> str:
        error = self.error
        return f"wechat {self.operation}: {error.errcode} {error.meaning} ({error.errmsg}) rid={error.rid}"
