"""Learning over HTTP: every endpoint once, for what it costs and which indexes it needs."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.city import TestCity

# A proposal read, taken and accepted; the item read for its draft, then edited (read, written) and published (read, the
# version beside, the record, the revision, all items read anew in two pieces).
COSTS = {"POST /staff/learning/proposals/{proposal_id}/accept": 12}
WORDS = ("旧证丢水沟里找不回了", "旧证被水泡得看不清了")


async def measured(meter: Any) -> None:
    """``meter``: tests.story's Meter."""
    city: TestCity = meter.city
    who, editor = await city.resident(), await city.staff("supervisor")
    asked = await who.ok("POST", "/api/ask", {"text": WORDS[0] + "呀"})
    assert asked["feedback"]
    await city.api.house.city.learning.settled()
    none = {"answer": asked["feedback"], "kind": "none_of_these"}
    await meter.call(who, "POST /api/feedback", body=none)
    # No item that other tests ask for.
    item = city.api.house.city.catalogue.all()[-2].content.code
    for text in WORDS:
        await meter.call(editor, "POST /staff/learning/corrections", body={"text": text, "item": item}, status=201)
    await city.work()
    await meter.call(editor, "GET /staff/learning/proposals")
    found = (await editor.ok("GET", "/staff/learning/proposals?limit=200"))["proposals"]
    first, second = (next(one["id"] for one in found if one["text"] == text) for text in WORDS)
    one, path = "/staff/learning/proposals/{proposal_id}", f"/staff/learning/proposals/{first}"
    while (await meter.call(editor, f"GET {one}/effect", f"{path}/effect"))["state"] == "running":
        await asyncio.sleep(0.3)
    accepted = {"publish": True, "reason": "群众都这么说"}
    await meter.call(editor, f"POST {one}/accept", f"{path}/accept", accepted)
    reject = f"/staff/learning/proposals/{second}/reject"
    await meter.call(editor, f"POST {one}/reject", reject, {"reason": "不是一回事"})
    await city.work()
