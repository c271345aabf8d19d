"""The catalogue's editing API: every fault at once, nobody's work overwritten, residents see what is published only."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

from tests.city import ID_CARD_LOST, TestCity


def content(code: str, **changes: Any) -> dict[str, Any]:
    base = {
        "code": code, "name": f"试办事项{code[-4:]}", "kind": "public_service", "field": "community",
        "department": "市民政局", "levels": ["city"], "audience": ["person"], "legal_basis": [{"title": "条例"}],
        "steps": [{"name": "受理", "detail": ""}],
    }  # fmt: skip
    return base | changes


def new_code() -> str:
    return f"0020{secrets.randbelow(10**8):08}"


async def test_an_item_goes_from_draft_to_published_to_withdrawn_and_back(shared_city: TestCity) -> None:
    editor, resident = await shared_city.staff("catalogue_editor"), await shared_city.resident()
    code = new_code()
    path = f"/staff/items/{code}"
    draft = await editor.ok("PUT", f"{path}/draft", {"content": content(code), "seen": 0})
    assert (draft["state"], draft["version"], draft["current"], draft["last_number"]) == ("draft", 1, None, 0)
    assert (await resident.call("GET", f"/api/items/{code}")).status_code == 404
    published = await editor.ok("POST", f"{path}/publish", {"seen": 1})
    assert (published["state"], published["draft"], published["last_number"]) == ("published", None, 1)
    assert (await resident.call("GET", f"/api/items/{code}")).status_code == 200
    changed = content(code, notes="周三下午不办理")
    edited = await editor.ok("PUT", f"{path}/draft", {"content": changed, "seen": published["version"]})
    assert edited["draft"]["notes"] == "周三下午不办理"
    assert edited["current"]["content"]["notes"] == ""
    again = await editor.ok("POST", f"{path}/publish", {"seen": edited["version"]})
    assert again["last_number"] == 2
    assert (await editor.ok("GET", f"{path}/versions/1"))["content"]["notes"] == ""
    gone = await editor.ok("POST", f"{path}/withdraw", {"reason": "条例废止"})
    assert (gone["state"], gone["history"][0]["note"]) == ("withdrawn", "条例废止")
    assert (await resident.call("GET", f"/api/items/{code}")).status_code == 404
    assert (await editor.ok("POST", f"{path}/publish", {"seen": gone["version"]}))["last_number"] == 3
    refused = await editor.call("POST", f"{path}/publish", {"seen": gone["version"] + 1})
    assert (refused.status_code, refused.json()["error"]["fields"]["field"]) == (400, "draft")


async def test_every_fault_of_a_draft_is_told_at_once(shared_city: TestCity) -> None:
    editor = await shared_city.staff("catalogue_editor")
    code = new_code()
    wrong = content(
        code, name=" ", promised_limit_days=3, steps=[], form=[{"name": "A", "label": "", "type": "choice"}]
    )
    answer = await editor.call("PUT", f"/staff/items/{code}/draft", {"content": wrong, "seen": 0})
    assert answer.status_code == 400
    faults = {fault["field"] for fault in answer.json()["error"]["fields"]["faults"]}
    assert {"name", "promised_limit_days", "steps", "form[0].name", "form[0].label", "form[0].options"} <= faults
    assert (await editor.call("GET", f"/staff/items/{code}")).status_code == 404
    for body, field in (
        ({"content": content(code, kind="king"), "seen": 0}, "$.content.kind"),
        ({"content": content(code, extra=1), "seen": 0}, "$.content"),
        ({"content": content(code)}, "$.seen"),
        ({"content": content(ID_CARD_LOST), "seen": 0}, "$.content.code"),
    ):
        answer = await editor.call("PUT", f"/staff/items/{code}/draft", body)
        assert (answer.status_code, answer.json()["error"]["fields"]["field"]) == (400, field)


async def test_of_editors_who_began_from_the_same_version_one_is_kept_and_the_others_are_told(
    shared_city: TestCity,
) -> None:
    editors = [await shared_city.staff("catalogue_editor") for _ in range(5)]
    code = new_code()
    for seen in (0, 1):
        answers = await asyncio.gather(
            *(
                editor.call("PUT", f"/staff/items/{code}/draft", {"content": content(code, notes=str(n)), "seen": seen})
                for n, editor in enumerate(editors)
            )
        )
        assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409]
    winner = next(answer.json()["draft"]["notes"] for answer in answers if answer.status_code == 200)
    assert (await editors[0].ok("GET", f"/staff/items/{code}"))["draft"]["notes"] == winner
    stale = await editors[0].call("POST", f"/staff/items/{code}/publish", {"seen": 1})
    assert (stale.status_code, stale.json()["error"]["code"]) == (409, "CONFLICT")


async def test_the_list_is_filtered_and_paged(shared_city: TestCity) -> None:
    editor = await shared_city.staff("catalogue_editor")
    code = new_code()
    await editor.ok("PUT", f"/staff/items/{code}/draft", {"content": content(code, name="试办特别事项"), "seen": 0})

    async def found(query: str) -> list[str]:
        return [item["code"] for item in (await editor.ok("GET", f"/staff/items?{query}"))["items"]]

    assert await found("words=特别 试办") == [code]
    assert await found(f"words={code[2:]}") == [code]
    assert await found("words=试办特别&state=published") == []
    assert await found("words=试办特别&changed=true&department=市民政局") == [code]
    assert await found("words=试办特别&changed=false") == []
    assert await found("words=.*") == []
    seen: list[str] = []
    after = ""
    while after is not None:
        page = await editor.ok("GET", f"/staff/items?limit=200&after={after}")
        seen += [item["code"] for item in page["items"]]
        after = page["next"]
    assert seen == sorted(set(seen))
    assert set(seen) >= {item.content.code for item in shared_city.api.house.city.catalogue.all()}


async def test_versions_that_are_none_are_not_found(shared_city: TestCity) -> None:
    editor = await shared_city.staff("catalogue_editor")
    for number in ("0", "999", "-1", "x", "9" * 30):
        answer = await editor.call("GET", f"/staff/items/{ID_CARD_LOST}/versions/{number}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "ITEM_NOT_FOUND"), number
