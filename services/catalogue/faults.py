"""What the types of an item cannot say: every broken rule of a record, for imports and for the editor."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from services.catalogue.model import ApprovalTask, FieldType, FormField, ItemContent, Kind, Material, When

Fault = tuple[str, str]

# Type (4 digits), department (2), main item (3), sub-item (3), as in the national basic catalogue's codes.
CODE_PATTERN = re.compile(r"\d{12}")
KIND_DIGITS = {
    Kind.LICENCE: "0001",
    Kind.GRANT: "0005",
    Kind.CONFIRMATION: "0007",
    Kind.REWARD: "0008",
    Kind.RULING: "0009",
    Kind.OTHER_POWER: "0010",
    Kind.PUBLIC_SERVICE: "0020",
}
# Names of answers and of tasks are keys of documents and parts of paths.
NAME_PATTERN = re.compile(r"[a-z][a-z0-9_]*")

# More asks for more than any office needs, and more than one telephone screen after another bears.
MAX_FIELDS = 60
MAX_TEXT = 2000
_WITH_OPTIONS = (FieldType.CHOICE, FieldType.CHOICES)
_BOUNDED = (FieldType.NUMBER, FieldType.MONEY, FieldType.DATE, FieldType.CHOICES)
YES_NO = ("yes", "no")


def faults(content: ItemContent) -> list[Fault]:
    """(field, reason) for every broken rule; empty when the record is sound."""
    found: list[Fault] = []
    if not CODE_PATTERN.fullmatch(content.code):
        found.append(("code", "要求 12 位数字"))
    elif not content.code.startswith(KIND_DIGITS[content.kind]):
        found.append(("code", f"前四位应为事项类型 {KIND_DIGITS[content.kind]}"))
    for name in ("name", "department"):
        if not getattr(content, name).strip():
            found.append((name, "不能为空"))
    for name in ("levels", "audience", "steps", "legal_basis"):
        if not getattr(content, name):
            found.append((name, "至少一项"))
    if len(content.name) > 60:
        found.append(("name", "不超过 60 字"))
    if content.promised_limit_days < 0 or content.legal_limit_days < 0:
        found.append(("legal_limit_days", "不能为负数"))
    elif content.promised_limit_days > content.legal_limit_days:
        found.append(("promised_limit_days", "承诺时限不能长于法定时限"))
    for index, fee in enumerate(content.fees):
        if fee.amount_fen <= 0:
            found.append((f"fees[{index}].amount_fen", "应为正整数（分）"))
    if sum(step.working_days for step in content.steps) > max(content.legal_limit_days, 0):
        found.append(("steps", "各步骤工作日之和超过法定时限"))
    found += _form_faults(content.form)
    found += _material_faults(content.materials, content.form)
    found += _task_faults(content.tasks, content.promised_limit_days)
    return found


def _form_faults(form: Sequence[FormField]) -> list[Fault]:
    found: list[Fault] = []
    if len(form) > MAX_FIELDS:
        found.append(("form", f"不超过 {MAX_FIELDS} 个字段"))
    for place, name in _repeated("form", (field.name for field in form)):
        found.append((f"{place}.name", f"重复：{name}"))
    for index, field in enumerate(form):
        place = f"form[{index}]"
        found += [(f"{place}.{name}", reason) for name, reason in _field_faults(field)]
        if field.when is not None:
            found += _when_faults(f"{place}.when", field.when, form[:index])
    return found


def _field_faults(field: FormField) -> list[Fault]:
    found: list[Fault] = []
    if not NAME_PATTERN.fullmatch(field.name):
        found.append(("name", "小写字母开头，只用小写字母、数字和下划线"))
    if not field.label.strip():
        found.append(("label", "不能为空"))
    if not 1 <= field.max_length <= MAX_TEXT:
        found.append(("max_length", f"要求 1 至 {MAX_TEXT}"))
    values = [option.value for option in field.options]
    if field.type in _WITH_OPTIONS and len(values) < 2:
        found.append(("options", "选择类字段至少两个选项"))
    elif field.type not in _WITH_OPTIONS and values:
        found.append(("options", "只有选择类字段有选项"))
    if len(set(values)) != len(values) or not all(option.value and option.label for option in field.options):
        found.append(("options", "选项的值不能重复，值和名称都不能为空"))
    for name in ("minimum", "maximum"):
        if getattr(field, name) is not None and field.type not in _BOUNDED:
            found.append((name, "只有数字、金额、日期和多选有上下限"))
    if field.minimum is not None and field.maximum is not None and field.minimum > field.maximum:
        found.append(("minimum", "下限大于上限"))
    return found


def _when_faults(place: str, when: When, earlier: Iterable[FormField]) -> list[Fault]:
    """A condition looks back only, at a field that has a list of answers: so that one reading of the form decides."""
    source = next((field for field in earlier if field.name == when.field), None)
    if source is None:
        return [(f"{place}.field", f"前面没有字段 {when.field}")]
    if source.type is FieldType.YES_NO:
        values: tuple[str, ...] = YES_NO
    elif source.type in _WITH_OPTIONS:
        values = tuple(option.value for option in source.options)
    else:
        return [(f"{place}.field", "只能依据选择类字段")]
    wrong = [value for value in when.is_one_of if value not in values]
    if wrong or not when.is_one_of:
        return [(f"{place}.is_one_of", f"没有这个选项：{'、'.join(wrong) or '（空）'}")]
    return []


def _material_faults(materials: Sequence[Material], form: Sequence[FormField]) -> list[Fault]:
    found = [(f"{place}.name", f"重复：{name}") for place, name in _repeated("materials", (m.name for m in materials))]
    for index, material in enumerate(materials):
        if not material.name.strip():
            found.append((f"materials[{index}].name", "不能为空"))
        if material.when is not None:
            found += _when_faults(f"materials[{index}].when", material.when, form)
    return found


def _task_faults(tasks: Sequence[ApprovalTask], promised: int) -> list[Fault]:
    """The tasks are a graph without a circle whose longest way keeps what the resident is promised.

    The promised limit is never longer than the legal one, so the law is kept too.
    """
    found = [(f"{place}.code", f"重复：{code}") for place, code in _repeated("tasks", (task.code for task in tasks))]
    known = {task.code for task in tasks}
    for index, task in enumerate(tasks):
        place = f"tasks[{index}]"
        if not NAME_PATTERN.fullmatch(task.code):
            found.append((f"{place}.code", "小写字母开头，只用小写字母、数字和下划线"))
        for name in ("name", "department"):
            if not getattr(task, name).strip():
                found.append((f"{place}.{name}", "不能为空"))
        if task.working_days < 0:
            found.append((f"{place}.working_days", "不能为负数"))
        unknown = [code for code in task.after if code not in known]
        if unknown:
            found.append((f"{place}.after", f"没有这个环节：{'、'.join(unknown)}"))
    if found:
        return found
    ends = _ends(tasks)
    if ends is None:
        return [("tasks", "各环节的先后顺序成了一个圈")]
    if ends and max(ends.values()) > promised:
        return [("tasks", f"最长一条路径 {max(ends.values())} 个工作日，超过承诺时限 {promised} 个工作日")]
    return []


def _ends(tasks: Sequence[ApprovalTask]) -> dict[str, int] | None:
    """Working days from acceptance to the end of each task; None when the tasks wait for each other in a circle."""
    ends: dict[str, int] = {}
    waiting = list(tasks)
    while waiting:
        ready = [task for task in waiting if all(code in ends for code in task.after)]
        if not ready:
            return None
        for task in ready:
            ends[task.code] = max((ends[code] for code in task.after), default=0) + task.working_days
        waiting = [task for task in waiting if task.code not in ends]
    return ends


def _repeated(list_name: str, names: Iterable[str]) -> list[Fault]:
    """(place, name) of every entry whose name stands before it already."""
    seen: Counter[str] = Counter()
    found: list[Fault] = []
    for index, name in enumerate(names):
        if seen[name]:
            found.append((f"{list_name}[{index}]", name))
        seen[name] += 1
    return found
