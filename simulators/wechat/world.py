"""The WeChat platform as one mini-program sees it: its users, codes, tokens, templates, consents and windows."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from simulators.control import MovableClock
from simulators.wechat.fields import is_kind

CODE_LIFE = timedelta(minutes=5)
TOKEN_OVERLAP = timedelta(minutes=5)  # renewed this early; old and new are valid together
FORCE_APART = timedelta(seconds=30)
FORCE_A_DAY = 20
VISIT_LIFE = timedelta(hours=2)  # msg_sec_check: openid must have visited within
MESSAGE_WINDOW, MESSAGE_CREDIT = timedelta(hours=48), 5
ENTER_WINDOW, ENTER_CREDIT = timedelta(minutes=1), 2


@dataclass(frozen=True)
class Template:
    """A subscribe message template of this mini-program. ``fields``: ``{"thing1": "thing"}``."""

    id: str
    title: str
    kind: Literal["one_time", "long_term"]
    fields: Mapping[str, str]


@dataclass(frozen=True)
class WeChatSimSettings:
    """One mini-program as configured on WeChat's side.

    ``token_seconds`` the life of an access token; ``send_seconds`` how long a send takes (two at a time for one user
    give 43108); ``push_form`` xml or json; ``push_repeats`` and ``push_pause`` (seconds) when the callback does not
    answer ``success``; ``pages`` the published pages, empty for "any"; ``risky_words`` what msg_sec_check finds.
    """

    appid: str = "wx0000000000000000"
    secret: str = "simulator-secret"  # noqa: S105
    push_token: str = "simulatortoken"  # noqa: S105
    encoding_aes_key: str = "A" * 43
    callback_url: str = ""
    templates: tuple[Template, ...] = ()
    token_seconds: int = 7200
    send_seconds: float = 0.02
    push_form: Literal["xml", "json"] = "json"
    push_repeats: int = 3
    push_pause: float = 1.0
    pages: tuple[str, ...] = ()
    risky_words: tuple[str, ...] = ("赌博", "代开发票", "枪支")
    review_words: tuple[str, ...] = ("加微信",)


class Refusal(Exception):
    """An errcode. ``errmsg`` gets WeChat's request id appended when it is sent."""

    def __init__(self, errcode: int, errmsg: str) -> None:
        self.errcode, self.errmsg = errcode, errmsg
        super().__init__(errmsg)


@dataclass
class User:
    openid: str
    session_key: str
    seen_at: datetime
    unionid: str
    high_risk: bool = False
    window_ends: datetime | None = None
    window_credit: int = 0


@dataclass
class IssuedCode:
    openid: str
    issued_at: datetime
    used: bool = False
    phone: str = ""


@dataclass
class IssuedToken:
    text: str
    ends_at: datetime
    revoked: bool = False


@dataclass
class WeChatWorld:
    """All state; ``reset`` empties it. Every method that WeChat would refuse raises Refusal."""

    settings: WeChatSimSettings
    clock: MovableClock
    callback_url: str = ""
    users: dict[str, User] = field(default_factory=dict)
    login_codes: dict[str, IssuedCode] = field(default_factory=dict)
    phone_codes: dict[str, IssuedCode] = field(default_factory=dict)
    tokens: list[IssuedToken] = field(default_factory=list)
    forced: list[datetime] = field(default_factory=list)
    credits: dict[tuple[str, str], int] = field(default_factory=dict)
    long_term: set[tuple[str, str]] = field(default_factory=set)
    sending: set[str] = field(default_factory=set)
    sent: list[dict[str, Any]] = field(default_factory=list)
    token_requests: int = 0

    def __post_init__(self) -> None:
        self.templates = {template.id: template for template in self.settings.templates}
        self.callback_url = self.callback_url or self.settings.callback_url

    def reset(self) -> None:
        for container in (self.users, self.login_codes, self.phone_codes, self.credits):
            container.clear()
        for collection in (self.tokens, self.forced, self.sent):
            collection.clear()
        self.long_term.clear()
        self.sending.clear()
        self.token_requests = 0

    def sent_to(self, wanted: Mapping[str, str]) -> list[dict[str, Any]]:
        return [entry for entry in self.sent if all(str(entry.get(key)) == value for key, value in wanted.items())]

    def record(self, kind: str, openid: str, **fields: Any) -> dict[str, Any]:
        entry = {"kind": kind, "openid": openid, "at": self.clock.now().isoformat(), **fields}
        self.sent.append(entry)
        return entry

    # Users and their codes

    def user(self, openid: str | None = None) -> User:
        """The user, made when unknown: WeChat knows everybody."""
        openid = openid or "o" + secrets.token_urlsafe(21)[:27]
        if openid not in self.users:
            digest = hashlib.sha256(openid.encode()).hexdigest()
            key = secrets.token_urlsafe(18)[:22] + "=="
            self.users[openid] = User(openid, key, self.clock.now(), "o6" + digest[:26])
        return self.users[openid]

    def known(self, openid: Any) -> User:
        if not isinstance(openid, str) or openid not in self.users:
            raise Refusal(40003, "invalid openid")
        return self.users[openid]

    def issue_login(self, openid: str | None) -> tuple[str, User]:
        user = self.user(openid)
        code = "0" + secrets.token_urlsafe(24)[:31]
        self.login_codes[code] = IssuedCode(user.openid, self.clock.now())
        return code, user

    def issue_phone(self, openid: str, phone: str) -> str:
        code = secrets.token_hex(32)
        self.phone_codes[code] = IssuedCode(self.user(openid).openid, self.clock.now(), phone=phone)
        return code

    def use_code(self, codes: dict[str, IssuedCode], code: Any) -> IssuedCode:
        """A code serves once and for five minutes: 40163 when it was used, 40029 when it is unknown or too old."""
        issued = codes.get(code) if isinstance(code, str) else None
        if issued is None or self.clock.now() - issued.issued_at > CODE_LIFE:
            raise Refusal(40029, "invalid code")
        if issued.used:
            raise Refusal(40163, "code been used")
        issued.used = True
        return issued

    # Access tokens

    def stable_token(self, force: bool) -> tuple[str, int]:
        """The token and its remaining seconds: the same one until five minutes before its end, unless forced."""
        now = self.clock.now()
        current = self.tokens[-1] if self.tokens else None
        if force:
            today = [at for at in self.forced if now - at < timedelta(days=1)]
            if today and now - today[-1] < FORCE_APART:
                raise Refusal(45011, "api minute-quota reach limit, force_refresh needs 30 seconds between")
            if len(today) >= FORCE_A_DAY:
                raise Refusal(45009, "reach max api daily quota limit of force_refresh")
            self.forced.append(now)
            for token in self.tokens:
                token.revoked = True
        life = timedelta(seconds=self.settings.token_seconds)
        overlap = min(TOKEN_OVERLAP, life / 2)
        if force or current is None or current.revoked or current.ends_at - now <= overlap:
            current = IssuedToken(f"80_{secrets.token_urlsafe(96)}", now + life)
            self.tokens.append(current)
        return current.text, int((current.ends_at - now).total_seconds())

    def check_token(self, text: str) -> None:
        if not text:
            raise Refusal(41001, "access_token missing")
        token = next((token for token in self.tokens if token.text == text), None)
        if token is None or token.revoked:
            raise Refusal(40001, "invalid credential, access_token is invalid or not latest")
        if self.clock.now() >= token.ends_at:
            raise Refusal(42001, "access_token expired")

    # Consents

    def choose(self, openid: str, choices: Mapping[str, bool]) -> None:
        """The user's answer to the subscription pop-up: a credit for a one-time template, or a lasting consent."""
        for template_id, accepted in choices.items():
            key = (openid, template_id)
            if self.templates[template_id].kind == "long_term":
                (self.long_term.add if accepted else self.long_term.discard)(key)
            elif accepted:
                self.credits[key] = self.credits.get(key, 0) + 1

    def switch_off(self, openid: str, template_id: str) -> None:
        """The user rejects the template in the mini-program's settings."""
        self.long_term.discard((openid, template_id))
        self.credits.pop((openid, template_id), None)

    def use_consent(self, openid: str, template_id: str) -> None:
        key = (openid, template_id)
        if key in self.long_term:
            return
        if self.credits.get(key, 0) < 1:
            raise Refusal(43101, "user refuse to accept the msg")
        self.credits[key] -= 1

    # Customer-service windows

    def open_window(self, openid: str, life: timedelta, credit: int) -> None:
        user = self.user(openid)
        user.window_ends = max(self.clock.now() + life, user.window_ends or self.clock.now())
        user.window_credit = max(credit, user.window_credit)

    def use_window(self, user: User) -> None:
        if user.window_ends is None or self.clock.now() > user.window_ends:
            raise Refusal(45015, "response out of time limit or subscription is canceled")
        if user.window_credit < 1:
            raise Refusal(45047, "out of response count limit")
        user.window_credit -= 1


def read_templates(path: Path) -> tuple[Template, ...]:
    """The templates file: a JSON array of ``{id, title, kind, fields: {"thing1": "thing"}}``. Raises ValueError."""
    templates = []
    for entry in json.loads(path.read_text("utf-8")):
        fields = {str(name): str(kind) for name, kind in entry["fields"].items()}
        if entry["kind"] not in ("one_time", "long_term") or not all(is_kind(kind) for kind in fields.values()):
            raise ValueError(f"template {entry.get('id')}: unknown kind")
        templates.append(Template(str(entry["id"]), str(entry.get("title", "")), entry["kind"], fields))
    return tuple(templates)
