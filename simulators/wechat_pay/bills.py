"""The daily trade bill as WeChat Pay writes it, and what can be made wrong with it.

Changes (POST /control/bill). The first three leave a file that is in itself right, for reconciliation to find:

    drop_row       the rows of order or refund ``number`` are missing
    add_row        a payment of ``amount`` fen under ``number``, which the merchant does not know
    change_amount  the row of ``number`` says ``amount`` fen

The others make a file that must be refused:

    wrong_hash     the answer's hash_value is another one
    bad_summary    one payment more in the summary than in the rows
    bad_amount     the summary's first amount has a tenth of a fen
    lost_columns   the last row lacks its last values
    truncated      the gzip file ends in the middle
    not_gzip       the file is not what it should be
    late           the bill is still being made
"""

from __future__ import annotations

import gzip
import hashlib
import secrets
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any

from kernel.clock import SHANGHAI, local_day, local_instant
from kernel.money import Fen, format_yuan
from simulators.wechat_pay.records import Refusal
from simulators.wechat_pay.world import BillChange, WeChatPayWorld

READY = time(10)
URL_LIFE = timedelta(minutes=5)
KEPT = timedelta(days=92)
CHANGES = (
    *("drop_row", "add_row", "change_amount"),
    *("wrong_hash", "bad_summary", "bad_amount", "lost_columns", "truncated", "not_gzip", "late"),
)
HEADER = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,"
    "应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,"
    "手续费,费率,订单金额,申请退款金额,费率备注"
)
SUMMARY_HEADER = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"


@dataclass(frozen=True)
class Line:
    """One row: a payment, or with ``out_refund_no`` a refund. ``amount`` is of either."""

    at: datetime
    transaction_id: str
    out_trade_no: str
    openid: str
    amount: int
    description: str
    attach: str
    refund_id: str = ""
    out_refund_no: str = ""
    refund_state: str = ""

    @property
    def number(self) -> str:
        return self.out_refund_no or self.out_trade_no


def issue(world: WeChatPayWorld, day_text: str, bill_type: str, tar_type: str, base_url: str) -> dict[str, Any]:
    """Answer the request for a bill: where it is for the next 5 minutes, and the SHA-1 of its text."""
    day = _day(day_text)
    if bill_type != "ALL" or tar_type != "GZIP":
        raise Refusal("PARAM_ERROR", "模拟器仅提供 bill_type=ALL、tar_type=GZIP", field="/bill_type")
    now = world.clock.now()
    if not local_day(now) - KEPT <= day < local_day(now):
        raise Refusal("INVALID_REQUEST", "账单日期错误", field="/bill_date")
    changes = [change for change in world.bill_changes if change.day in (None, day_text)]
    kinds = {change.kind for change in changes}
    if now < local_instant(day + timedelta(days=1), READY) or "late" in kinds:
        raise Refusal("STATEMENT_CREATING", "账单生成中")
    lines = _changed(_lines(world, day), changes, day)
    if not lines:
        raise Refusal("NO_STATEMENT_EXIST", "账单文件不存在")
    text = _text(world, lines, kinds)
    token = secrets.token_urlsafe(24)
    world.downloads[token] = (_packed(text, kinds), now + URL_LIFE)
    digest = hashlib.sha1(b"another" if "wrong_hash" in kinds else text, usedforsecurity=False).hexdigest()
    url = f"{base_url}/v3/billdownload/file?token={token}"
    return {"hash_type": "SHA1", "hash_value": digest, "download_url": url}


def download(world: WeChatPayWorld, token: str) -> bytes:
    packed, ends_at = world.downloads.get(token, (b"", world.clock.now()))
    if world.clock.now() >= ends_at:
        raise Refusal("INVALID_REQUEST", "账单地址已失效，请重新获取")
    return packed


def _lines(world: WeChatPayWorld, day: date) -> list[Line]:
    """Payments of the day, and refunds asked for on the day, in order of time."""
    lines = []
    for order in world.orders.values():
        if order.paid_at is None:
            continue
        line = Line(
            at=order.paid_at,
            transaction_id=order.transaction_id,
            out_trade_no=order.out_trade_no,
            openid=order.openid,
            amount=order.total,
            description=order.body["description"],
            attach=order.attach,
        )
        lines.append(line)
        lines += [
            replace(
                line,
                at=refund.created_at,
                amount=refund.refund,
                refund_id=refund.refund_id,
                out_refund_no=refund.out_refund_no,
                refund_state=refund.state,
            )
            for refund in order.refunds
        ]
    return sorted((line for line in lines if local_day(line.at) == day), key=lambda line: line.at)


def _changed(lines: list[Line], changes: list[BillChange], day: date) -> list[Line]:
    for change in changes:
        if change.kind == "drop_row":
            lines = [line for line in lines if line.number != change.number]
        elif change.kind == "change_amount":
            lines = [
                replace(line, amount=int(change.amount or 0)) if line.number == change.number else line
                for line in lines
            ]
        elif change.kind == "add_row":
            extra = Line(
                at=local_instant(day, time(12)),
                transaction_id="42" + f"{secrets.randbelow(10**26):026d}",
                out_trade_no=change.number or f"STRANGE{secrets.token_hex(6)}",
                openid="oStranger",
                amount=int(change.amount or 1),
                description="未知订单",
                attach="",
            )
            lines = [*lines, extra]
    return lines


def _text(world: WeChatPayWorld, lines: list[Line], kinds: set[str]) -> bytes:
    payments = sum(line.amount for line in lines if not line.out_refund_no)
    refunds = sum(line.amount for line in lines if line.out_refund_no)
    fee = sum(_fee(world, line) for line in lines)
    count = len(lines) + ("bad_summary" in kinds)
    settled = f"{_yuan(payments)}1" if "bad_amount" in kinds else _yuan(payments)
    summary = [str(count), settled, _yuan(refunds), "0.00", _fee_text(fee), _yuan(payments), _yuan(refunds)]
    rows = [_row(_values(world, line)) for line in lines]
    if "lost_columns" in kinds:
        rows[-1] = ",".join(rows[-1].split(",")[:20])
    return ("\ufeff" + "".join(f"{line}\r\n" for line in (HEADER, *rows, SUMMARY_HEADER, _row(summary)))).encode()


def _values(world: WeChatPayWorld, line: Line) -> list[str]:
    settings, refund = world.settings, bool(line.out_refund_no)
    paid, back = (0, line.amount) if refund else (line.amount, 0)
    stamp = line.at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")
    rate = f"{settings.fee_basis_points // 100}.{settings.fee_basis_points % 100:02d}%"
    return [
        *(stamp, settings.appid, settings.mchid, "0", "", line.transaction_id, line.out_trade_no, line.openid),
        *("JSAPI", "REFUND" if refund else "SUCCESS", "OTHERS", "CNY", _yuan(paid), "0.00"),
        *(line.refund_id or "0", line.out_refund_no or "0", _yuan(back), "0.00"),
        *("ORIGINAL" if refund else "", line.refund_state, _plain(line.description), _plain(line.attach)),
        *(_fee_text(_fee(world, line)), rate, _yuan(paid), _yuan(back), ""),
    ]


def _packed(text: bytes, kinds: set[str]) -> bytes:
    if "not_gzip" in kinds:
        return b"\x1f\x8b" + secrets.token_bytes(64)
    packed = gzip.compress(text)
    return packed[: len(packed) // 2] if "truncated" in kinds else packed


def _fee(world: WeChatPayWorld, line: Line) -> int:
    """Rounded to the fen, half up; given back with a refund."""
    fee = (line.amount * world.settings.fee_basis_points + 5000) // 10000
    return -fee if line.out_refund_no else fee


def _row(values: list[str]) -> str:
    return ",".join(f"`{value}" for value in values)


def _yuan(amount: int) -> str:
    return format_yuan(Fen(amount))


def _fee_text(amount: int) -> str:
    """Fees have five decimals: ``0.01000``."""
    return f"{_yuan(amount)}000"


def _plain(text: str) -> str:
    return " ".join(text.split())


def _day(text: str) -> date:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=SHANGHAI).date()
    except ValueError as error:
        raise Refusal("PARAM_ERROR", "bill_date 格式错误", field="/bill_date") from error
