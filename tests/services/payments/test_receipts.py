"""Receipts: what they say, and that neither a forged nor an outdated one passes."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfReader

from kernel.capitals import capital_yuan
from kernel.errors import BanshiError, Code, NotFound
from kernel.ids import Kind, check_character, normalise
from kernel.money import Fen
from services.payments.model import BillLine
from services.payments.receipt_pdf import FONT_FILE, MISSING, _font, render
from services.payments.receipts import Receipt
from tests.services.payments.conftest import Desk

DIGITS = {digit: value for value, digit in enumerate("零壹贰叁肆伍陆柒捌玖")}


def read_capitals(text: str) -> int:
    """The fen that an amount in capitals says: a naive reader, to hold the writer against."""
    yuan, _, rest = text.partition("元") if "元" in text else ("", "", text)
    total = 0
    for part in re.split("([亿万])", yuan):
        if part in ("亿", "万"):
            continue
        total = total * 10_000 + sum(
            DIGITS[digit] * {"仟": 1000, "佰": 100, "拾": 10, "": 1}[place]
            for digit, place in re.findall("([壹贰叁肆伍陆柒捌玖])([仟佰拾]?)", part)
        )
    if "亿" in yuan and "万" not in yuan:
        high, _, low = yuan.partition("亿")
        total = read_capitals(f"{high}元整") // 100 * 10**8 + (read_capitals(f"{low}元整") // 100 if low else 0)
    jiao, fen = re.search("(.)角", rest), re.search("(.)分", rest)
    return total * 100 + (DIGITS[jiao[1]] * 10 if jiao else 0) + (DIGITS[fen[1]] if fen else 0)


@given(st.integers(0, 10**14 - 1) | st.integers(0, 10**6))
def test_an_amount_in_capitals_says_the_amount_and_nothing_can_be_added(amount: int) -> None:
    text = capital_yuan(Fen(amount))
    assert read_capitals(text) == amount
    assert "零零" not in text
    assert "零元" not in text or amount == 0
    assert text.endswith("分" if amount % 10 else "整")


@pytest.mark.parametrize(
    ("fen", "text"),
    [
        # The examples of 支付结算办法, 附件一.
        (140_950, "壹仟肆佰零玖元伍角整"), (600_714, "陆仟零柒元壹角肆分"), (168_032, "壹仟陆佰捌拾元叁角贰分"),
        (10_700_053, "壹拾万柒仟元伍角叁分"), (1_640_902, "壹万陆仟肆佰零玖元零贰分"), (32_504, "叁佰贰拾伍元零肆分"),
        (12_000, "壹佰贰拾元整"), (5, "伍分"), (0, "零元整"),
    ],
)  # fmt: skip
def test_the_regulations_own_examples(fen: int, text: str) -> None:
    assert capital_yuan(Fen(fen)) == text


async def paid(desk: Desk, amount_fen: int = 12_000) -> Receipt:
    bill = await desk.paid(amount_fen)
    return await desk.house.city.receipts.of_bill(bill.person or "", bill.id)


def text_of(pdf: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)


async def test_a_receipt_shows_figures_capitals_number_and_transaction(desk: Desk) -> None:
    receipt = await paid(desk)
    shown = text_of(render(receipt))
    for wanted in (
        "¥120.00", "人民币壹佰贰拾元整", receipt.number, receipt.code, receipt.transaction_id, "不动产登记费",
        "市自然资源和规划局", "2090-11-21 09:00:00", "微信用户",
    ):  # fmt: skip
        assert wanted in shown, wanted
    assert "退款 ¥" not in shown
    assert normalise(receipt.number, Kind.RECEIPT) == receipt.number
    assert receipt.url == f"http://127.0.0.1:8888/verify/{receipt.number}?code={receipt.code}"


async def test_forged_receipts_are_found_out_and_all_get_one_answer(desk: Desk) -> None:
    receipt, other = await paid(desk), await paid(desk, 99)
    check = desk.house.city.receipts.check
    assert (await check(receipt.number.lower(), f" {receipt.code.lower()} ")).paid_fen == 12_000
    body = f"RC{'0' * 15}"
    wrong = [
        (receipt.number, other.code), (receipt.number, ""), (receipt.number, receipt.code[:-1]), ("RC", receipt.code),
        (body + check_character(body), receipt.code), (receipt.bill, receipt.code), ("", ""),
    ]  # fmt: skip
    for number, code in wrong:
        with pytest.raises(NotFound) as refused:
            await check(number, code)
        assert (refused.value.code, refused.value.fields) == (Code.RECEIPT_NOT_FOUND, {})


async def test_an_outdated_receipt_is_found_out_by_what_was_refunded_since(desk: Desk) -> None:
    receipt = await paid(desk)
    await desk.house.city.refunds.do_refund("ST1", receipt.bill, 1050, "多收")
    for _ in range(4):
        await desk.work()
        desk.later(minutes=2)
    now = await desk.house.city.receipts.check(receipt.number, receipt.code)
    assert (now.state, now.refunded_fen, now.code) == ("part_refunded", 1050, receipt.code)
    shown = text_of(render(now))
    assert "已部分退款 ¥10.50，实缴 ¥109.50" in shown
    assert "实缴（大写）：人民币壹佰零玖元伍角整" in shown


async def test_only_the_payer_has_the_receipt_and_only_of_what_is_paid(desk: Desk) -> None:
    receipts, person = desk.house.city.receipts, await desk.person()
    bill = await desk.bill(person)
    with pytest.raises(BanshiError) as refused:
        await receipts.of_bill(person, bill.id)
    assert refused.value.code is Code.BILL_NOT_PAID
    done = await desk.paid()
    with pytest.raises(NotFound):
        await receipts.of_bill(person, done.id)


async def test_a_long_bill_takes_several_pages_and_a_rare_character_is_marked(desk: Desk) -> None:
    lines = [BillLine(name=f"第{n}项 办理𠮷祥事务的工本费用", amount_fen=100 + n) for n in range(100)]
    receipt = replace(await paid(desk), lines=lines, title="长" * 127)
    pdf = render(receipt)
    shown = text_of(pdf)
    assert len(PdfReader(io.BytesIO(pdf)).pages) > 3
    assert "第99项" in shown
    assert f"办理{MISSING}祥" in shown
    assert "字库未收录" in shown
    assert render(receipt) == pdf


def test_the_font_is_embedded_small_and_knows_all_that_the_citys_data_uses() -> None:
    known = _font().face.charToGlyph
    root = Path(__file__).resolve().parents[3]
    used = set("".join(f.read_text(encoding="utf-8") for f in (root / "data" / "items").glob("*.jsonl")))
    assert [
        c for c in used | set("零壹贰叁肆伍陆柒捌玖拾佰仟万亿元角分整〓￥¥") if c > " " and ord(c) not in known
    ] == []
    assert FONT_FILE.stat().st_size < 2_500_000
