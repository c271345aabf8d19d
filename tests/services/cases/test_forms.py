"""Answers to a form: what is asked, what is kept, and every fault told at once."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.errors import InvalidInput
from kernel.identifiers import credit_code_check_character, resident_id_check_character
from services.cases.forms import check_answers, check_draft, visible_fields
from services.catalogue.model import FieldType, FormField, Option, When

TODAY = date(2026, 11, 23)
ID = "37100219900307123" + resident_id_check_character("37100219900307123")
CREDIT = "91371000MA3C0KJT0" + credit_code_check_character("91371000MA3C0KJT0")


def field(name: str, type_: FieldType, **more: Any) -> FormField:
    return FormField(name=name, label=f"<{name}>", type=type_, **more)


OPTIONS = [Option(value="buy", label="买房"), Option(value="rent", label="租房"), Option(value="repay", label="还贷")]
FORM = [
    field("name", FieldType.TEXT, max_length=10),
    field("story", FieldType.LONG_TEXT, required=False),
    field("area", FieldType.NUMBER, required=False, minimum=1, maximum=1000),
    field("amount", FieldType.MONEY, required=False, minimum=100, maximum=100_000_00),
    field("born", FieldType.DATE, required=False, maximum=0),
    field("visit", FieldType.DATE, required=False, minimum=1, maximum=30),
    field("id_number", FieldType.ID_NUMBER, required=False),
    field("company", FieldType.CREDIT_CODE, required=False),
    field("phone", FieldType.PHONE, required=False),
    field("reason", FieldType.CHOICE, options=OPTIONS),
    field("rooms", FieldType.CHOICES, required=False, options=OPTIONS, minimum=2, maximum=2),
    field("married", FieldType.YES_NO),
    field("spouse", FieldType.TEXT, when=When(field="married", is_one_of=["yes"])),
    field("loan", FieldType.YES_NO, when=When(field="reason", is_one_of=["buy", "repay"])),
    field("bank", FieldType.TEXT, when=When(field="loan", is_one_of=["yes"])),
]
GOOD: dict[str, Any] = {"name": "王小明", "reason": "rent", "married": False}


def faults_of(answers: dict[str, Any], form: list[FormField] = FORM) -> dict[str, str]:
    with pytest.raises(InvalidInput) as refused:
        check_answers(form, answers, today=TODAY)
    faults = refused.value.fields["faults"]
    assert refused.value.fields["field"] == faults[0]["field"]
    return {fault["field"]: fault["reason"] for fault in faults}


def kept(**answers: Any) -> dict[str, Any]:
    return check_answers(FORM, GOOD | answers, today=TODAY)


@pytest.mark.parametrize(
    ("name", "given_", "expected"),
    [
        ("name", "  王 小明\u200b\x00 ", "王 小明"),
        ("name", "一\n二", "一 二"),
        ("name", "𠮷\ue000", "𠮷\ue000"),
        ("story", "一\r\n二\r三\t四", "一\n二\n三 四"),
        ("area", "89.50", 89.5),
        ("area", 90, 90),
        ("area", "１２０", 120),
        ("area", 3.0, 3),
        ("amount", "128.5", 12850),
        ("amount", 12850, 12850),
        ("born", "1990-03-07", "1990-03-07"),
        ("born", "2026-11-23", "2026-11-23"),
        ("visit", "2026-11-24", "2026-11-24"),
        ("visit", "2026-12-23", "2026-12-23"),
        ("id_number", f" {ID.lower()[:6]} {ID[6:].lower()}", ID),
        ("company", CREDIT.lower(), CREDIT),
        ("phone", "+86 138-0000-1234", "13800001234"),
        ("reason", "buy", "buy"),
        ("rooms", ["repay", "buy", "buy"], ["buy", "repay"]),
        ("married", True, True),
    ],
)
def test_a_good_answer_is_kept_in_one_form(name: str, given_: Any, expected: Any) -> None:
    answers = GOOD | {name: given_, "spouse": "李红", "loan": False}
    found = check_answers(FORM, answers, today=TODAY)[name]
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("name", "given_", "says"),
    [
        ("name", "长" * 11, "不超过 10 字，现有 11 字"),
        ("name", 7, "应为文字"),
        ("name", ["王"], "应为文字"),
        ("name", "\u200b ", "请填写"),
        ("area", "九十", "应为数字"),
        ("area", "1e3", "应为数字"),
        ("area", float("inf"), "应为数字"),
        ("area", 1.234, "最多两位小数"),
        ("area", True, "应为数字"),
        ("area", 0, "不能小于 1"),
        ("area", "1000.01", "不能大于 1000"),
        ("area", "9" * 5000, "应为数字"),
        ("amount", 12.3, "应以元填写"),
        ("amount", "12.345", "最多两位小数"),
        ("amount", "-1", "应以元填写"),
        ("amount", -100, "应以元填写"),
        ("amount", 10**20, "应以元填写"),
        ("amount", True, "应以元填写"),
        ("amount", 99, "不能小于 1.00 元"),
        ("amount", "0.99", "不能小于 1.00 元"),
        ("amount", "100000.01", "不能大于 100000.00 元"),
        ("born", "2026-11-24", "不能晚于 2026-11-23"),
        ("born", "1899-12-31", "不能早于 1900-01-01"),
        ("born", "2026-02-30", "不是有效的日期"),
        ("born", "20260201", "不是有效的日期"),
        ("born", "2026-W01-1", "不是有效的日期"),
        ("born", 20260201, "不是有效的日期"),
        ("visit", "2026-11-23", "不能早于 2026-11-24"),
        ("visit", "2026-12-24", "不能晚于 2026-12-23"),
        ("id_number", ID[:-1] + ("0" if ID[-1] != "0" else "1"), "18 位身份证号码"),
        ("id_number", 371002199003071233, "请核对"),
        ("company", "9137", "请核对"),
        ("phone", "12345", "11 位手机号码"),
        ("reason", "steal", "请选择其中一项：买房、租房、还贷"),
        ("reason", ["buy"], "请选择其中一项"),
        ("reason", "", "请选择"),
        ("rooms", ["buy"], "至少选择 2 项"),
        ("rooms", ["buy", "rent", "repay"], "最多选择 2 项"),
        ("rooms", ["buy", "steal"], "请从这些选项中选择"),
        ("rooms", "buy", "请从这些选项中选择"),
        ("rooms", [{}], "请从这些选项中选择"),
        ("married", "yes", "“是”或“否”"),
        ("married", 1, "“是”或“否”"),
        ("married", None, "请选择"),
    ],
)
def test_a_bad_answer_is_named_with_what_to_do(name: str, given_: Any, says: str) -> None:
    found = faults_of(GOOD | {name: given_})
    assert list(found) == [name]
    assert says in found[name]
    assert f"<{name}>" in found[name]


def test_all_faults_are_told_at_once_and_no_answer_is_repeated() -> None:
    secret = "1380000123"
    found = faults_of({"phone": secret, "nickname": "x", "area": "many", "loan": "no"})
    assert list(found) == ["nickname", "name", "area", "phone", "reason", "married"]
    assert secret not in str(found)
    assert "没有这一项" in found["nickname"]


def test_a_hundred_unknown_names_are_told_shortly() -> None:
    found = faults_of(GOOD | {"x" * 500 + str(number): 1 for number in range(100)})
    assert len(found) <= 20
    assert all(len(name) <= 100 for name in found)


def test_a_question_whose_condition_does_not_hold_is_not_asked_and_its_answer_not_kept() -> None:
    assert kept(spouse="李红", loan=True, bank="银行") == GOOD
    assert kept(spouse="李" * 99) == GOOD
    assert faults_of(GOOD | {"married": True, "reason": "buy"}).keys() == {"spouse", "loan"}
    asked = [field.name for field in visible_fields(FORM, {"married": True, "reason": "buy", "loan": False})]
    assert asked[-2:] == ["spouse", "loan"]
    # A chain: the loan is not asked, so what was answered to it decides nothing.
    assert kept(loan=True, bank="银行") == GOOD
    assert "bank" not in [field.name for field in visible_fields(FORM, {"reason": "rent", "loan": True})]


def test_a_draft_may_be_unfinished_but_not_wrong() -> None:
    assert check_draft(FORM, {}, today=TODAY) == {}
    assert check_draft(FORM, {"married": True, "name": ""}, today=TODAY) == {"married": True}
    with pytest.raises(InvalidInput) as refused:
        check_draft(FORM, {"area": "many"}, today=TODAY)
    assert [fault["field"] for fault in refused.value.fields["faults"]] == ["area"]


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["buy", "2026-11-24", ID]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from([f.name for f in FORM]) | st.text(max_size=5), ANY))
def test_whatever_is_answered_is_kept_or_refused_and_what_is_kept_stays_as_it_is(answers: dict[str, Any]) -> None:
    try:
        once = check_draft(FORM, answers, today=TODAY)
    except InvalidInput:
        return
    assert check_draft(FORM, once, today=TODAY) == once
    assert set(once) <= {f.name for f in visible_fields(FORM, once)}
