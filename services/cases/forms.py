"""Answers to an application form: what is asked, and whether what came back is good; every fault told at once.

What is decided here, for every caller:

- All faults are told in one error (一次性告知, 行政许可法 art. 32), each with its field and what to do about it.
- An answer to a question that is not asked, because its condition does not hold, is dropped silently: a phone keeps
  what was typed before the condition changed, and that is no fault of the applicant. Only what was asked is kept.
- An answer to a question that the form does not have is refused by its name: it is a mistake of a program.
- An empty answer (null, blank text, no choice) counts as not given, and is not kept.
- Answers as they are kept are good answers: a draft is read again when it goes on and when it is handed in. So money is
  yuan as text ("128.50", typed) or fen as a whole number (12850, kept), told apart by their type; never a fraction.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from kernel.errors import InvalidInput
from kernel.identifiers import parse_credit_code, parse_mobile, parse_resident_id
from kernel.money import Fen, format_yuan, parse_yuan
from services.catalogue.application import holds
from services.catalogue.model import FieldType, FormField

Answers = Mapping[str, Any]

# Nobody alive was born before, and no deed that an office still needs is older.
EARLIEST = date(1900, 1, 1)
LATEST = date(2200, 1, 1)
# A number typed into a form is a count, an area, an amount of something: ten digits are plenty.
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,9})(\.[0-9]{1,2})?")
# As many digits as parse_yuan reads.
_MOST_FEN = 10**14
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# So many unknown names are told; a program that sends more has the same mistake.
_UNKNOWN_NAMES = 20


class _Wrong(Exception):
    """One answer is not good; the text says what to do."""


def visible_fields(form: Sequence[FormField], answers: Answers) -> list[FormField]:
    """The fields asked of somebody who has given these answers, raw or kept: those whose condition holds.

    A condition on a field that is not asked itself does not hold, whatever was answered to it.
    """
    asked: list[FormField] = []
    given: dict[str, Any] = {}
    for field in form:
        if field.when is not None and not holds(field.when, given):
            continue
        asked.append(field)
        given[field.name] = answers.get(field.name)
    return asked


def check_answers(form: Sequence[FormField], answers: Answers, *, today: date) -> dict[str, Any]:
    """The answers as they are kept (see FieldType), in the form's order; only of fields that are asked.

    ``today``: the day in Weihai, which bounds dates and births. Raises one InvalidInput whose ``faults`` lists every
    fault as {"field", "reason"}; the reasons never repeat an answer.
    """
    return _check(form, answers, today, complete=True)


def check_draft(form: Sequence[FormField], answers: Answers, *, today: date) -> dict[str, Any]:
    """The same for a draft: what is given must be good, but nothing has to be given yet."""
    return _check(form, answers, today, complete=False)


def _check(form: Sequence[FormField], answers: Answers, today: date, *, complete: bool) -> dict[str, Any]:
    known = {field.name for field in form}
    unknown = [name[:100] for name in answers if name not in known]
    faults = [
        {"field": name, "reason": "表单中没有这一项，请刷新页面后重新填写。"} for name in unknown[:_UNKNOWN_NAMES]
    ]
    kept: dict[str, Any] = {}
    for field in form:
        if field.when is not None and not holds(field.when, kept):
            continue
        try:
            answer = _READ[field.type](field, answers.get(field.name), today)
            if answer is not None:
                kept[field.name] = answer
            elif field.required and complete:
                raise _Wrong(f"请{_VERB.get(field.type, '填写')}“{field.label}”。")
        except _Wrong as wrong:
            faults.append({"field": field.name, "reason": str(wrong)})
    if faults:
        raise InvalidInput(detail=_sentence(form, faults), field=faults[0]["field"], faults=faults)
    return kept


def _sentence(form: Sequence[FormField], faults: list[dict[str, str]]) -> str:
    labels = {field.name: field.label for field in form}
    names = "、".join(dict.fromkeys(labels.get(fault["field"], "未知的项目") for fault in faults[:5]))
    return f"有 {len(faults)} 处需要修改：{names}{'等' if len(faults) > 5 else ''}。"


_VERB = dict.fromkeys((FieldType.CHOICE, FieldType.CHOICES, FieldType.YES_NO, FieldType.DATE), "选择")


def _text(field: FormField, answer: Any, _: date) -> str | None:
    return _cleaned(field, answer, keep="")


def _long_text(field: FormField, answer: Any, _: date) -> str | None:
    return _cleaned(field, answer, keep="\n")


def _cleaned(field: FormField, answer: Any, keep: str) -> str | None:
    """Text without control and invisible characters: they hide what an officer reads, and break what is printed.

    Private-use and unassigned characters stay: rare characters of names live there.
    """
    if answer is None:
        return None
    if not isinstance(answer, str):
        raise _Wrong(f"“{field.label}”应为文字。")
    lines = answer.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
    lines = lines if keep else lines.replace("\n", " ")
    shown = "".join(c for c in lines if c in keep or unicodedata.category(c) not in ("Cc", "Cf", "Cs")).strip()
    if len(shown) > field.max_length:
        raise _Wrong(f"“{field.label}”不超过 {field.max_length} 字，现有 {len(shown)} 字，请缩短。")
    return shown or None


def _number(field: FormField, answer: Any, _: date) -> int | float | None:
    if answer is None or answer == "":
        return None
    typed = str(answer) if isinstance(answer, int | float) and not isinstance(answer, bool) else answer
    match = _NUMBER.fullmatch(unicodedata.normalize("NFKC", typed).strip()) if isinstance(typed, str) else None
    if match is None:
        raise _Wrong(f"“{field.label}”应为数字，最多两位小数。")
    number = float(match.group())
    return _bounded(field, int(number) if number.is_integer() else number, str)


def _money(field: FormField, answer: Any, _: date) -> Fen | None:
    if answer is None or answer == "":
        return None
    try:
        if isinstance(answer, int) and not isinstance(answer, bool) and 0 <= answer < _MOST_FEN:
            return Fen(int(_bounded(field, answer, _in_yuan)))
        if not isinstance(answer, str):
            raise InvalidInput
        fen = parse_yuan(unicodedata.normalize("NFKC", answer).strip(), field=field.name)
    except InvalidInput:
        raise _Wrong(f"“{field.label}”应以元填写，最多两位小数，例如 12.30。") from None
    _bounded(field, fen, _in_yuan)
    return fen


def _in_yuan(fen: int) -> str:
    return f"{format_yuan(Fen(fen))} 元"


def _bounded(field: FormField, number: int | float, shown: Callable[[int], str]) -> int | float:
    if field.minimum is not None and number < field.minimum:
        raise _Wrong(f"“{field.label}”不能小于 {shown(field.minimum)}。")
    if field.maximum is not None and number > field.maximum:
        raise _Wrong(f"“{field.label}”不能大于 {shown(field.maximum)}。")
    return number


def _date(field: FormField, answer: Any, today: date) -> str | None:
    if answer is None or answer == "":
        return None
    try:
        if not isinstance(answer, str) or not _DATE.fullmatch(answer.strip()):
            raise ValueError
        day = date.fromisoformat(answer.strip())
    except ValueError:
        raise _Wrong(f"“{field.label}”不是有效的日期，请按“2026-01-31”的样式选择。") from None
    first = EARLIEST if field.minimum is None else max(EARLIEST, today + timedelta(days=field.minimum))
    last = LATEST if field.maximum is None else min(LATEST, today + timedelta(days=field.maximum))
    if day < first:
        raise _Wrong(f"“{field.label}”不能早于 {first.isoformat()}。")
    if day > last:
        raise _Wrong(f"“{field.label}”不能晚于 {last.isoformat()}。")
    return day.isoformat()


def _id_number(field: FormField, answer: Any, today: date) -> str | None:
    def read(text: str) -> str:
        return parse_resident_id(text, today=today, field=field.name).number

    return _identifier(field, answer, read, "18 位身份证号码")


def _credit_code(field: FormField, answer: Any, _: date) -> str | None:
    return _identifier(field, answer, lambda text: parse_credit_code(text, field=field.name), "18 位")


def _phone(field: FormField, answer: Any, _: date) -> str | None:
    return _identifier(field, answer, lambda text: parse_mobile(text, field=field.name), "11 位手机号码")


def _identifier(field: FormField, answer: Any, read: Callable[[str], str], shape: str) -> str | None:
    if answer is None or (isinstance(answer, str) and not answer.strip()):
        return None
    try:
        if not isinstance(answer, str):
            raise InvalidInput
        return read(answer)
    except InvalidInput:
        raise _Wrong(f"“{field.label}”不正确，请核对后重新填写（{shape}）。") from None


def _choice(field: FormField, answer: Any, _: date) -> str | None:
    if answer is None or answer == "":
        return None
    if not isinstance(answer, str) or all(option.value != answer for option in field.options):
        raise _Wrong(f"“{field.label}”请选择其中一项：{_labels(field)}。")
    return answer


def _choices(field: FormField, answer: Any, _: date) -> list[str] | None:
    if answer is None or answer == []:
        return None
    values = [option.value for option in field.options]
    if not isinstance(answer, list) or any(chosen not in values for chosen in answer):
        raise _Wrong(f"“{field.label}”请从这些选项中选择：{_labels(field)}。")
    chosen = [value for value in values if value in answer]
    if field.minimum is not None and len(chosen) < field.minimum:
        raise _Wrong(f"“{field.label}”至少选择 {field.minimum} 项。")
    if field.maximum is not None and len(chosen) > field.maximum:
        raise _Wrong(f"“{field.label}”最多选择 {field.maximum} 项。")
    return chosen


def _labels(field: FormField) -> str:
    return "、".join(option.label for option in field.options[:8]) + ("等" if len(field.options) > 8 else "")


def _yes_no(field: FormField, answer: Any, _: date) -> bool | None:
    if answer is None or isinstance(answer, bool):
        return answer
    raise _Wrong(f"“{field.label}”请选择“是”或“否”。")


_READ: Mapping[FieldType, Callable[[FormField, Any, date], Any]] = {
    FieldType.TEXT: _text,
    FieldType.LONG_TEXT: _long_text,
    FieldType.NUMBER: _number,
    FieldType.MONEY: _money,
    FieldType.DATE: _date,
    FieldType.ID_NUMBER: _id_number,
    FieldType.CREDIT_CODE: _credit_code,
    FieldType.PHONE: _phone,
    FieldType.CHOICE: _choice,
    FieldType.CHOICES: _choices,
    FieldType.YES_NO: _yes_no,
}
