"""Knowledge entries and canned answers, over HTTP against a running city."""

from __future__ import annotations

from typing import Any

import pytest

from services.knowledge.model import canned_faults
from tests.city import ID_CARD_LOST, Resident, TestCity

QUESTION = "身份证掉海里了还能补办吗"
ANSWER = "可以。带户口簿到任意户政窗口补领，二十个工作日内领取。"


@pytest.fixture
async def editor(shared_city: TestCity) -> Resident:
    return await shared_city.staff("catalogue_editor", centre=None)


async def published(editor: Resident, question: str = QUESTION) -> dict[str, Any]:
    body = {"question": question, "phrasings": ["证件落水怎么办"], "answer": ANSWER, "item": ID_CARD_LOST}
    made = await editor.ok("POST", "/staff/knowledge", body)
    return dict(await editor.ok("POST", f"/staff/knowledge/{made['id']}/publish", {"seen": made["version"]}))


async def test_a_published_answer_is_suggested_and_cites_its_item_and_version(
    shared_city: TestCity, editor: Resident
) -> None:
    entry = await published(editor)
    agent = await shared_city.staff("agent")
    found = (await agent.ok("POST", "/staff/knowledge/suggestions", {"text": "身份证掉海里了"}))["suggestions"]
    assert found[0]["id"] == entry["id"]
    assert (found[0]["answer"], found[0]["item"]) == (ANSWER, ID_CARD_LOST)
    assert found[0]["item_version"] == shared_city.api.house.city.catalogue.get(ID_CARD_LOST).number
    assert not found[0]["stale"]


async def test_a_draft_or_a_withdrawn_answer_is_suggested_to_nobody(shared_city: TestCity, editor: Resident) -> None:
    question = "海鸥把居住证叼走了怎么补"
    entry = await published(editor, question)
    agent = await shared_city.staff("agent")

    async def suggested() -> set[str]:
        found = (await agent.ok("POST", "/staff/knowledge/suggestions", {"text": question}))["suggestions"]
        return {s["answer"] for s in found if s["id"] == entry["id"]}

    changed = {"question": question, "answer": "改了还没发布", "item": ID_CARD_LOST, "seen": entry["version"]}
    draft = await editor.ok("PUT", f"/staff/knowledge/{entry['id']}", changed)
    assert await suggested() == {ANSWER}
    await editor.ok("POST", f"/staff/knowledge/{entry['id']}/publish", {"seen": draft["version"]})
    assert await suggested() == {"改了还没发布"}
    await editor.ok("POST", f"/staff/knowledge/{entry['id']}/withdraw", {"reason": "说法过时"})
    assert await suggested() == set()


async def test_an_answer_without_item_or_text_is_not_published(editor: Resident) -> None:
    made = await editor.ok("POST", "/staff/knowledge", {"question": "半截问题"})
    path = f"/staff/knowledge/{made['id']}/publish"
    refused = await editor.call("POST", path, {"seen": made["version"]})
    assert refused.json()["error"]["fields"]["field"] == "$.answer"
    body = {"question": "半截问题", "answer": "有了", "seen": made["version"]}
    edited = await editor.ok("PUT", f"/staff/knowledge/{made['id']}", body)
    refused = await editor.call("POST", path, {"seen": edited["version"]})
    assert (refused.status_code, refused.json()["error"]["fields"]["field"]) == (400, "$.item")
    unknown = await editor.call("POST", "/staff/knowledge", {"question": "x", "item": "999999999999"})
    assert unknown.json()["error"]["code"] == "ITEM_NOT_FOUND"


async def test_an_unanswered_question_becomes_one_entry_however_often_it_is_proposed(
    shared_city: TestCity, editor: Resident
) -> None:
    agent = await shared_city.staff("agent")
    body = {"question": "渔船能不能落户", "origin": "CV123#7"}
    first = await agent.ok("POST", "/staff/knowledge/proposals", body)
    second = await agent.ok("POST", "/staff/knowledge/proposals", body)
    assert first["id"] == second["id"]
    listed = await editor.ok("GET", "/staff/knowledge?state=proposed")
    assert [e["draft"]["question"] for e in listed["entries"] if e["id"] == first["id"]] == ["渔船能不能落户"]
    rejected = await editor.ok("POST", f"/staff/knowledge/{first['id']}/reject", {"reason": "不是政务问题"})
    assert rejected["state"] == "rejected"
    again = await editor.call("POST", f"/staff/knowledge/{first['id']}/reject", {"reason": "再来"})
    assert (again.status_code, again.json()["error"]["code"]) == (409, "ACTION_NOT_ALLOWED")


async def test_an_editor_who_read_an_older_version_overwrites_nothing(editor: Resident) -> None:
    entry = await published(editor, "海带晒场要不要证")
    body = {"question": "海带晒场要不要证", "answer": "甲", "item": ID_CARD_LOST, "seen": entry["version"]}
    await editor.ok("PUT", f"/staff/knowledge/{entry['id']}", body)
    late = await editor.call("PUT", f"/staff/knowledge/{entry['id']}", body | {"answer": "乙"})
    assert (late.status_code, late.json()["error"]["code"]) == (409, "CONFLICT")


async def test_agents_propose_but_do_not_publish(shared_city: TestCity, editor: Resident) -> None:
    agent = await shared_city.staff("agent")
    entry = await published(editor, "只有编辑能发布吗")
    for path, body in (("publish", {"seen": 2}), ("withdraw", {"reason": "x"}), ("reject", {"reason": "x"})):
        assert (await agent.call("POST", f"/staff/knowledge/{entry['id']}/{path}", body)).status_code == 403
    missing = await editor.call("GET", "/staff/knowledge/KN000")
    assert missing.json()["error"]["code"] == "KNOWLEDGE_NOT_FOUND"


async def test_canned_answers_are_everybodys_or_ones_own(shared_city: TestCity) -> None:
    supervisor = await shared_city.staff("supervisor")
    first, second = await shared_city.staff("agent"), await shared_city.staff("agent")
    own = {"shortcut": "材料", "title": "材料", "text": "{称呼}您好，办理{事项}请带身份证。"}
    mine = await first.ok("POST", "/staff/canned-answers", own)
    shared = await supervisor.ok(
        "POST", "/staff/canned-answers", {"shortcut": "您好", "title": "问候", "text": "您好", "everybodys": True}
    )

    async def seen_by(officer: Resident) -> set[str]:
        return {a["id"] for a in (await officer.ok("GET", "/staff/canned-answers"))["answers"]}

    assert {mine["id"], shared["id"]} <= await seen_by(first)
    assert mine["id"] not in await seen_by(second)
    taken = await first.call("POST", "/staff/canned-answers", own)
    assert (taken.status_code, taken.json()["error"]["code"]) == (409, "SHORTCUT_TAKEN")
    foreign = await second.call("PUT", f"/staff/canned-answers/{mine['id']}", own)
    assert foreign.json()["error"]["code"] == "CANNED_NOT_FOUND"
    forbidden = await first.call("DELETE", f"/staff/canned-answers/{shared['id']}")
    assert forbidden.status_code == 403
    changed = await first.ok("PUT", f"/staff/canned-answers/{mine['id']}", own | {"title": "要带什么"})
    assert changed["title"] == "要带什么"
    await first.ok("DELETE", f"/staff/canned-answers/{mine['id']}")
    assert mine["id"] not in await seen_by(first)


async def test_an_agent_does_not_write_for_everybody(shared_city: TestCity) -> None:
    agent = await shared_city.staff("agent")
    body = {"shortcut": "自己", "title": "t", "text": "x", "everybodys": True}
    refused = await agent.call("POST", "/staff/canned-answers", body)
    assert refused.status_code == 403


@pytest.mark.parametrize(
    ("shortcut", "text", "field"),
    [
        ("有 空格", "x", "$.shortcut"),
        ("/x", "x", "$.shortcut"),
        ("x", "{谁知道}您好", "$.text"),
        ("x", "{称呼您好", "$.text"),
        ("x", "称呼}您好", "$.text"),
    ],
)
def test_a_canned_answer_that_could_not_be_filled_in_is_refused(shortcut: str, text: str, field: str) -> None:
    assert [name for name, _ in canned_faults(shortcut, text)] == [field]


def test_all_variables_may_be_used() -> None:
    assert canned_faults("都用", "{称呼}{事项}{大厅}{姓名}{日期}") == []
