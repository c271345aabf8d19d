"""Bad files: every rejected line is reported with its number and field, and nothing of the file is imported."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from kernel.clock import ManualClock
from kernel.errors import ActionNotAllowed, InvalidInput, NotFound
from kernel.ids import Ids
from services.catalogue.actions import CatalogueActions
from services.catalogue.queries import Catalogue, Filter
from services.catalogue.store import ItemStore, ItemVersionStore
from services.imports import MAX_LINES
from services.store import Database, RevisionStore
from tests.helpers import create_indexes

GOOD = {
    "code": "000709101000", "name": "居民身份证丢失补领", "kind": "confirmation", "field": "public_safety",
    "department": "市公安局", "levels": ["county"], "audience": ["person"],
    "legal_basis": [{"title": "居民身份证法"}], "steps": [{"name": "申请", "detail": "到窗口"}],
}  # fmt: skip


def lines(*records: object) -> bytes:
    return "\n".join(r if isinstance(r, str) else json.dumps(r, ensure_ascii=False) for r in records).encode()


@pytest.fixture
async def actions(database: Database, clock: ManualClock, ids: Ids) -> CatalogueActions:
    await create_indexes(database, ItemStore)
    versions = ItemVersionStore(database)
    return CatalogueActions(
        ItemStore(database, clock, ids), versions, RevisionStore(database), Catalogue(versions), clock
    )


@pytest.mark.parametrize(
    ("record", "field"),
    [
        ("{broken", "line"),
        ("[]", "line"),
        (GOOD | {"code": 7}, "code"),
        (GOOD | {"code": "12"}, "code"),
        (GOOD | {"code": "000109101000"}, "code"),
        (GOOD | {"kind": "magic"}, "kind"),
        (GOOD | {"colour": "red"}, "colour"),
        ({key: value for key, value in GOOD.items() if key != "department"}, "department"),
        (GOOD | {"steps": []}, "steps"),
        (GOOD | {"promised_limit_days": 5}, "promised_limit_days"),
        (GOOD | {"fees": [{"name": "工本费", "amount_fen": -1}]}, "fees[0].amount_fen"),
    ],
)
async def test_one_bad_line_is_named_and_nothing_is_imported(
    database: Database, actions: CatalogueActions, record: object, field: str
) -> None:
    parsed, published = await actions.do_import(lines(GOOD, record), by="test")
    assert published == 0
    assert (parsed.rejections[0].line, parsed.rejections[0].field) == (2, field)
    assert await database["items"].count_documents({}) == 0


async def test_a_code_that_comes_twice_names_its_first_line(actions: CatalogueActions) -> None:
    parsed, _ = await actions.do_import(lines(GOOD, "", GOOD), by="test")
    assert [str(r) for r in parsed.rejections] == ["line 3: code: 与第 1 行重复"]


@pytest.mark.parametrize("text", [b"", b"\n\n", b"\xff\xfe\x00"])
async def test_a_file_without_records_or_not_in_utf8_is_refused(actions: CatalogueActions, text: bytes) -> None:
    parsed, _ = await actions.do_import(text, by="test")
    assert not parsed.sound


async def test_a_file_that_is_too_long_is_refused_whole(actions: CatalogueActions) -> None:
    parsed, _ = await actions.do_import(lines(*["{}"] * (MAX_LINES + 2)), by="test")
    assert parsed.rejections[-1].reason == f"超过 {MAX_LINES} 行，请分成几个文件"


async def test_csv_with_lists_as_json_cells_is_read(actions: CatalogueActions) -> None:
    header = ",".join(GOOD)
    cells = [v if isinstance(v, str) else json.dumps(v, ensure_ascii=False) for v in GOOD.values()]
    row = ",".join('"' + c.replace('"', '""') + '"' for c in cells)
    parsed, published = await actions.do_import(f"{header}\n{row}\n".encode(), by="test", as_csv=True)
    assert (parsed.rejections, published) == ([], 1)


async def test_importing_the_same_file_again_publishes_nothing(actions: CatalogueActions) -> None:
    assert (await actions.do_import(lines(GOOD), by="test"))[1] == 1
    assert (await actions.do_import(lines(GOOD), by="test"))[1] == 0
    assert (await actions.do_import(lines(GOOD | {"notes": "带户口簿"}), by="test"))[1] == 1


async def test_an_item_goes_from_draft_to_published_to_withdrawn_and_keeps_its_versions(
    database: Database, actions: CatalogueActions
) -> None:
    await actions.do_import(lines(GOOD), by="test")
    catalogue = actions._catalogue
    code = str(GOOD["code"])
    changed = catalogue.get(code).content
    await actions.do_edit(msgspec.structs.replace(changed, notes="新"), "e")
    assert catalogue.get(code).content.notes == ""
    published = await actions.do_publish(code, "e")
    assert catalogue.get(code).number == 2
    assert (await catalogue.version(code, 1)).content.notes == ""
    with pytest.raises(InvalidInput, match="draft"):
        await actions.do_publish(code, "e")
    await actions.do_withdraw(code, "e", "停办")
    with pytest.raises(NotFound):
        catalogue.get(code)
    with pytest.raises(ActionNotAllowed):
        await actions.do_withdraw(code, "e", "停办")
    assert [entry.action for entry in published.history] == ["publish", "edit_published", "publish"]


async def test_the_catalogues_own_data_are_sound(actions: CatalogueActions, data_folder: Path) -> None:
    total, fields = 0, set()
    for file in sorted((data_folder / "items").glob("*.jsonl")):
        parsed, published = await actions.do_import(file.read_bytes(), by="test")
        assert parsed.rejections == [], file
        total += published
        fields |= {record.field for record in parsed.records}
    assert total >= 300
    assert len(fields) == 18
    assert len(actions._catalogue.search(Filter(words="身份证 补"))) >= 1
