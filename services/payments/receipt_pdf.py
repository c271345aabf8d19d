"""A receipt as PDF: A4, with its own Chinese font and a QR code that leads to its verification.

The font is a subset with every character of GB 2312 and of the city's data (fonts/README.md); what it does not have is
printed as 〓 and said so. Drawing takes some ten milliseconds of processor: call it in a thread.
"""

from __future__ import annotations

import io
import threading
from functools import cache
from pathlib import Path

import segno
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from kernel.capitals import capital_yuan
from kernel.clock import SHANGHAI
from kernel.money import Fen, format_yuan
from services.payments.receipts import Receipt

FONT = "BanshiReceipt"
FONT_FILE = Path(__file__).resolve().parent / "fonts" / "NotoSansSC-subset.ttf"
MISSING = "〓"
_MISSING_NOTE = f"“{MISSING}”处为本收据字库未收录的字，扫码查验页显示原字。"
_WIDTH, _HEIGHT = A4
_LEFT, _RIGHT = 20 * mm, _WIDTH - 20 * mm
_BOTTOM = 62 * mm
_ROW = 7.5 * mm
# The library keeps fonts in one table of the process.
_drawing = threading.Lock()


def render(receipt: Receipt) -> bytes:
    """The PDF. The same receipt at the same moment gives the same bytes."""
    with _drawing:
        return _Sheet(receipt).draw()


@cache
def _font() -> TTFont:
    font = TTFont(FONT, str(FONT_FILE))
    pdfmetrics.registerFont(font)
    return font


class _Sheet:
    def __init__(self, receipt: Receipt) -> None:
        self._receipt = receipt
        self._known = _font().face.charToGlyph
        self._out = io.BytesIO()
        self._canvas = Canvas(self._out, pagesize=A4, invariant=1)
        self._missing = False
        self._y = 0.0

    def draw(self) -> bytes:
        canvas, receipt = self._canvas, self._receipt
        canvas.setTitle(f"电子缴费收据 {receipt.number}")
        canvas.setAuthor(self._shown(receipt.payee))
        self._head()
        self._facts()
        self._table()
        self._sums()
        self._foot()
        canvas.showPage()
        canvas.save()
        return self._out.getvalue()

    def _head(self) -> None:
        self._canvas.setFont(FONT, 20)
        self._canvas.drawCentredString(_WIDTH / 2, _HEIGHT - 28 * mm, "电子缴费收据")
        self._canvas.setFont(FONT, 10)
        self._canvas.drawRightString(_RIGHT, _HEIGHT - 38 * mm, f"收据编号：{self._receipt.number}")
        self._canvas.setLineWidth(1)
        self._canvas.line(_LEFT, _HEIGHT - 41 * mm, _RIGHT, _HEIGHT - 41 * mm)
        self._y = _HEIGHT - 50 * mm

    def _facts(self) -> None:
        receipt = self._receipt
        facts = [("缴费项目", receipt.title), ("收款单位", receipt.payee), ("缴费人", receipt.payer)]
        if receipt.account:
            facts.append(("户号", receipt.account))
        facts += [
            ("缴费时间", receipt.paid_at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")),
            ("支付方式", "微信支付"),
            ("微信支付单号", receipt.transaction_id),
            ("账单编号", receipt.bill),
        ]
        for name, value in facts:
            self._text(_LEFT, name, 10)
            for line in self._wrapped(value, _RIGHT - _LEFT - 35 * mm, 11):
                self._text(_LEFT + 35 * mm, line, 11)
                self._y -= _ROW

    def _table(self) -> None:
        self._y -= 3 * mm
        self._row("项目", "单价（元）", "数量", "金额（元）")
        for line in self._receipt.lines:
            each, total = format_yuan(Fen(line.amount_fen)), format_yuan(Fen(line.amount_fen * line.quantity))
            names = self._wrapped(line.name, 85 * mm, 10)
            self._row(names[0], each, str(line.quantity), total)
            for rest in names[1:]:
                self._row(rest, "", "", "")

    def _row(self, name: str, each: str, quantity: str, total: str) -> None:
        if self._y < _BOTTOM:
            self._page()
        self._text(_LEFT + 2 * mm, name, 10)
        for right, text in ((_LEFT + 115 * mm, each), (_LEFT + 133 * mm, quantity), (_RIGHT - 2 * mm, total)):
            self._canvas.setFont(FONT, 10)
            self._canvas.drawRightString(right, self._y, text)
        self._canvas.setLineWidth(0.3)
        self._canvas.line(_LEFT, self._y - 2.4 * mm, _RIGHT, self._y - 2.4 * mm)
        self._y -= _ROW

    def _page(self) -> None:
        self._canvas.showPage()
        self._canvas.setFont(FONT, 10)
        self._canvas.drawString(_LEFT, _HEIGHT - 25 * mm, f"电子缴费收据（续）  收据编号：{self._receipt.number}")
        self._y = _HEIGHT - 36 * mm

    def _sums(self) -> None:
        receipt = self._receipt
        if self._y < _BOTTOM + 40 * mm:
            self._page()
        self._y -= 3 * mm
        paid, refunded = Fen(receipt.paid_fen), Fen(receipt.refunded_fen)
        self._text(_LEFT, f"合计（小写）：¥{format_yuan(paid)}", 12)
        self._y -= 9 * mm
        self._text(_LEFT, f"合计（大写）：人民币{capital_yuan(paid)}", 12)
        self._y -= 9 * mm
        if refunded:
            when = receipt.as_of.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")
            whole = "全额" if refunded == paid else "部分"
            back = f"截至{when}，已{whole}退款 ¥{format_yuan(refunded)}，实缴 ¥{format_yuan(Fen(paid - refunded))}"
            self._canvas.setFillColorRGB(0.7, 0, 0)
            self._text(_LEFT, back, 11)
            self._y -= 7 * mm
            self._text(_LEFT, f"实缴（大写）：人民币{capital_yuan(Fen(paid - refunded))}", 11)
            self._canvas.setFillColorRGB(0, 0, 0)

    def _foot(self) -> None:
        receipt, size, top = self._receipt, 34 * mm, 56 * mm
        self._qr(receipt.url, _LEFT, top - size, size)
        self._y = top - 4 * mm
        made = receipt.as_of.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")
        notes = [
            "扫描二维码查验真伪和退款情况，或在查验页输入：",
            f"收据编号 {receipt.number}",
            f"校验码 {receipt.code}",
            f"出具时间 {made}。本收据内容以查验结果为准。",
            "本收据证明款项已缴，不作为发票使用。",
        ]
        notes += [_MISSING_NOTE] if self._missing else []
        for note in notes:
            self._text(_LEFT + size + 6 * mm, note, 9)
            self._y -= 5.6 * mm

    def _qr(self, url: str, x: float, y: float, size: float) -> None:
        matrix = segno.make(url, error="m", micro=False).matrix
        # Four modules of quiet zone, as ISO/IEC 18004 asks.
        module = size / (len(matrix) + 8)
        for row, modules in enumerate(matrix):
            for column, dark in enumerate(modules):
                if dark:
                    # A hair larger than its place: viewers show seams between neighbours otherwise.
                    at = (x + (column + 4) * module, y + size - (row + 5) * module)
                    self._canvas.rect(*at, module * 1.02, module * 1.02, stroke=0, fill=1)

    def _text(self, x: float, text: str, size: float) -> None:
        self._canvas.setFont(FONT, size)
        self._canvas.drawString(x, self._y, self._shown(text))

    def _wrapped(self, text: str, width: float, size: float) -> list[str]:
        """Broken anywhere: Chinese has no spaces to break at."""
        lines, line = [], ""
        for character in self._shown(text):
            if line and pdfmetrics.stringWidth(line + character, FONT, size) > width:
                lines.append(line)
                line = ""
            line += character
        return [*lines, line]

    def _shown(self, text: str) -> str:
        shown = "".join(character if ord(character) in self._known else MISSING for character in text)
        self._missing = self._missing or (shown != text)
        return shown
