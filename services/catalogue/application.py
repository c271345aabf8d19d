"""What applying for an item asks and who approves it: what its version declares, or else what is usual."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.catalogue.model import ApprovalTask, Audience, FieldType, FormField, ItemContent, Known, Material, When

# The code of the only task of an item that declares none.
REVIEW = "review"

_CONTACT = FormField(name="contact_phone", label="联系电话", type=FieldType.PHONE, known=Known.PHONE)
_ADDRESS = FormField(
    name="contact_address", label="联系地址", type=FieldType.TEXT, max_length=100, hint="省、市、区、街道和门牌号"
)
_REMARKS = FormField(
    name="remarks", label="补充说明", type=FieldType.LONG_TEXT, required=False, max_length=500,
    hint="有需要说明的情况可以写在这里",
)  # fmt: skip

APPLICANT = (
    FormField(name="applicant_name", label="申请人姓名", type=FieldType.TEXT, max_length=50, known=Known.NAME),
    FormField(
        name="applicant_id_number", label="申请人身份证号码", type=FieldType.ID_NUMBER, known=Known.ID_NUMBER
    ),
    _CONTACT,
)  # fmt: skip
ORGANISATION = (
    FormField(name="organisation_name", label="单位名称", type=FieldType.TEXT, max_length=100),
    FormField(name="credit_code", label="统一社会信用代码", type=FieldType.CREDIT_CODE),
    FormField(name="contact_name", label="经办人姓名", type=FieldType.TEXT, max_length=50, known=Known.NAME),
    _CONTACT,
)


def form_of(content: ItemContent) -> list[FormField]:
    """The form of an item. One that declares none asks who applies and where they are reached.

    An item for organisations only asks for the organisation; one that both may apply for, the person who does.
    """
    if content.form:
        return content.form
    who = APPLICANT if Audience.PERSON in content.audience else ORGANISATION
    return [*who, _ADDRESS, _REMARKS]


def tasks_of(content: ItemContent) -> list[ApprovalTask]:
    """The approval tasks of an item. One that declares none is approved by its department within the promised limit."""
    if content.tasks:
        return content.tasks
    days = content.promised_limit_days
    return [ApprovalTask(code=REVIEW, name="审查", department=content.department, working_days=days)]


def materials_of(content: ItemContent, answers: Mapping[str, Any]) -> list[Material]:
    """The materials that this application needs, by its answers (as ``check_answers`` gives them)."""
    return [material for material in content.materials if material.when is None or holds(material.when, answers)]


def holds(when: When, answers: Mapping[str, Any]) -> bool:
    """Whether a condition holds for answers as they are kept. A field not answered (or not asked) fulfils none."""
    answer = answers.get(when.field)
    if isinstance(answer, bool):
        answer = "yes" if answer else "no"
    given = answer if isinstance(answer, list) else [answer]
    return any(value in when.is_one_of for value in given)
