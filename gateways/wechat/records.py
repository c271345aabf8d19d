"""What goes into the WeChat client and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Literal

from gateways.outcomes import Delivery
from gateways.wechat.errors import WeChatError

CodeVersion = Literal["release", "trial", "develop"]


@dataclass(frozen=True, slots=True)
class WeChatSettings:
    """One mini-program. Times in seconds; ``request_timeout`` includes ``connect_timeout``.

    ``miniprogram_state`` says which build a subscribe message opens. ``max_clients`` bounds simultaneous requests.
    """

    appid: str
    secret: str = field(repr=False)
    base_url: str = "https://api.weixin.qq.com"
    connect_timeout: float = 2.0
    request_timeout: float = 5.0
    max_clients: int = 50
    miniprogram_state: Literal["developer", "trial", "formal"] = "formal"


@dataclass(frozen=True, slots=True)
class LoginSession:
    """``session_key`` is a secret of WeChat and this server: it is never given to the mini-program nor logged."""

    openid: str
    session_key: str = field(repr=False)
    unionid: str | None


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """``number`` as WeChat writes it (country code included outside China), ``local_number`` without country code."""

    number: str = field(repr=False)
    local_number: str = field(repr=False)
    country_code: str


class SafetyScene(IntEnum):
    """Where the text will be shown (msg_sec_check ``scene``)."""

    PROFILE = 1
    COMMENT = 2
    FORUM = 3
    SOCIAL_LOG = 4


@dataclass(frozen=True, slots=True)
class ContentCheck:
    """WeChat's judgement. ``suggest``: pass, review or risky. ``label``: 100 normal, 10001 advertising, 20001 politics,
    20002 pornography, 20003 insult, 20006 crime, 20008 fraud, 20012 vulgar, 20013 copyright, 21000 other."""

    suggest: str
    label: int
    trace_id: str

    @property
    def passed(self) -> bool:
        return self.suggest == "pass"


@dataclass(frozen=True, slots=True)
class SendOutcome:
    """The fate of one message to one user.

    ``error`` is WeChat's, when it answered with one (``error.field`` names a bad template argument); ``reason`` is
    a line for the log when it gave no usable answer; ``retry_after`` (seconds) goes with Delivery.RETRY only.
    """

    delivery: Delivery
    msgid: str | None = None
    error: WeChatError | None = None
    reason: str | None = None
    retry_after: float | None = None

    @property
    def may_have_happened(self) -> bool:
        return self.delivery.may_have_happened
