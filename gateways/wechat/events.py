"""The events of WeChat's message push, in one shape for XML and JSON.

The two forms differ (developers.weixin.qq.com, 消息推送): XML nests ``<SubscribeMsgPopupEvent><List>…``, JSON has
``List`` at the top, an object for one entry and an array for several; CreateTime and ErrorCode may be text or number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from wechatpy import parse_message


@dataclass(frozen=True, slots=True)
class SubscriptionChoice:
    """What the user chose for one template. ``popup_scene`` is WeChat's number for where the pop-up was shown."""

    template_id: str
    accepted: bool
    popup_scene: int | None = None


@dataclass(frozen=True, slots=True)
class SubscribePopup:
    """The user answered the subscription pop-up: one consent per accepted template, where it is one-time."""

    openid: str
    at: datetime
    choices: tuple[SubscriptionChoice, ...]

    @property
    def dedup_key(self) -> str:
        return _key("popup", self.openid, self.at, self.choices)


@dataclass(frozen=True, slots=True)
class SubscribeChange:
    """The user changed subscriptions in the settings; WeChat reports only the ones switched off."""

    openid: str
    at: datetime
    choices: tuple[SubscriptionChoice, ...]

    @property
    def dedup_key(self) -> str:
        return _key("change", self.openid, self.at, self.choices)


@dataclass(frozen=True, slots=True)
class SentResult:
    """``error_code`` 0 and ``error_status`` success, or why an accepted message did not arrive."""

    template_id: str
    msgid: str
    error_code: int
    error_status: str


@dataclass(frozen=True, slots=True)
class SubscribeSent:
    """The fate of messages accepted earlier; pushed only for failures inside WeChat."""

    openid: str
    at: datetime
    results: tuple[SentResult, ...]

    @property
    def dedup_key(self) -> str:
        return f"sent:{self.openid}:{','.join(sorted(r.msgid for r in self.results))}"


@dataclass(frozen=True, slots=True)
class UserMessage:
    """A message to customer service. ``kind`` text, image, miniprogrampage …; ``text`` only for texts.

    ``fields`` are WeChat's own (PicUrl, MediaId, Title, PagePath …).
    """

    openid: str
    at: datetime
    message_id: str
    kind: str
    text: str | None
    fields: Mapping[str, Any]

    @property
    def dedup_key(self) -> str:
        return f"message:{self.openid}:{self.message_id}"


@dataclass(frozen=True, slots=True)
class UserEnteredChat:
    """The user opened the customer-service chat: two messages may be sent within a minute."""

    openid: str
    at: datetime
    session_from: str

    @property
    def dedup_key(self) -> str:
        return f"entered:{self.openid}:{int(self.at.timestamp())}"


@dataclass(frozen=True, slots=True)
class OtherPush:
    """Anything else; ``name`` is the event's or message's own."""

    openid: str
    at: datetime
    name: str
    fields: Mapping[str, Any]

    @property
    def dedup_key(self) -> str:
        return f"{self.name}:{self.openid}:{int(self.at.timestamp())}"


PushEvent = SubscribePopup | SubscribeChange | SubscribeSent | UserMessage | UserEnteredChat | OtherPush

_LISTS = {
    "subscribe_msg_popup_event": "SubscribeMsgPopupEvent",
    "subscribe_msg_change_event": "SubscribeMsgChangeEvent",
    "subscribe_msg_sent_event": "SubscribeMsgSentEvent",
}


def event_from_xml(message: bytes) -> PushEvent:
    """wechatpy parses. Raises KeyError, ValueError, TypeError, AttributeError or ExpatError for nonsense."""
    parsed = parse_message(message)
    fields: dict[str, Any] = dict(parsed._data)
    name = str(fields.get("Event", "")).lower()
    entries = _entries(parsed.subscribes) if name in _LISTS else ()
    return _event(fields, entries)


def event_from_json(fields: Any) -> PushEvent:
    """Raises KeyError, ValueError or TypeError for nonsense."""
    if not isinstance(fields, dict):
        raise TypeError("not an object")
    name = str(fields.get("Event", "")).lower()
    entries: tuple[Mapping[str, Any], ...] = ()
    if name in _LISTS:
        nested = fields.get(_LISTS[name])
        entries = _entries((nested if isinstance(nested, dict) else fields)["List"])
    return _event(fields, entries)


def _key(name: str, openid: str, at: datetime, choices: tuple[SubscriptionChoice, ...]) -> str:
    """One push is known by its user, its second and its templates: WeChat gives these events no id."""
    return f"{name}:{openid}:{int(at.timestamp())}:{','.join(sorted(choice.template_id for choice in choices))}"


def _entries(value: Any) -> tuple[Mapping[str, Any], ...]:
    entries = value if isinstance(value, list) else [value]
    if not all(isinstance(entry, dict) for entry in entries):
        raise TypeError("List holds something else than objects")
    return tuple(entries)


def _event(fields: dict[str, Any], entries: tuple[Mapping[str, Any], ...]) -> PushEvent:
    openid = str(fields["FromUserName"])
    at = datetime.fromtimestamp(int(fields["CreateTime"]), UTC)
    kind = str(fields["MsgType"]).lower()
    if kind != "event":
        text = str(fields.get("Content") or "") if kind == "text" else None
        return UserMessage(openid, at, str(fields.get("MsgId", "")), kind, text, fields)
    name = str(fields.get("Event", "")).lower()
    if name == "subscribe_msg_popup_event":
        return SubscribePopup(openid, at, _choices(entries))
    if name == "subscribe_msg_change_event":
        return SubscribeChange(openid, at, _choices(entries))
    if name == "subscribe_msg_sent_event":
        return SubscribeSent(openid, at, tuple(_result(entry) for entry in entries))
    if name == "user_enter_tempsession":
        return UserEnteredChat(openid, at, str(fields.get("SessionFrom") or ""))
    return OtherPush(openid, at, name, fields)


def _choices(entries: tuple[Mapping[str, Any], ...]) -> tuple[SubscriptionChoice, ...]:
    return tuple(
        SubscriptionChoice(
            template_id=str(entry["TemplateId"]),
            accepted=str(entry["SubscribeStatusString"]).lower() == "accept",
            popup_scene=int(entry["PopupScene"]) if entry.get("PopupScene") not in (None, "") else None,
        )
        for entry in entries
    )


def _result(entry: Mapping[str, Any]) -> SentResult:
    return SentResult(
        template_id=str(entry["TemplateId"]),
        msgid=str(entry.get("MsgID", entry.get("MsgId", ""))),
        error_code=int(entry.get("ErrorCode") or 0),
        error_status=str(entry.get("ErrorStatus", "")),
    )
