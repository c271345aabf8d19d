"""Amounts in Chinese capitals (中文大写金额), as receipts and cheques carry them against alteration.

Source: 支付结算办法 (银发〔1997〕393号), 附件一 正确填写票据和结算凭证的基本规定.
"""

from __future__ import annotations

from kernel.money import Fen

_DIGITS = "零壹贰叁肆伍陆柒捌玖"
_PLACES = ("", "拾", "佰", "仟")
_GROUPS = ("", "万", "亿")
# Twelve digits of yuan, as kernel.money reads them.
_MOST = 10**14


def capital_yuan(amount: Fen) -> str:
    """12000 fen -> 壹佰贰拾元整; 140950 -> 壹仟肆佰零玖元伍角整; 5 -> 伍分; 0 -> 零元整.

    整 ends what has no fen, so that nothing can be added. Raises ValueError below 0 and from a thousand billion yuan.
    """
    if not 0 <= amount < _MOST:
        raise ValueError("no amount of a receipt")
    yuan, rest = divmod(int(amount), 100)
    jiao, fen = divmod(rest, 10)
    text = f"{_whole(yuan)}元" if yuan or not rest else ""
    if jiao:
        text += f"{_DIGITS[jiao]}角"
    elif fen and yuan:
        text += "零"
    return text + (f"{_DIGITS[fen]}分" if fen else "整")


def _whole(number: int) -> str:
    """A whole number by groups of four digits; however many noughts meet, one 零 is written."""
    if number == 0:
        return "零"
    text, nought = "", False
    for group in (2, 1, 0):
        part = number // 10 ** (4 * group) % 10_000
        if part == 0:
            nought = bool(text)
            continue
        if text and (nought or part < 1000):
            text += "零"
        text += _four(part) + _GROUPS[group]
        nought = False
    return text


def _four(part: int) -> str:
    text, nought = "", False
    for place in range(3, -1, -1):
        digit = part // 10**place % 10
        if digit == 0:
            nought = bool(text)
            continue
        text += ("零" if nought else "") + _DIGITS[digit] + _PLACES[place]
        nought = False
    return text
