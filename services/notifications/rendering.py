"""From a template and values to words: placeholders, and the checks that keep them honest.

``{name}`` is any value; a datetime is written for people in Shanghai time, 11月24日（周二）09:00, or with
``{name:day}`` and ``{name:time}`` in part. WeChat's own time and date fields get
WeChat's own form (2019年10月1日 15:01).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from gateways.wechat.fields import KINDS, check_field, fit, kind_of
from kernel.clock import SHANGHAI
from kernel.errors import InvalidInput
from services.notifications.model import SmsPart, TemplateContent, ValueKind, WechatPart

_PLACEHOLDER: Final = re.compile(r"\{([^{}:]*)(?::([^{}]*))?\}")
_NUMBERED: Final = re.compile(r"\{(\d+)\}")
_SPECS: Final = frozenset({"day", "time"})
_WEEKDAYS: Final = "一二三四五六日"
_PHRASE_LENGTH: Final = 5

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class WechatContent:
    """What the WeChat client takes: ``data`` is {"thing1": "…"}. ``shortened`` names the fields that were cut."""

    template_id: str
    data: Mapping[str, str]
    page: str
    shortened: tuple[str, ...]


class DoesNotFit(Exception):
    """A rendered field that would be refused (WeChat 47003, SMS length limit) and cannot honestly be shortened."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field, self.problem = field, problem


def render(text: str, values: Values) -> str:
    """The text with its placeholders filled. Values are those that ``check_values`` has passed."""
    return _PLACEHOLDER.sub(lambda match: _written(values[match[1]], match[2]), text)


def render_wechat(part: WechatPart, values: Values) -> WechatContent:
    """The data of a subscribe message within WeChat's limits. Raises DoesNotFit."""
    data: dict[str, str] = {}
    shortened: list[str] = []
    for key, field in part.fields.items():
        value = _wechat_value(field.kind, field.value, values)
        # Only a thing is shortened, because only there the sign of it (…) can be seen and nothing changes its meaning.
        fitted = fit(field.kind, value) if field.kind == "thing" else value
        if problem := check_field(field.kind, fitted):
            raise DoesNotFit(key, problem)
        if fitted.endswith("…") and not value.endswith("…"):
            shortened.append(key)
        data[key] = fitted
    return WechatContent(part.template_id, data, render_page(part, values), tuple(shortened))


def render_page(part: WechatPart, values: Values) -> str:
    """The page of the mini-program that the message is about."""
    return _PLACEHOLDER.sub(lambda match: quote(_written(values[match[1]], match[2]), safe=""), part.page)


def render_sms(part: SmsPart, values: Values, longest: int) -> list[str]:
    """The parameters in the order of {1}, {2} …, one line each and at most ``longest`` characters.

    A text that is too long is cut (…); anything else, a time or a number, would become wrong: raises DoesNotFit.
    """
    params = []
    for number, template in enumerate(part.params, 1):
        param = " ".join(render(template, values).split())
        if len(param) > longest:
            whole = _PLACEHOLDER.fullmatch(template)
            if whole is None or not isinstance(values[whole[1]], str):
                raise DoesNotFit(f"parameter {number}", f"longer than {longest} characters")
            param = param[: longest - 1].rstrip() + "…"
        params.append(param)
    return params


def check_values(template: TemplateContent, values: Values) -> None:
    """Exactly the template's values, each of its kind. Raises InvalidInput naming the first wrong one."""
    kinds = {value.name: value.kind for value in template.values}
    for name in values:
        if name not in kinds:
            raise InvalidInput(field=f"$.values.{name}", reason=f"template {template.code} has no such placeholder")
    for name, kind in kinds.items():
        if name not in values or values[name] is None:
            raise InvalidInput(field=f"$.values.{name}", reason=f"template {template.code} needs it")
        if problem := _wrong(kind, values[name]):
            raise InvalidInput(field=f"$.values.{name}", reason=problem)


def template_problems(template: TemplateContent) -> list[str]:
    """Everything that would make a message of this template fail later; empty when it is good."""
    kinds = {value.name: value.kind for value in template.values}
    problems = [f"values: {name} twice" for name in kinds if [v.name for v in template.values].count(name) > 1]
    texts = [("inbox.title", template.inbox.title), ("inbox.body", template.inbox.body)]
    if template.wechat:
        texts += [("wechat.page", template.wechat.page)]
        texts += [(f"wechat.fields.{key}", field.value) for key, field in template.wechat.fields.items()]
        problems += _field_problems(template.wechat)
    if template.sms:
        texts += [(f"sms.params[{number}]", param) for number, param in enumerate(template.sms.params)]
        numbers = {int(number) for number in _NUMBERED.findall(template.sms.text)}
        if numbers != set(range(1, len(template.sms.params) + 1)):
            problems.append("sms.text: its numbers and sms.params do not match")
    for place, text in texts:
        for name, spec in _PLACEHOLDER.findall(text):
            if name not in kinds:
                problems.append(f"{place}: unknown placeholder {name!r}")
            elif spec and (spec not in _SPECS or kinds[name] is not ValueKind.DATETIME):
                problems.append(f"{place}: {name!r} cannot be written as {spec!r}")
    if template.useless_at is not None and kinds.get(template.useless_at) is not ValueKind.DATETIME:
        problems.append("useless_at: not a datetime among the values")
    if template.version < 1 or not template.code or not template.reason:
        problems.append("code, reason and a version from 1 are needed")
    return problems


def _field_problems(part: WechatPart) -> list[str]:
    problems = []
    for key, field in part.fields.items():
        if field.kind not in KINDS or kind_of(key) != field.kind or key == field.kind:
            problems.append(f"wechat.fields.{key}: not a field of kind {field.kind!r}")
        elif not _PLACEHOLDER.search(field.value) and (problem := check_field(field.kind, field.value)):
            problems.append(f"wechat.fields.{key}: {problem}")
    return problems


def _wrong(kind: ValueKind, value: object) -> str | None:
    if kind is ValueKind.DATETIME:
        return None if isinstance(value, datetime) and value.tzinfo is not None else "not an instant with a time zone"
    if kind is ValueKind.NUMBER:
        return None if isinstance(value, int | float) and not isinstance(value, bool) else "not a number"
    if not isinstance(value, str) or not value.strip():
        return "not a text, or empty"
    if kind is ValueKind.PHRASE and len(value) > _PHRASE_LENGTH:
        return f"longer than {_PHRASE_LENGTH} characters"
    return None


def _written(value: object, spec: str | None) -> str:
    if not isinstance(value, datetime):
        return str(value)
    local = value.astimezone(SHANGHAI)
    day = f"{local.month}月{local.day}日（周{_WEEKDAYS[local.weekday()]}）"
    at = f"{local:%H:%M}"
    return day if spec == "day" else at if spec == "time" else day + at


def _wechat_value(kind: str, text: str, values: Values) -> str:
    whole = _PLACEHOLDER.fullmatch(text)
    value = values[whole[1]] if whole and not whole[2] else None
    if kind in ("time", "date") and isinstance(value, datetime):
        local = value.astimezone(SHANGHAI)
        day = f"{local.year}年{local.month}月{local.day}日"
        return day if kind == "date" else f"{day} {local:%H:%M}"
    return render(text, values)
