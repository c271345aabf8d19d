"""How the API serves the console's build: what may be cached, what the browser may load, and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from server import embedded
from tests.city import TestCity, running_city


@pytest.fixture(scope="module")
async def city(
    database_server: embedded.Embedded, valkey_server: embedded.Embedded, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[TestCity]:
    folder: Path = tmp_path_factory.mktemp("console")
    (folder / "assets").mkdir()
    (folder / "index.html").write_text("<!doctype html><title>console</title>")
    (folder / "assets" / "index-1a2b.js").write_text("console.log(1)")
    (folder.parent / "secret.txt").write_text("secret")
    ports = (database_server.port, valkey_server.port)
    async with running_city(*ports, "console_pages", console_folder=str(folder)) as city:
        yield city


async def get(city: TestCity, path: str, **headers: str) -> httpx.Response:
    return await city.http.get(city.api.url + path, headers=headers)


@pytest.mark.parametrize("path", ["/console", "/console/", "/console/today", "/console/catalogue/000709402000"])
async def test_every_screen_is_the_index_and_is_asked_for_again(city: TestCity, path: str) -> None:
    answer = await get(city, path)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert answer.headers["Cache-Control"] == "no-cache"
    assert "script-src 'self';" in answer.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert (answer.headers["X-Frame-Options"], answer.headers["Referrer-Policy"]) == ("DENY", "no-referrer")
    etag = answer.headers["Etag"]
    assert (await get(city, path, **{"If-None-Match": etag})).status_code == 304


async def test_files_named_by_their_content_are_kept_for_ever(city: TestCity) -> None:
    answer = await get(city, "/console/assets/index-1a2b.js")
    assert (answer.text, answer.headers["Content-Type"]) == ("console.log(1)", "text/javascript; charset=utf-8")
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize(
    "path", ["/console/assets/other.js", "/console/%2e%2e/secret.txt", "/console/..%2fsecret.txt", "/consoles"]
)
async def test_whatever_the_build_does_not_hold_is_not_found(city: TestCity, path: str) -> None:
    answer = await get(city, path)
    assert answer.status_code == 404
    assert "secret" not in answer.text
