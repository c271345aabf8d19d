"""WeChat: the mini-program's server API (outbound) and message push (inbound)."""

from gateways.outcomes import Delivery
from gateways.transport import UpstreamRefused, UpstreamUnavailable
from gateways.wechat.client import WeChatClient
from gateways.wechat.crypto import PushSettings
from gateways.wechat.errors import Verdict, WeChatError, WeChatRefused
from gateways.wechat.events import (
    OtherPush,
    PushEvent,
    SentResult,
    SubscribeChange,
    SubscribePopup,
    SubscribeSent,
    SubscriptionChoice,
    UserEnteredChat,
    UserMessage,
)
from gateways.wechat.fields import check_field, fit
from gateways.wechat.push import ANSWER_DONE, PushReceiver, SealedReply
from gateways.wechat.records import (
    ContentCheck,
    LoginSession,
    PhoneNumber,
    SafetyScene,
    SendOutcome,
    WeChatSettings,
)

__all__ = [
    "ANSWER_DONE",
    "ContentCheck",
    "Delivery",
    "LoginSession",
    "OtherPush",
    "PhoneNumber",
    "PushEvent",
    "PushReceiver",
    "PushSettings",
    "SafetyScene",
    "SealedReply",
    "SendOutcome",
    "SentResult",
    "SubscribeChange",
    "SubscribePopup",
    "SubscribeSent",
    "SubscriptionChoice",
    "UpstreamRefused",
    "UpstreamUnavailable",
    "UserEnteredChat",
    "UserMessage",
    "Verdict",
    "WeChatClient",
    "WeChatError",
    "WeChatRefused",
    "WeChatSettings",
    "check_field",
    "fit",
]
