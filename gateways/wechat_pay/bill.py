"""WeChat Pay's daily trade bill (type ALL): from the downloaded bytes to checked rows in whole fen.

The file is a CSV of its own kind: UTF-8 with a byte order mark, a header, rows whose every value is prefixed with a
backtick (so that spreadsheets keep long numbers), a summary header and one summary row; lines end in CR LF. Values are
not quoted: a description may hold a comma, so a row is divided at comma-backtick. Amounts are yuan ("0.01", "0", fees
"0.00600"), unlike everywhere else in the API. SHA-1 is WeChat's choice; it is taken over the unpacked text.

A bill is used as a whole or not at all: whatever is wrong raises BillCorrupt. Source: 申请交易账单, 下载账单.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import TypeVar

from gateways.wechat_pay.errors import BillCorrupt
from kernel.clock import SHANGHAI
from kernel.money import Fen, parse_yuan

# What is read of the header; the file has 特约商户号, 设备号, 退款类型 and 费率备注 besides.
COLUMNS = (
    *("交易时间", "公众账号ID", "商户号", "微信订单号", "商户订单号", "用户标识", "交易类型", "交易状态", "付款银行"),
    *(
        "货币种类",
        "应结订单金额",
        "代金券金额",
        "微信退款单号",
        "商户退款单号",
        "退款金额",
        "充值券退款金额",
        "退款状态",
    ),
    *("商品名称", "商户数据包", "手续费", "费率", "订单金额", "申请退款金额"),
)
SUMMARY_COLUMNS = (
    *("总交易单数", "应结订单总金额", "退款总金额", "充值券退款总金额", "手续费总金额", "订单总金额"),
    "申请退款总金额",
)
_BOM = "\ufeff"
_GZIP_MAGIC = b"\x1f\x8b"
_T = TypeVar("_T")
_AMOUNT = re.compile(r"(-?)(0|[1-9][0-9]{0,11})(?:\.([0-9]{1,8}))?")


class BillKind(StrEnum):
    """交易状态: what one row tells of."""

    SUCCESS = "SUCCESS"
    REFUND = "REFUND"
    REVOKED = "REVOKED"


@dataclass(frozen=True, slots=True)
class BillRow:
    """One payment or one refund. On a refund's row ``settled`` and ``order_total`` are 0 and the refund's fields set.

    ``settled`` 应结订单金额, ``coupon`` 代金券金额, ``refunded`` 退款金额, ``coupon_refunded`` 充值券退款金额,
    ``fee`` 手续费 (negative where WeChat Pay gives it back), ``order_total`` 订单金额,
    ``refund_requested`` 申请退款金额.
    """

    traded_at: datetime
    appid: str
    transaction_id: str
    out_trade_no: str
    openid: str = field(repr=False)
    trade_type: str
    kind: BillKind
    bank_type: str
    settled: Fen
    coupon: Fen
    refund_id: str | None
    out_refund_no: str | None
    refunded: Fen
    coupon_refunded: Fen
    refund_state: str | None
    description: str
    attach: str
    fee: Fen
    fee_rate: str
    order_total: Fen
    refund_requested: Fen


@dataclass(frozen=True, slots=True)
class BillSummary:
    """The last row. Holds for the rows of every Bill: it was checked against them."""

    count: int
    settled: Fen
    refunded: Fen
    coupon_refunded: Fen
    fee: Fen
    order_total: Fen
    refund_requested: Fen


@dataclass(frozen=True, slots=True)
class Bill:
    """One day's bill. ``sha1`` is None when WeChat Pay says that there is none: nothing was paid or refunded."""

    day: date
    rows: tuple[BillRow, ...]
    summary: BillSummary
    sha1: str | None

    @classmethod
    def empty(cls, day: date) -> Bill:
        return cls(day, (), _sums(()), None)


def parse_bill(packed: bytes, *, day: date, sha1: str, mchid: str, max_bytes: int) -> Bill:
    """The bill in a downloaded file, gzip or plain. Raises BillCorrupt for whatever is not exactly right.

    ``sha1`` is the ``hash_value`` of the signed answer, hexadecimal; ``max_bytes`` bounds the unpacked size.
    """
    raw = _unpack(packed, max_bytes)
    found = hashlib.sha1(raw, usedforsecurity=False).hexdigest()
    if found != sha1.lower():
        raise BillCorrupt("SHA-1 differs")
    try:
        # Divided at line feeds only: str.splitlines would also divide at separators inside a description.
        lines = [line.removesuffix("\r") for line in raw.decode("utf-8").removeprefix(_BOM).split("\n")]
    except UnicodeDecodeError as error:
        raise BillCorrupt("not UTF-8") from error
    while lines and not lines[-1]:
        lines.pop()
    if len(lines) < 3:
        raise BillCorrupt("header or summary missing")
    columns = _columns(lines[0], COLUMNS, "header")
    rows = tuple(_row(_Cells(columns, line, number), mchid) for number, line in enumerate(lines[1:-2], 2))
    summary_columns = _columns(lines[-2], SUMMARY_COLUMNS, "summary header")
    summary = _summary(_Cells(summary_columns, lines[-1], len(lines)))
    if summary != _sums(rows):
        raise BillCorrupt("the summary does not agree with the rows")
    return Bill(day, rows, summary, found)


def _unpack(packed: bytes, max_bytes: int) -> bytes:
    if not packed.startswith(_GZIP_MAGIC):
        # A proxy that declares the compression as Content-Encoding has unpacked it on the way.
        if len(packed) > max_bytes:
            raise BillCorrupt("too large")
        return packed
    unpacked = bytearray()
    try:
        while packed:
            member = zlib.decompressobj(wbits=31)
            # One byte more than allowed, never all of it: a few kilobytes may unpack to gigabytes.
            unpacked += member.decompress(packed, max_bytes + 1 - len(unpacked))
            if len(unpacked) > max_bytes:
                raise BillCorrupt("too large")
            if not member.eof:
                raise BillCorrupt("gzip ends early")
            packed = member.unused_data
    except zlib.error as error:
        raise BillCorrupt("not gzip") from error
    return bytes(unpacked)


def _columns(line: str, wanted: Sequence[str], what: str) -> dict[str, int]:
    """Where each column stands. Read by name, so that a column WeChat Pay adds does no harm."""
    names = line.split(",")
    positions = {name: index for index, name in enumerate(names)}
    missing = [name for name in wanted if name not in positions]
    if missing or len(positions) != len(names):
        raise BillCorrupt(f"{what}: columns {missing or 'repeated'}")
    return positions


class _Cells:
    """One row's values by column name."""

    def __init__(self, columns: dict[str, int], line: str, number: int) -> None:
        self._columns, self._number = columns, number
        self._values = line[1:].split(",`")
        if not line.startswith("`") or len(self._values) != len(columns):
            raise BillCorrupt(f"line {number}: {len(self._values)} values for {len(columns)} columns")

    def text(self, name: str) -> str:
        return self._values[self._columns[name]]

    def number(self, name: str) -> str | None:
        """An order or refund number; rows without one hold "0" or nothing."""
        value = self.text(name)
        return None if value in ("", "0") else value

    def fen(self, name: str, *, signed: bool = False) -> Fen:
        """Yuan to fen, exactly. Fees are written with five decimals, of which the last three must be 0."""
        match = _AMOUNT.fullmatch(self.text(name))
        if match is None or (match.group(1) and not signed):
            raise self.wrong(name)
        sign, yuan, decimals = match.group(1), match.group(2), match.group(3) or ""
        if decimals[2:].strip("0"):
            raise self.wrong(name)
        amount = parse_yuan(f"{yuan}.{decimals[:2] or '0'}", field=name)
        return Fen(-amount) if sign else amount

    def read(self, name: str, convert: Callable[[str], _T]) -> _T:
        try:
            return convert(self.text(name))
        except ValueError as error:
            raise self.wrong(name) from error

    def wrong(self, name: str) -> BillCorrupt:
        return BillCorrupt(f"line {self._number}: {name}")


def _row(cells: _Cells, mchid: str) -> BillRow:
    if cells.text("商户号") != mchid:
        raise cells.wrong("商户号")
    if cells.text("货币种类") != "CNY":
        raise cells.wrong("货币种类")
    kind = cells.read("交易状态", BillKind)
    transaction_id, out_trade_no = cells.number("微信订单号"), cells.number("商户订单号")
    refund_id, out_refund_no = cells.number("微信退款单号"), cells.number("商户退款单号")
    if transaction_id is None or out_trade_no is None:
        raise cells.wrong("商户订单号")
    if kind is BillKind.REFUND and (refund_id is None or out_refund_no is None):
        raise cells.wrong("商户退款单号")
    return BillRow(
        traded_at=cells.read("交易时间", _instant),
        appid=cells.text("公众账号ID"),
        transaction_id=transaction_id,
        out_trade_no=out_trade_no,
        openid=cells.text("用户标识"),
        trade_type=cells.text("交易类型"),
        kind=kind,
        bank_type=cells.text("付款银行"),
        settled=cells.fen("应结订单金额"),
        coupon=cells.fen("代金券金额"),
        refund_id=refund_id,
        out_refund_no=out_refund_no,
        refunded=cells.fen("退款金额"),
        coupon_refunded=cells.fen("充值券退款金额"),
        refund_state=cells.text("退款状态") or None,
        description=cells.text("商品名称"),
        attach=cells.text("商户数据包"),
        fee=cells.fen("手续费", signed=True),
        fee_rate=cells.text("费率"),
        order_total=cells.fen("订单金额"),
        refund_requested=cells.fen("申请退款金额"),
    )


def _summary(cells: _Cells) -> BillSummary:
    return BillSummary(
        count=cells.read("总交易单数", _count),
        settled=cells.fen("应结订单总金额"),
        refunded=cells.fen("退款总金额"),
        coupon_refunded=cells.fen("充值券退款总金额"),
        fee=cells.fen("手续费总金额", signed=True),
        order_total=cells.fen("订单总金额"),
        refund_requested=cells.fen("申请退款总金额"),
    )


def _sums(rows: Sequence[BillRow]) -> BillSummary:
    return BillSummary(
        count=len(rows),
        settled=Fen(sum(row.settled for row in rows)),
        refunded=Fen(sum(row.refunded for row in rows)),
        coupon_refunded=Fen(sum(row.coupon_refunded for row in rows)),
        fee=Fen(sum(row.fee for row in rows)),
        order_total=Fen(sum(row.order_total for row in rows)),
        refund_requested=Fen(sum(row.refund_requested for row in rows)),
    )


def _instant(text: str) -> datetime:
    """``2026-07-01 08:03:04`` on the Shanghai clock, as UTC."""
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=SHANGHAI).astimezone(UTC)


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise ValueError("not a count")
    return int(text)
