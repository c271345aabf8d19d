"""The built pages: headers, compression, no way out of the folder."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from handlers.pages import read_folder
from server import embedded
from tests.city import TestCity, running_city


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("h5")
    (folder / "assets").mkdir()
    (folder / "index.html").write_text("<!DOCTYPE html><title>办事</title>", encoding="utf-8")
    (folder / "assets" / "index-1a2b.js").write_text("// " + "x" * 4000)
    (folder.parent / "secret.txt").write_text("secret")
    (folder / "assets" / "link.txt").symlink_to(folder.parent / "secret.txt")
    return folder


@pytest.fixture(scope="module")
async def city(
    build: Path, database_server: embedded.Embedded, valkey_server: embedded.Embedded
) -> AsyncIterator[TestCity]:
    async with running_city(database_server.port, valkey_server.port, "pages_city", h5_folder=str(build)) as running:
        yield running


async def read(city: TestCity, path: str, **headers: str) -> httpx.Response:
    return await city.http.get(city.api.url + path, headers={k.replace("_", "-"): v for k, v in headers.items()})


async def test_the_index_is_always_asked_for_again(city: TestCity) -> None:
    first = await read(city, "/")
    assert first.status_code == 200
    assert first.headers["Content-Type"] == "text/html; charset=utf-8"
    assert first.headers["Cache-Control"] == "no-cache"
    assert "script-src 'self';" in first.headers["Content-Security-Policy"]
    assert (await read(city, "/", If_None_Match=first.headers["Etag"])).status_code == 304
    assert (await read(city, "/index.html")).text == first.text


async def test_what_has_its_hash_in_its_name_is_kept_for_ever_and_sent_compressed(city: TestCity) -> None:
    got = await read(city, "/assets/index-1a2b.js", Accept_Encoding="gzip")
    assert got.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert got.headers["Content-Encoding"] == "gzip"
    assert got.headers["Vary"] == "Accept-Encoding"
    assert int(got.headers["Content-Length"]) < 200
    plain = await read(city, "/assets/index-1a2b.js", Accept_Encoding="identity")
    assert "Content-Encoding" not in plain.headers
    assert plain.content == got.content


async def test_a_head_has_the_headers_and_no_body(city: TestCity) -> None:
    head = await city.http.head(city.api.url + "/")
    assert head.status_code == 200
    assert head.content == b""


@pytest.mark.parametrize(
    "path",
    [
        "/assets/../../secret.txt",
        "/assets/..%2f..%2fsecret.txt",
        "/assets/%2e%2e/%2e%2e/secret.txt",
        "/assets//etc/passwd",
        "/assets/link.txt",
        "/static/..%5c..%5csecret.txt",
        "/assets/index-1a2b.js%00.txt",
        "/assets/",
    ],
)
async def test_no_path_leads_out_of_the_folder(path: str, city: TestCity) -> None:
    host, _, port = city.api.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    assert b" 404 " in answer.split(b"\r\n")[0]
    assert b"secret" not in answer.partition(b"\r\n\r\n")[2].replace(b"secret.txt", b"")


async def test_an_unknown_path_of_the_api_is_still_no_page(city: TestCity) -> None:
    assert (await read(city, "/api/nothing")).json()["error"]["code"] == "ROUTE_NOT_FOUND"


def test_without_a_build_nothing_is_served(tmp_path: Path) -> None:
    assert read_folder(tmp_path) == {}


def test_what_is_compressed_is_the_same(build: Path) -> None:
    file = read_folder(build)["assets/index-1a2b.js"]
    assert file.compressed is not None
    assert gzip.decompress(file.compressed) == file.body
    assert "assets/link.txt" not in read_folder(build)
