"""Forms, tasks and materials of items: what is declared is sound, and what is not declared is the usual."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.catalogue.application import REVIEW, form_of, holds, materials_of, tasks_of
from services.catalogue.faults import faults
from services.catalogue.model import FieldType, ItemContent, Known, When
from tests.services.catalogue.test_import import GOOD

TEXT = {"name": "why", "label": "原因", "type": "text"}
CHOICE = {
    "name": "way", "label": "方式", "type": "choice",
    "options": [{"value": "new", "label": "新办"}, {"value": "lost", "label": "补办"}],
}  # fmt: skip
ASKED = {"name": "married", "label": "已婚", "type": "yes_no"}
TASK = {"code": "review", "name": "审查", "department": "市公安局", "working_days": 3}
MATERIAL = {"name": "身份证", "material_class": "A"}


def item(**changes: Any) -> ItemContent:
    record = GOOD | {"legal_limit_days": 20, "promised_limit_days": 10} | changes
    return msgspec.json.decode(json.dumps(record), type=ItemContent)


def when(field: str, *values: str) -> dict[str, Any]:
    return {"when": {"field": field, "is_one_of": list(values)}}


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"form": [TEXT, TEXT]}, "form[1].name"),
        ({"form": [TEXT | {"name": "Why"}]}, "form[0].name"),
        ({"form": [TEXT | {"name": "why\n"}]}, "form[0].name"),
        ({"form": [TEXT | {"name": "a.b"}]}, "form[0].name"),
        ({"form": [TEXT | {"label": " "}]}, "form[0].label"),
        ({"form": [TEXT | {"max_length": 0}]}, "form[0].max_length"),
        ({"form": [TEXT | {"options": CHOICE["options"]}]}, "form[0].options"),
        ({"form": [TEXT | {"maximum": 3}]}, "form[0].maximum"),
        ({"form": [CHOICE | {"options": []}]}, "form[0].options"),
        ({"form": [CHOICE | {"options": [{"value": "a", "label": "一"}] * 2}]}, "form[0].options"),
        ({"form": [TEXT | {"type": "number", "minimum": 5, "maximum": 4}]}, "form[0].minimum"),
        ({"form": [TEXT | when("married", "yes"), ASKED]}, "form[0].when.field"),
        ({"form": [TEXT, CHOICE | when("why", "x")]}, "form[1].when.field"),
        ({"form": [CHOICE, TEXT | when("way", "stolen")]}, "form[1].when.is_one_of"),
        ({"form": [ASKED, TEXT | when("married", "true")]}, "form[1].when.is_one_of"),
        ({"form": [ASKED, TEXT | when("married")]}, "form[1].when.is_one_of"),
        ({"form": [TEXT | {"name": f"f{number}"} for number in range(61)]}, "form"),
        ({"materials": [MATERIAL, MATERIAL]}, "materials[1].name"),
        ({"materials": [MATERIAL | {"name": ""}]}, "materials[0].name"),
        ({"materials": [MATERIAL | when("way", "new")]}, "materials[0].when.field"),
        ({"tasks": [TASK, TASK]}, "tasks[1].code"),
        ({"tasks": [TASK | {"code": "1"}]}, "tasks[0].code"),
        ({"tasks": [TASK | {"department": ""}]}, "tasks[0].department"),
        ({"tasks": [TASK | {"working_days": -1}]}, "tasks[0].working_days"),
        ({"tasks": [TASK | {"after": ["other"]}]}, "tasks[0].after"),
        ({"tasks": [TASK | {"after": ["review"]}]}, "tasks"),
        ({"tasks": [TASK | {"after": ["b"]}, TASK | {"code": "b", "after": ["review"]}]}, "tasks"),
        ({"tasks": [TASK | {"working_days": 11}]}, "tasks"),
        (
            {"tasks": [TASK | {"working_days": 6}, TASK | {"code": "b", "working_days": 5, "after": ["review"]}]},
            "tasks",
        ),
    ],
)
def test_a_form_or_workflow_that_contradicts_itself_is_named(changes: dict[str, Any], place: str) -> None:
    assert [found for found, _ in faults(item(**changes))] == [place]


def test_tasks_side_by_side_each_have_the_whole_limit() -> None:
    side_by_side = [TASK | {"code": code, "working_days": 9} for code in ("a", "b", "c")]
    last = TASK | {"after": ["a", "b", "c"], "working_days": 1}
    assert faults(item(tasks=[*side_by_side, last])) == []


def test_an_unknown_field_or_type_cannot_be_read() -> None:
    for changes in (
        {"form": [TEXT | {"type": "magic"}]},
        {"form": [TEXT | {"colour": 1}]},
        {"tasks": [TASK | {"x": 1}]},
    ):
        with pytest.raises(msgspec.ValidationError):
            item(**changes)


def test_an_item_that_declares_nothing_asks_who_applies_and_is_approved_by_its_department() -> None:
    plain = item()
    asked = {field.name: field for field in form_of(plain)}
    assert asked["applicant_name"].known is Known.NAME
    assert asked["applicant_id_number"].known is Known.ID_NUMBER
    assert asked["contact_phone"].known is Known.PHONE
    assert not asked["remarks"].required
    assert [(t.code, t.department, t.working_days, t.after) for t in tasks_of(plain)] == [(REVIEW, "市公安局", 10, [])]
    company = {field.name: field.type for field in form_of(item(audience=["organisation"]))}
    assert company["credit_code"] is FieldType.CREDIT_CODE
    for content in (plain, item(audience=["organisation"]), item(promised_limit_days=0)):
        declared = msgspec.structs.replace(content, form=form_of(content), tasks=tasks_of(content))
        assert faults(declared) == []
        assert (form_of(declared), tasks_of(declared)) == (declared.form, declared.tasks)


def test_a_condition_holds_for_one_of_several_answers_and_for_none_not_given() -> None:
    way = When(field="way", is_one_of=["new", "yes"])
    assert holds(way, {"way": "new"})
    assert holds(way, {"way": ["old", "new"]})
    assert holds(way, {"way": True})
    assert not holds(way, {"way": False})
    assert not holds(way, {"way": "old"})
    assert not holds(way, {"way": []})
    assert not holds(way, {})


def test_materials_are_asked_for_by_the_answers() -> None:
    needed = {"name": "结婚证", "material_class": "A"} | when("married", "yes")
    content = item(form=[ASKED], materials=[MATERIAL, needed])
    assert faults(content) == []
    assert [m.name for m in materials_of(content, {"married": True})] == ["身份证", "结婚证"]
    assert [m.name for m in materials_of(content, {"married": False})] == ["身份证"]
    assert [m.name for m in materials_of(content, {})] == ["身份证"]


@pytest.fixture(scope="module")
def items() -> list[ItemContent]:
    folder = Path(__file__).resolve().parents[3] / "data" / "items"
    lines = [line for file in sorted(folder.glob("*.jsonl")) for line in file.read_bytes().splitlines()]
    return [msgspec.json.decode(line, type=ItemContent) for line in lines]


def test_every_item_of_the_city_can_be_applied_for(items: list[ItemContent]) -> None:
    folder = Path(__file__).resolve().parents[3] / "data"
    departments = {one["name"] for one in json.loads((folder / "departments.json").read_text(encoding="utf-8"))}
    for content in items:
        assert faults(content) == [], content.name
        assert {task.department for task in tasks_of(content)} <= departments, content.name
        assert form_of(content), content.name


def test_the_items_asked_for_most_have_forms_of_their_own_in_every_field(items: list[ItemContent]) -> None:
    with_form = [content for content in items if content.form]
    assert len(with_form) >= 40
    assert len({content.field for content in with_form}) == 18
    assert len([c for c in items if _in_parallel(c)]) >= 8
    assert len([c for c in items if any(task.after for task in c.tasks)]) >= 8
    assert len([c for c in items if any(field.when for field in c.form)]) >= 30
    assert len([c for c in items if any(material.when for material in c.materials)]) >= 20


def _in_parallel(content: ItemContent) -> bool:
    """Whether two departments work at the same time: on tasks that wait for the same."""
    departments: dict[tuple[str, ...], set[str]] = {}
    for task in content.tasks:
        departments.setdefault(tuple(sorted(task.after)), set()).add(task.department)
    return any(len(together) > 1 for together in departments.values())
