"""A department model that a city has trained suggests; a broken one is told and the catalogue suggests."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from nlp.__main__ import main
from nlp.departments import FILE
from server.embedded import Embedded
from tests.city import running_city
from tests.nlp.test_hotline import csv_of

PRICES = "学费太贵，老师还要补课"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trained on messages that write the departments in three ways, one of which the catalogue does not know."""
    folder = tmp_path_factory.mktemp("models")
    text = csv_of().replace("市教育局", "威海市教育局").replace("市交通运输局", "公交集团客服部")
    (folder / "messages.csv").write_text(text, encoding="utf-8")
    assert main(["train", "hotline", str(folder / "messages.csv"), "--into", str(folder)]) == 0
    return folder


async def test_a_citys_own_model_suggests_departments_by_the_catalogues_names(
    database_server: Embedded, valkey_server: Embedded, models: Path
) -> None:
    ports = (database_server.port, valkey_server.port)
    async with running_city(*ports, "model_city", models_folder=str(models)) as city:
        complaints = city.api.house.city.complaints
        found = complaints.suggest(PRICES)
        assert found[0] == "市教育局"
        assert "公交集团客服部" not in found
        assert set(found) <= set(city.api.house.city.catalogue.departments())
        # Filed, it is what the desk sees.
        who = await city.resident()
        await who.ok("POST", "/api/complaints", {"kind": "complaint", "matter": PRICES})
        desk = await city.staff("agent")
        (filed,) = (await desk.ok("GET", "/staff/complaints"))["complaints"]
        assert filed["suggested"] == found


async def test_a_broken_model_is_told_and_the_catalogue_suggests(
    database_server: Embedded,
    valkey_server: Embedded,
    models: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    (tmp_path / FILE).write_bytes((models / FILE).read_bytes()[:200])
    ports = (database_server.port, valkey_server.port)
    with caplog.at_level(logging.WARNING):
        async with running_city(*ports, "broken_model_city", models_folder=str(tmp_path)) as city:
            assert city.api.house.city.complaints.suggest("身份证丢了怎么补办，派出所不给办")[0] == "市公安局"
    assert "nlp_model_unusable" in caplog.text
