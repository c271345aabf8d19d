"""The daily bill: whole and exact, or refused."""

from __future__ import annotations

import gzip
import hashlib
import random
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from gateways.wechat_pay import BillCorrupt, BillKind, BillNotReady, PayRefused, UpstreamUnavailable, parse_bill
from gateways.wechat_pay.bill import Bill
from kernel.clock import UTC
from kernel.money import Fen, format_yuan
from tests.simulators.wechat_pay.support import APPID, MCHID, OPENID, Pay

MONDAY = date(2026, 11, 23)
HEADER = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,"
    "应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,"
    "手续费,费率,订单金额,申请退款金额,费率备注"
)
SUMMARY = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"
# In the form of published samples of real bills; two payments and one refund.
ROWS = (
    f"`2026-11-23 09:00:00,`{APPID},`{MCHID},`0,`,`4200001,`WH0001,`{OPENID},`JSAPI,`SUCCESS,`OTHERS,`CNY,"
    "`0.01,`0.00,`0,`0,`0.00,`0.00,`,`,`水费, 11月,`bill-1,`0.00000,`0.60%,`0.01,`0.00,`",
    f"`2026-11-23 09:30:00,`{APPID},`{MCHID},`0,`,`4200002,`WH0002,`{OPENID},`JSAPI,`SUCCESS,`CFT,`CNY,"
    "`1234.50,`0.0,`0,`0,`0,`0,`,`,`热费,`,`7.41000,`0.60%,`1234.50,`0.00,`",
    f"`2026-11-23 10:00:00,`{APPID},`{MCHID},`0,`,`4200002,`WH0002,`{OPENID},`JSAPI,`REFUND,`CFT,`CNY,"
    "`0.00,`0.00,`5000001,`R1,`34.50,`0.00,`ORIGINAL,`SUCCESS,`热费,`,`-0.21000,`0.60%,`0.00,`34.50,`",
)
TOTALS = "`3,`1234.51,`34.50,`0.00,`7.20000,`1234.51,`34.50"


def written(rows: tuple[str, ...] = ROWS, totals: str = TOTALS, header: str = HEADER, summary: str = SUMMARY) -> bytes:
    return ("\ufeff" + "".join(f"{line}\r\n" for line in (header, *rows, summary, totals))).encode()


def parsed(text: bytes, **changes: Any) -> Bill:
    digest = hashlib.sha1(text).hexdigest()
    return parse_bill(
        **({"packed": gzip.compress(text), "day": MONDAY, "sha1": digest, "mchid": MCHID, "max_bytes": 10**6} | changes)
    )


class TestParsing:
    def test_a_bill_is_read_to_the_fen(self) -> None:
        bill = parsed(written())
        first, second, refund = bill.rows
        assert first.traded_at == datetime(2026, 11, 23, 1, tzinfo=UTC)
        assert (first.order_total, first.settled, first.fee) == (1, 1, 0)
        assert first.description == "水费, 11月"
        assert (first.out_refund_no, first.refund_state) == (None, None)
        assert (second.order_total, second.fee, second.kind) == (123450, 741, BillKind.SUCCESS)
        assert (refund.kind, refund.out_refund_no, refund.refunded) == (BillKind.REFUND, "R1", 3450)
        assert (refund.fee, refund.refund_state, refund.order_total) == (-21, "SUCCESS", 0)
        assert (bill.summary.count, bill.summary.order_total, bill.summary.fee) == (3, 123451, 720)

    def test_no_amount_is_a_float(self) -> None:
        for row in parsed(written()).rows:
            for name in ("settled", "coupon", "refunded", "coupon_refunded", "fee", "order_total", "refund_requested"):
                assert type(getattr(row, name)) is int

    def test_line_feeds_alone_no_byte_order_mark_and_no_last_line_end_are_read_too(self) -> None:
        text = written().replace(b"\r\n", b"\n").removeprefix("\ufeff".encode()).rstrip()
        assert parsed(text).rows == parsed(written()).rows

    def test_what_a_proxy_has_unpacked_is_read_too(self) -> None:
        assert len(parsed(written(), packed=written()).rows) == 3

    def test_a_gzip_file_in_several_members_is_one_file(self) -> None:
        text = written()
        assert len(parsed(text, packed=gzip.compress(text[:99]) + gzip.compress(text[99:])).rows) == 3

    def test_a_column_that_is_new_does_no_harm(self) -> None:
        text = written(tuple(f"{row},`new" for row in ROWS), header=HEADER + ",新的一列")
        assert parsed(text).rows == parsed(written()).rows

    def test_separators_inside_a_description_are_part_of_it(self) -> None:
        odd = "热费\u2028\x85\x0c与`水费"
        rows = (*ROWS[:1], ROWS[1].replace("热费", odd), ROWS[2])
        assert parsed(written(rows)).rows[1].description == odd

    def test_sums_agree_for_any_amounts(self) -> None:
        for _ in range(20):
            amounts = [Fen(random.choice([1, 99, 100, 12345, 10**9]) + random.randrange(100)) for _ in range(50)]
            rows = tuple(ROWS[1].replace("1234.50", format_yuan(amount)) for amount in amounts)
            total = format_yuan(Fen(sum(amounts)))
            fees = format_yuan(Fen(741 * 50))
            bill = parsed(written(rows, f"`50,`{total},`0.00,`0.00,`{fees}000,`{total},`0.00"))
            assert [row.order_total for row in bill.rows] == amounts


class TestCorrupt:
    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("`1234.50,`0.0,", "`1234.5,`0.001,"),
            ("`1234.50,`0.0,", "`1,234.50,`0.0,"),
            ("`1234.50,`0.0,", "`-1234.50,`0.0,"),
            ("`1234.50,`0.0,", "`1e3,`0.0,"),
            ("`1234.50,`0.0,", "`１２,`0.0,"),
            ("`1234.50,`0.0,", "`01234.50,`0.0,"),
            ("`1234.50,`0.0,", "`,`0.0,"),
            ("`7.41000", "`7.41300"),
            ("`7.41000", "`NaN"),
            ("`SUCCESS,`CFT", "`WON,`CFT"),
            ("`CNY,`1234", "`USD,`1234"),
            (f"`{MCHID},`0,`,`4200002", "`1900099999,`0,`,`4200002"),
            ("2026-11-23 09:30:00", "2026-11-23"),
            ("`WH0002", "`"),
            ("`5000001,`R1", "`0,`0"),
            ("`热费,`,", "`热费,"),
            ("`3,`1234.51", "`2,`1234.51"),
            ("`3,`1234.51", "`３,`1234.51"),
            ("`3,`1234.51", "`3,`1234.52"),
            ("`7.20000", "`7.21000"),
            ("`34.50,`0.00,`7.2", "`34.51,`0.00,`7.2"),
            ("总交易单数", "总单数"),
            ("商户订单号", "订单号"),
            ("公众账号ID,商户号", "商户号,商户号"),
        ],
    )
    def test_one_wrong_value_spoils_the_whole(self, old: str, new: str) -> None:
        text = written().decode()
        assert old in text
        with pytest.raises(BillCorrupt):
            parsed(text.replace(old, new, 1).encode())

    def test_a_missing_or_doubled_row_is_noticed(self) -> None:
        for rows in (ROWS[1:], ROWS[:-1], (*ROWS, ROWS[0]), ()):
            with pytest.raises(BillCorrupt, match="summary"):
                parsed(written(rows))

    def test_another_hash(self) -> None:
        with pytest.raises(BillCorrupt, match="SHA-1"):
            parsed(written(), sha1=hashlib.sha1(b"").hexdigest())

    def test_a_flipped_byte_never_changes_what_is_read(self) -> None:
        """A flip in the padding bits behind the compressed data changes nothing and may pass; any other is noticed."""
        packed = gzip.compress(written(), mtime=0)
        sound, passed = parsed(written(), packed=packed), 0
        for position in range(12, len(packed)):
            flipped = packed[:position] + bytes([packed[position] ^ 0x20]) + packed[position + 1 :]
            try:
                assert parsed(written(), packed=flipped) == sound
            except BillCorrupt:
                continue
            passed += 1
        assert passed <= 1

    @pytest.mark.parametrize("cut", [2, 30, -1, -9])
    def test_cut_short(self, cut: int) -> None:
        with pytest.raises(BillCorrupt):
            parsed(written(), packed=gzip.compress(written())[:cut])

    @pytest.mark.parametrize("text", [b"", b"\xff\xfe", "\ufeff\r\n".encode(), HEADER.encode(), b"<html>"])
    def test_no_bill_at_all(self, text: bytes) -> None:
        with pytest.raises(BillCorrupt):
            parsed(text)

    def test_a_bomb_is_not_unpacked(self) -> None:
        bomb = gzip.compress(bytes(50_000_000))
        for packed in (bomb, gzip.compress(bytes(900_000)) * 2, bytes(1_000_001)):
            with pytest.raises(BillCorrupt, match="too large"):
                parsed(b"", packed=packed)


async def one_day(pay: Pay) -> None:
    """Two payments and one refund on Monday; now it is Tuesday, 10:00."""
    await pay.paid("WH0001", 1)
    await pay.paid("WH0002", 123450, description="热费, `二期`")
    await pay.refund("WH0002", "R1", 3450, total=123450)
    pay.clock.set(pay.clock.now() + timedelta(hours=25))


class TestDownload:
    async def test_the_day_comes_back_as_it_was(self, pay: Pay) -> None:
        await one_day(pay)
        bill = await pay.wechat.download_bill(MONDAY)
        assert [(row.out_trade_no, row.order_total, row.refunded) for row in bill.rows] == [
            ("WH0001", 1, 0),
            ("WH0002", 123450, 0),
            ("WH0002", 0, 3450),
        ]
        assert bill.rows[1].description == "热费, `二期`"
        assert bill.rows[1].fee == 741
        assert bill.sha1
        assert bill.day == MONDAY

    async def test_before_ten_nothing_is_asked(self, pay: Pay) -> None:
        await one_day(pay)
        pay.clock.set(pay.clock.now() - timedelta(minutes=1))
        await pay.fault("/v3/bill/tradebill", "http500")
        with pytest.raises(BillNotReady) as early:
            await pay.wechat.download_bill(MONDAY)
        assert early.value.retry_after == 60
        assert await pay.look("faults")

    async def test_a_bill_that_is_late_is_asked_for_later(self, pay: Pay) -> None:
        await one_day(pay)
        await pay.control("bill", kind="late")
        with pytest.raises(BillNotReady) as late:
            await pay.wechat.download_bill(MONDAY)
        assert late.value.retry_after > 60
        await pay.control("bill")
        assert (await pay.wechat.download_bill(MONDAY)).rows

    async def test_a_day_without_trade_is_an_empty_bill(self, pay: Pay) -> None:
        await one_day(pay)
        pay.later(days=1)
        bill = await pay.wechat.download_bill(MONDAY + timedelta(days=1))
        assert (bill.rows, bill.summary.count, bill.sha1) == ((), 0, None)

    @pytest.mark.parametrize(
        "kind", ["wrong_hash", "bad_summary", "bad_amount", "lost_columns", "truncated", "not_gzip"]
    )
    async def test_planted_corruption_is_found(self, pay: Pay, kind: str) -> None:
        await one_day(pay)
        await pay.control("bill", kind=kind, day="2026-11-23")
        with pytest.raises(BillCorrupt):
            await pay.wechat.download_bill(MONDAY)
        await pay.control("bill")
        assert len((await pay.wechat.download_bill(MONDAY)).rows) == 3

    async def test_planted_differences_come_in_a_bill_that_is_right(self, pay: Pay) -> None:
        await one_day(pay)
        await pay.control("bill", kind="drop_row", number="WH0001")
        await pay.control("bill", kind="change_amount", number="R1", amount=3451)
        await pay.control("bill", kind="add_row", number="STRANGER", amount=77)
        bill = await pay.wechat.download_bill(MONDAY)
        assert [(row.out_trade_no, row.order_total, row.refunded) for row in bill.rows] == [
            ("WH0002", 123450, 0),
            ("WH0002", 0, 3451),
            ("STRANGER", 77, 0),
        ]

    async def test_a_day_that_wechat_pay_no_longer_has_is_refused(self, pay: Pay) -> None:
        with pytest.raises(PayRefused):
            await pay.wechat.download_bill(date(2026, 1, 1))

    @pytest.mark.parametrize("path", ["/v3/bill/tradebill", "/v3/billdownload/file"])
    async def test_a_lost_answer_is_only_a_lost_answer(self, pay: Pay, path: str) -> None:
        await one_day(pay)
        await pay.fault(path, "lose_answer")
        with pytest.raises(UpstreamUnavailable):
            await pay.wechat.download_bill(MONDAY)
        assert (await pay.wechat.download_bill(MONDAY)).rows

    @pytest.mark.parametrize("url", ["http://169.254.169.254/latest", "file:///etc/passwd", "/v3/certificates", ""])
    async def test_a_download_elsewhere_is_not_made(self, pay: Pay, url: str) -> None:
        with pytest.raises(BillCorrupt):
            pay.wechat._own(url)

    async def test_the_download_goes_to_our_own_base_url(self, pay: Pay) -> None:
        assert pay.wechat._own("https://elsewhere.example/v3/billdownload/file?token=a%20b").startswith(
            f"{pay.url}/v3/billdownload/file?token=a%20b"
        )
