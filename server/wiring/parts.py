"""What every capability is built from."""

from __future__ import annotations

from dataclasses import dataclass

from redis.asyncio import Redis

from gateways.sms import TencentSms
from gateways.wechat import WeChatClient
from gateways.wechat_pay import NotificationReader, WeChatPayClient
from kernel.clock import Clock
from kernel.ids import Ids
from kernel.workdays import WorkdayTable
from server.encryption import FieldCipher
from server.settings import Settings
from services.identity.staff.passwords import Passwords
from services.store import Database


@dataclass(frozen=True)
class Parts:
    """Connections, gateways, clock, ids: opened once per process, closed by ``open_house``."""

    settings: Settings
    database: Database
    redis: Redis
    clock: Clock
    ids: Ids
    workdays: WorkdayTable
    cipher: FieldCipher
    wechat: WeChatClient
    sms: TencentSms
    passwords: Passwords
    # None where no merchant is configured: nothing can be paid online then, and everything else works.
    wechat_pay: WeChatPayClient | None = None
    pay_reader: NotificationReader | None = None
