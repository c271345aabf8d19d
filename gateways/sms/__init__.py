"""Short messages: one protocol, two operators, and their delivery receipts."""

from gateways.outcomes import Delivery
from gateways.sms.aliyun import AliyunSms, AliyunSmsSettings
from gateways.sms.protocol import PhoneFormatError, SmsGateway, SmsOutcome, e164
from gateways.sms.receipts import SmsReceipt, aliyun_answer, parse_aliyun, parse_tencent, tencent_answer
from gateways.sms.tencent import TencentSms, TencentSmsSettings

__all__ = [
    "AliyunSms",
    "AliyunSmsSettings",
    "Delivery",
    "PhoneFormatError",
    "SmsGateway",
    "SmsOutcome",
    "SmsReceipt",
    "TencentSms",
    "TencentSmsSettings",
    "aliyun_answer",
    "e164",
    "parse_aliyun",
    "parse_tencent",
    "tencent_answer",
]
