"""What is handed in with an application, looked at piece by piece; every fault in one error (一次性告知)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kernel.errors import InvalidInput
from kernel.identifiers import parse_mobile, parse_resident_id
from services.cases.known import granted
from services.cases.model import Case, CaseMaterial, MaterialState, Party
from services.catalogue.model import Delivery as Way
from services.catalogue.model import FormField, ItemContent, Material, MaterialClass
from services.identity.names import parse_name

# 国办函〔2016〕108号: what an office issued (A) or has checked once (B) is not asked for again.
REUSABLE = frozenset({MaterialClass.ISSUED, MaterialClass.CHECKED_ONCE})

WAY_WORDS = {Way.WINDOW: "窗口领取", Way.POST: "邮寄", Way.ELECTRONIC: "电子送达"}

Faults = list[dict[str, str]]


def checked_party(party: Party, today: Any, path: str) -> Party:
    """Raises InvalidInput that names the field."""
    return Party(
        name=parse_name(party.name, field=f"{path}.name"),
        id_number=parse_resident_id(party.id_number, today=today, field=f"{path}.id_number").number,
        phone=parse_mobile(party.phone, field=f"{path}.phone"),
        relation=party.relation.strip(),
    )


def collect(faults: Faults, check: Any, form: list[FormField], answers: Mapping[str, Any], today: Any) -> Any:
    """The checked answers; when they are wrong, their faults join the others and the answers go on as they are."""
    try:
        return check(form, answers, today=today)
    except InvalidInput as wrong:
        faults += wrong.fields["faults"]
        return dict(answers)


def faulty(faults: Faults) -> InvalidInput:
    return InvalidInput(detail=f"有 {len(faults)} 处需要补充或修改。", field=faults[0]["field"], faults=faults)


def unknown_materials(content: ItemContent, names: Mapping[str, Any]) -> Faults:
    known_names = {material.name for material in content.materials}
    reason = "这个事项没有这份材料，请刷新页面。"
    return [{"field": f"materials.{name[:100]}", "reason": reason} for name in names if name not in known_names]


def missing_materials(needed: list[Material], have: list[CaseMaterial]) -> Faults:
    """Class D is declared by filling in the form itself."""
    states = {material.name: material.state for material in have}
    return [
        {"field": f"materials.{material.name}", "reason": f"请上传“{material.name}”。"}
        for material in needed
        if material.required
        and material.material_class is not MaterialClass.SELF_DECLARED
        and states.get(material.name, MaterialState.MISSING) == MaterialState.MISSING
    ]


def wrong_way(content: ItemContent, way: str) -> Faults:
    ways = content.delivery or [Way.WINDOW]
    shown = "、".join(WAY_WORDS[one] for one in ways)
    return [] if way in ways else [{"field": "delivery", "reason": f"请选择送达方式：{shown}。"}]


def reusable(mine: list[Case]) -> dict[str, CaseMaterial]:
    """Materials of a person's own approved cases by name, the newest, with the number of the case as their source."""
    found: dict[str, CaseMaterial] = {}
    for case in granted(mine):
        for material in case.materials:
            if material.state != MaterialState.MISSING and material.name not in found:
                source = material.source or case.number or ""
                found[material.name] = CaseMaterial(
                    name=material.name, state=MaterialState.REUSED, files=material.files, source=source
                )
    return found


def materials_with(content: ItemContent, files: Mapping[str, list[str]], mine: list[Case]) -> list[CaseMaterial]:
    """Every material of the item: as handed in, else as reused from earlier cases, else missing."""
    earlier = reusable(mine)
    found = []
    for material in content.materials:
        given = list(dict.fromkeys(files.get(material.name, [])))
        if given:
            found.append(CaseMaterial(name=material.name, state=MaterialState.PROVIDED, files=given))
        elif material.material_class in REUSABLE and material.name in earlier:
            found.append(earlier[material.name])
        else:
            found.append(CaseMaterial(name=material.name))
    return found


def with_files(materials: list[CaseMaterial], given: Mapping[str, list[str]]) -> list[CaseMaterial]:
    """The materials with what was handed in later; one that the case did not list yet joins them."""
    names = [material.name for material in materials]
    later = {
        name: CaseMaterial(name=name, state=MaterialState.PROVIDED, files=list(dict.fromkeys(files)))
        for name, files in given.items()
        if files
    }
    return [later.get(m.name, m) for m in materials] + [later[name] for name in later if name not in names]


def reused_files(fields: Mapping[str, Any]) -> set[str]:
    return {file for m in fields["materials"] if m.state == MaterialState.REUSED for file in m.files}
