"""Handing in files over HTTP as wx.uploadFile does it, well and badly."""

from __future__ import annotations

import asyncio
import secrets
import tracemalloc
from typing import Any

import httpx
import pytest

from tests.city import Resident, TestCity
from tests.services.files.samples import chunk, jpeg, pdf, png

MEGABYTE = 1024 * 1024
LIMIT = 10 * MEGABYTE


def picture(size: int = 10) -> bytes:
    return png(extra=chunk(b"juNk", secrets.token_bytes(size)))


async def send(who: Resident, data: bytes, name: str = "身份证.png", part: str = "file") -> httpx.Response:
    headers = {"Authorization": f"Bearer {who.token}"} if who.token else {}
    files = {part: (name, data, "image/png")}
    return await who.city.http.post(f"{who.city.api.url}/api/files", files=files, headers=headers)


async def person_of(who: Resident) -> str:
    session = await who.city.api.house.city.identity_queries.session(who.token)
    assert session is not None
    return session.person_id


async def send_raw(who: Resident, body: bytes, content_type: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {who.token}", "Content-Type": content_type}
    return await who.city.http.post(f"{who.city.api.url}/api/files", content=body, headers=headers)


def error_of(answer: httpx.Response) -> tuple[int, str, dict[str, Any]]:
    error = answer.json()["error"]
    return answer.status_code, error["code"], error["fields"]


async def test_a_file_is_handed_in_once_read_back_and_deleted(shared_city: TestCity) -> None:
    owner = await shared_city.resident()
    data = picture(MEGABYTE)
    answer = await send(owner, data)
    assert answer.status_code == 201, answer.text
    file = answer.json()
    assert (file["name"], file["content_type"], file["size"]) == ("身份证.png", "image/png", len(data))
    assert (await send(owner, data, "again.png")).json()["id"] == file["id"]

    read = await owner.call("GET", f"/api/files/{file['id']}")
    assert read.content == data
    assert read.headers["Content-Type"] == "image/png"
    assert read.headers["X-Content-Type-Options"] == "nosniff"
    assert read.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert read.headers["Content-Disposition"] == (
        f"attachment; filename=\"{file['id']}.png\"; filename*=UTF-8''%E8%BA%AB%E4%BB%BD%E8%AF%81.png"
    )
    assert read.headers["Cache-Control"] == "no-store"

    await owner.ok("DELETE", f"/api/files/{file['id']}")
    assert error_of(await owner.call("GET", f"/api/files/{file['id']}"))[:2] == (404, "FILE_NOT_FOUND")


async def test_a_file_of_somebody_else_is_neither_read_nor_deleted(shared_city: TestCity) -> None:
    owner, other = await shared_city.resident(), await shared_city.resident()
    file = (await send(owner, picture())).json()
    for method in ("GET", "DELETE"):
        answer = await other.call(method, f"/api/files/{file['id']}")
        assert error_of(answer) == (404, "FILE_NOT_FOUND", {"file": file["id"]})
    assert (await owner.call("GET", f"/api/files/{file['id']}")).status_code == 200
    assert error_of(await send(Resident(shared_city, "", ""), picture()))[:2] == (401, "NOT_AUTHENTICATED")


async def test_a_file_in_use_is_not_deleted(shared_city: TestCity) -> None:
    owner = await shared_city.resident()
    file = (await send(owner, jpeg(tail=secrets.token_bytes(9)))).json()
    me = await person_of(owner)
    await shared_city.api.house.city.files.do_use(me, [file["id"]], "CA-1")
    assert error_of(await owner.call("DELETE", f"/api/files/{file['id']}"))[:2] == (409, "FILE_IN_USE")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../../etc/passwd", "passwd.png"),
        ("..\\..\\boot.ini", "boot.png"),
        ("长" * 300 + ".png", "长" * 76 + ".png"),
        ("a<b>|c?.exe", "abc.png"),
    ],
    ids=["path", "Windows path", "300 characters", "signs"],
)
async def test_the_name_that_comes_with_a_file_is_made_harmless(shared_city: TestCity, name: str, shown: str) -> None:
    answer = await send(await shared_city.resident(), picture(), name)
    assert (answer.status_code, answer.json()["name"]) == (201, shown)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "FILE_DAMAGED"),
        (b"<!doctype html><script>alert(1)</script>", "FILE_TYPE_NOT_ALLOWED"),
        (b"\x89PNG\r\n\x1a\n<!doctype html><script>alert(1)</script>", "FILE_DAMAGED"),
        (png() + b"<script>alert(1)</script>", "FILE_TYPE_NOT_ALLOWED"),
        (picture()[:-4], "FILE_DAMAGED"),
        (png(30_000, 30_000, pixels=b"\0"), "FILE_TYPE_NOT_ALLOWED"),
        (pdf(b"<< /S /JavaScript /JS (x) >>"), "FILE_TYPE_NOT_ALLOWED"),
    ],
    ids=["empty", "page", "page with a PNG's mark", "PNG with a page after it", "cut off", "huge", "script"],
)
async def test_what_is_no_picture_or_document_is_refused(shared_city: TestCity, data: bytes, code: str) -> None:
    status, found, fields = error_of(await send(await shared_city.resident(), data))
    assert (status, found, fields["field"]) == (400, code, "file")


PART = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n%s\r\n'


@pytest.mark.parametrize(
    ("body", "content_type", "field"),
    [
        (b"", "multipart/form-data; boundary=b", "file"),
        (png(), "image/png", "Content-Type"),
        (PART % png() + b"--b--\r\n", "multipart/form-data", "Content-Type"),
        (PART % png() + b"--b--\r\n", "multipart/form-data; boundary=", "Content-Type"),
        (PART % png() + b"--b--\r\n", "multipart/form-data; boundary=" + "b" * 99, "Content-Type"),
        (PART % png() + b"--b--\r\n", "multipart/form-data; boundary=other", "file"),
        (PART % png(), "multipart/form-data; boundary=b", "file"),
        (b"--b--\r\n", "multipart/form-data; boundary=b", "file"),
        (PART % png() * 2 + b"--b--\r\n", "multipart/form-data; boundary=b", "file"),
        (PART % png() * 30 + b"--b--\r\n", "multipart/form-data; boundary=b", "file"),
        ((PART % png()).replace(b'"file"', b'"photo"') + b"--b--\r\n", "multipart/form-data; boundary=b", "photo"),
        (b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\nx\r\n--b--', "multipart/form-data; boundary=b",
         "file"),
        (b"--b\r\n\xff\xfe\r\n\r\nx\r\n--b--", "multipart/form-data; boundary=b", "file"),
    ],
    ids=[
        "nothing", "no multipart", "no boundary", "empty boundary", "long boundary", "another boundary", "no end",
        "no part", "two parts", "thirty parts", "another name", "no filename", "broken headers",
    ],
)  # fmt: skip
async def test_a_request_that_is_not_one_file_is_refused_and_named(
    shared_city: TestCity, body: bytes, content_type: str, field: str
) -> None:
    answer = await send_raw(await shared_city.resident(), body, content_type)
    status, code, fields = error_of(answer)
    assert (status, code, fields["field"]) == (400, "INVALID_INPUT", field)


async def test_a_file_of_just_the_limit_passes_and_one_byte_more_is_told_the_limit(shared_city: TestCity) -> None:
    owner = await shared_city.resident()
    most = picture(LIMIT - len(picture(0)))
    assert len(most) == LIMIT
    assert (await send(owner, most)).status_code == 201
    status, code, fields = error_of(await send(owner, picture(LIMIT - len(picture(0)) + 1)))
    assert (status, code, fields["limit"]) == (413, "TOO_LARGE", LIMIT)


@pytest.mark.parametrize("signed_in", [True, False])
async def test_sixty_megabytes_get_a_typed_answer_and_take_no_memory(shared_city: TestCity, signed_in: bool) -> None:
    who = await shared_city.resident() if signed_in else Resident(shared_city, "", "")
    piece = b"x" * (256 * 1024)

    async def body() -> Any:
        for _ in range(240):
            yield piece
            await asyncio.sleep(0)

    headers = {"Content-Type": "multipart/form-data; boundary=b", "Content-Length": str(240 * len(piece))}
    if who.token:
        headers["Authorization"] = f"Bearer {who.token}"
    tracemalloc.start()
    try:
        url = f"{shared_city.api.url}/api/files"
        answer = await shared_city.http.post(url, content=body(), headers=headers)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    status, code, fields = error_of(answer)
    # What a file may have is received, twice: in pieces, before it is known to be too much. Of a stranger, nothing.
    if signed_in:
        assert (status, code, fields["limit"]) == (413, "TOO_LARGE", LIMIT)
        assert peak < 2 * LIMIT
    else:
        assert (status, code) == (401, "NOT_AUTHENTICATED")
        assert peak < 4 * MEGABYTE


async def test_every_other_route_keeps_to_its_own_limit(shared_city: TestCity) -> None:
    who = await shared_city.resident()
    answer = await who.call("POST", "/api/ask", {"text": "x" * 2 * MEGABYTE})
    status, code, fields = error_of(answer)
    assert (status, code, fields["limit"]) == (413, "TOO_LARGE", MEGABYTE)


async def test_an_unused_file_is_gone_after_its_days_and_a_used_one_is_not(shared_city: TestCity) -> None:
    owner = await shared_city.resident()
    unused, used = (await send(owner, picture())).json(), (await send(owner, picture())).json()
    me = await person_of(owner)
    city = shared_city.api.house.city
    await city.files.do_use(me, [used["id"]], "CA-2")
    held = await shared_city.api.house.city.file_queries.get(unused["id"])
    assert held.orphan_at is not None
    store = shared_city.api.house.database["files.files"]
    # The city's clock is everybody's in these tests: the file's time is moved instead.
    long_ago = shared_city.clock.now().replace(year=2089)
    await store.update_one({"_id": unused["id"]}, {"$set": {"metadata.orphan_at": long_ago}})
    city.files._next_sweep = None
    await shared_city.work()
    assert (await owner.call("GET", f"/api/files/{unused['id']}")).status_code == 404
    assert (await owner.call("GET", f"/api/files/{used['id']}")).status_code == 200
