"""What outside systems call: WeChat's message push and the receipts of the SMS service.

Neither has a session: WeChat signs and encrypts, the SMS service is known by a secret path. Both repeat what was not
answered well, so everything here is idempotent.
"""

from __future__ import annotations

import asyncio
import hmac
import logging

from gateways.sms import parse_tencent, tencent_answer
from gateways.wechat import ANSWER_DONE, SubscribeChange, SubscribePopup, SubscribeSent
from gateways.wechat_pay import (
    FAILURE_BODY,
    NotificationReader,
    NotificationRefused,
    PayEvent,
    RefusalReason,
    TransactionSuccess,
)
from handlers.base import Call
from handlers.routing import SIGNED, Idempotency, Limit, Raw, Route
from kernel.errors import BanshiError, Code, NotFound, Unavailable
from services.city import City
from services.notifications.actions import WechatSent

log = logging.getLogger("banshi.callbacks")

TEXT = "text/plain; charset=utf-8"
JSON = "application/json"
# WeChat Pay waits 5 s for its answer. Source: 支付成功通知.
PAY_SECONDS = 4.0
PAY_TAKEN = b'{"code":"SUCCESS"}'


async def wechat_check(call: Call) -> Raw:
    """WeChat asks whether the address is ours."""
    return Raw(call.city.wechat_push.check_url(_query(call)), TEXT)


async def wechat_push(call: Call) -> Raw:
    """An event or a message from WeChat, verified and decrypted."""
    event = call.city.wechat_push.open(_query(call), call.body)
    if isinstance(event, SubscribePopup | SubscribeChange):
        await _take_choices(call.city, event)
    elif isinstance(event, SubscribeSent):
        await _take_sent(call.city, event)
    else:
        log.info("push not used", extra={"push": type(event).__name__})
    return Raw(ANSWER_DONE, TEXT)


async def sms_receipts(call: Call, secret: str) -> Raw:
    """Tencent's delivery receipts. They are not signed: the secret in the path is what guards them."""
    expected = call.frame.sms_receipt_secret
    if not expected or not hmac.compare_digest(secret.encode(), expected.encode()):
        raise NotFound(Code.ROUTE_NOT_FOUND)
    count = await call.city.notifications.do_sms_receipts(parse_tencent(call.body))
    if count.unmatched:
        log.warning("receipts for no message of ours", extra={"unmatched": count.unmatched})
    return Raw(tencent_answer(), "application/json")


async def wechat_pay(call: Call) -> Raw:
    """A payment or a refund has come to its end. 200: taken; anything else has WeChat Pay repeat it for a day.

    Taking is idempotent by the order's state, so a repetition and a replay change nothing.
    """
    try:
        if call.city.pay_reader is None:
            raise Unavailable(Code.PAY_NOT_OFFERED)
        event = _open_payment(call.city.pay_reader, call)
        async with asyncio.timeout(PAY_SECONDS):
            await _take_payment(call.city, event)
    except NotificationRefused as refused:
        return Raw(FAILURE_BODY, JSON, status=refused.status)
    except BanshiError as error:
        log.error("a payment notification was not taken", extra={"code": error.code.name, "fields": dict(error.fields)})
        return Raw(FAILURE_BODY, JSON, status=error.status)
    except Exception as error:  # WeChat Pay knows one form of failure, whatever failed here
        log.error("a payment notification failed", extra={"error": repr(error)})
        return Raw(FAILURE_BODY, JSON, status=503)
    return Raw(PAY_TAKEN, JSON)


def _open_payment(reader: NotificationReader, call: Call) -> PayEvent:
    """Raises NotificationRefused; one that WeChat Pay itself has signed is somebody's business here."""
    try:
        return reader.open(dict(call.request.headers.get_all()), call.body)
    except NotificationRefused as refused:
        if refused.authentic:
            log.error("a genuine payment notification cannot be used", extra={"reason": str(refused)})
        elif refused.reason is not RefusalReason.PROBE:
            log.warning("a payment notification was refused", extra={"reason": refused.reason.value})
        raise


async def _take_payment(city: City, event: PayEvent) -> None:
    if isinstance(event, TransactionSuccess):
        await city.pay_orders.do_paid(event.order)
    else:
        await city.refunds.do_told(event.refund)


async def _take_choices(city: City, event: SubscribePopup | SubscribeChange) -> None:
    person = await city.identity_queries.person_by_openid(event.openid)
    if person is None:
        # WeChat may tell of somebody who never signed in: there is nobody to send anything to.
        log.info("consent of an unknown person")
        return
    for choice in event.choices:
        ref = f"{event.openid}:{choice.template_id}:{int(event.at.timestamp())}"
        if isinstance(event, SubscribePopup):
            accepted = choice.accepted
            await city.notifications.do_record_consent(person, choice.template_id, accepted, ref, event.at)
        elif not choice.accepted:
            await city.notifications.do_record_change(person, choice.template_id, ref, event.at)


async def _take_sent(city: City, event: SubscribeSent) -> None:
    person = await city.identity_queries.person_by_openid(event.openid)
    for result in event.results:
        sent = WechatSent(result.msgid, person, result.template_id, result.error_code, result.error_status)
        await city.notifications.do_wechat_sent(sent)


def _query(call: Call) -> dict[str, str]:
    """The query string; of a repeated name the first value, as WeChat never repeats one."""
    return {name: values[0].decode("utf-8", "replace") for name, values in call.request.query_arguments.items()}


_SIGNATURE = (Code.BAD_SIGNATURE,)

ROUTES = [
    Route(
        "GET", "/callbacks/wechat", wechat_check, SIGNED, Limit.CALLBACK, Idempotency.SAFE, "WeChat's address check",
        _SIGNATURE, content_type=TEXT,
    ),
    Route(
        "POST", "/callbacks/wechat", wechat_push, SIGNED, Limit.CALLBACK, Idempotency.NATURAL, "WeChat's message push",
        _SIGNATURE, content_type=TEXT, raw_body=True,
    ),
    Route(
        "POST", "/callbacks/sms/{secret}", sms_receipts, SIGNED, Limit.CALLBACK, Idempotency.NATURAL,
        "Delivery receipts of SMS", content_type="application/json", raw_body=True,
    ),
    Route(
        "POST", "/callbacks/wechat-pay", wechat_pay, SIGNED, Limit.CALLBACK, Idempotency.NATURAL,
        "Payments and refunds", content_type=JSON, raw_body=True,
    ),
]  # fmt: skip
