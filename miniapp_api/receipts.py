"""Receipts: one's own as PDF, and for anyone whether one that is shown is genuine and still true."""

from __future__ import annotations

import asyncio
import html
from datetime import datetime

from msgspec import Struct

from handlers.base import Call
from handlers.routing import ANYONE, RESIDENT, Idempotency, Limit, Raw, Route
from kernel.capitals import capital_yuan
from kernel.clock import SHANGHAI
from kernel.errors import Code, NotFound
from kernel.money import Fen, format_yuan
from miniapp_api.payments import BILL_TEXT
from services.payments.model import BillLine
from services.payments.receipt_pdf import render
from services.payments.receipts import Receipt


class CodeQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The code that is printed under the number (校验码)."""

    code: str = ""


class ReceiptView(Struct, kw_only=True):
    """What the genuine receipt says, and how its bill stands now. ``rest_fen``: paid and not refunded."""

    number: str
    state: str
    state_text: str
    title: str
    payee: str
    payer: str
    account: str | None
    lines: list[BillLine]
    paid_fen: int
    paid_capitals: str
    refunded_fen: int
    rest_fen: int
    paid_at: datetime
    transaction_id: str
    as_of: datetime


async def receipt_pdf(call: Call, bill_id: str) -> Raw:
    """The receipt of one's own paid bill, as PDF."""
    receipt = await call.city.receipts.of_bill(call.person, bill_id)
    # Tens of milliseconds of drawing, which the event loop does not have.
    pdf = await asyncio.to_thread(render, receipt)
    headers = {"Content-Disposition": f'inline; filename="{receipt.number}.pdf"'}
    return Raw(pdf, "application/pdf", headers)


async def check_receipt(call: Call, number: str, query: CodeQuery) -> ReceiptView:
    """Whether a receipt is genuine, what it says, and what has been refunded since."""
    return _view(await call.city.receipts.check(number, query.code))


async def verify_page(call: Call, number: str, query: CodeQuery) -> Raw:
    """The page that a receipt's QR code opens."""
    try:
        receipt = _view(await call.city.receipts.check(number, query.code))
    except NotFound as error:
        return _page("没有查到这张收据", [("结果", error.detail)], 404)
    facts = [
        ("收据编号", receipt.number),
        ("缴费项目", receipt.title),
        ("收款单位", receipt.payee),
        ("缴费人", receipt.payer),
        ("缴费金额", f"¥{format_yuan(Fen(receipt.paid_fen))}（{receipt.paid_capitals}）"),
        ("已退金额", f"¥{format_yuan(Fen(receipt.refunded_fen))}"),
        ("缴费时间", receipt.paid_at.strftime("%Y-%m-%d %H:%M:%S")),
        ("微信支付单号", receipt.transaction_id),
        ("当前状态", receipt.state_text),
        ("查验时间", receipt.as_of.strftime("%Y-%m-%d %H:%M:%S")),
    ]
    return _page("收据真实有效" if not receipt.refunded_fen else "收据真实，已发生退款", facts, 200)


def _view(receipt: Receipt) -> ReceiptView:
    return ReceiptView(
        number=receipt.number, state=receipt.state, state_text=BILL_TEXT[receipt.state], title=receipt.title,
        payee=receipt.payee, payer=receipt.payer, account=receipt.account, lines=receipt.lines,
        paid_fen=receipt.paid_fen, paid_capitals=capital_yuan(Fen(receipt.paid_fen)),
        refunded_fen=receipt.refunded_fen, rest_fen=receipt.paid_fen - receipt.refunded_fen,
        paid_at=receipt.paid_at.astimezone(SHANGHAI), transaction_id=receipt.transaction_id,
        as_of=receipt.as_of.astimezone(SHANGHAI),
    )  # fmt: skip


def _page(title: str, facts: list[tuple[str, str]], status: int) -> Raw:
    rows = "".join(f"<dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd>" for name, value in facts)
    headers = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"}
    body = _PAGE.format(title=html.escape(title), rows=rows)
    return Raw(body, "text/html; charset=utf-8", headers, status)


_PAGE = """<!doctype html><html lang="zh-CN"><meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>收据查验</title><style>body{{font:17px/1.6 system-ui,sans-serif;max-width:36rem;margin:1.5rem auto;
padding:0 1rem;
color:#1b1b1b}}dt{{color:#595959;margin-top:.6rem}}dd{{margin:0;overflow-wrap:anywhere}}</style>
<main><h1>{title}</h1><dl>{rows}</dl></main></html>"""

# Anyone may ask, so guessing is what the limit is for: the one of logins, counted over all processes.
_OPEN = (ANYONE, Limit.LOGIN, Idempotency.SAFE)

ROUTES = [
    Route(
        "GET", "/api/bills/{bill_id}/receipt.pdf", receipt_pdf, RESIDENT, Limit.READ, Idempotency.SAFE,
        "A receipt as PDF", (Code.BILL_NOT_FOUND, Code.BILL_NOT_PAID), content_type="application/pdf",
    ),
    Route(
        "GET", "/api/receipts/{number}", check_receipt, *_OPEN, "Check a receipt", (Code.RECEIPT_NOT_FOUND,),
    ),
    Route(
        "GET", "/verify/{number}", verify_page, *_OPEN, "The page of a receipt's QR code",
        content_type="text/html",
    ),
]  # fmt: skip
