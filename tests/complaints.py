"""A booking made in words, and complaints on all their ways: every endpoint once, for its cost and its indexes."""

from __future__ import annotations

import secrets
from typing import Any

from tests.services.files.samples import chunk, png


async def measured(meter: Any) -> None:
    """``meter``: tests.story's Meter."""
    resident = await meter.city.resident()
    for text in ("帮我约补办身份证，市里，越快越好", "确认预约", "取消预约", "确认取消", "查进度", "有什么账单"):
        await meter.call(resident, "POST /api/dialogue", body={"text": text})
    filed = [
        await meter.call(resident, "POST /api/complaints", body={"kind": "complaint", "matter": "路灯坏了"}, status=201)
        for _ in range(3)
    ]
    first, second, third = (complaint["id"] for complaint in filed)
    shot = await meter.upload(resident, png(extra=chunk(b"juNk", secrets.token_bytes(1000))))
    body = {"kind": "request", "matter": "路灯坏了", "photos": [shot], "callback": True}
    pictured = (await resident.ok("POST", "/api/complaints", body))["id"]
    await meter.call(resident, "GET /api/complaints")
    await meter.call(resident, "GET /api/complaints/{complaint_id}", f"/api/complaints/{first}")
    agent = await meter.city.staff("agent")
    await agent.ok("GET", "/staff/complaints")
    one, department = "/staff/complaints/{complaint_id}", "市公安局"
    await meter.call(agent, "GET /staff/complaints")
    await meter.call(agent, f"GET {one}", f"/staff/complaints/{first}")
    theirs = f"/staff/complaints/{pictured}"
    await meter.call(agent, f"GET {one}/photos/{{file_id}}", f"{theirs}/photos/{shot}")
    await meter.call(agent, f"POST {one}/personal-data", f"{theirs}/personal-data", {"reason": "电话回访"})
    await meter.call(agent, f"POST {one}/accept", f"/staff/complaints/{first}/accept", {})
    await meter.call(agent, f"POST {one}/dispatch", f"/staff/complaints/{first}/dispatch", {"department": department})
    await meter.call(agent, f"POST {one}/merge", f"/staff/complaints/{second}/merge", {"into": first})
    await meter.call(agent, f"POST {one}/reject", f"/staff/complaints/{third}/reject", {"reason": "不归本市管"})
    await meter.call(agent, f"POST {one}/answer", f"/staff/complaints/{first}/answer", {"answer": "已修好"})
    await meter.call(agent, f"POST {one}/close", f"/staff/complaints/{first}/close", {"reason": "已回访"})
    other = (await resident.ok("POST", "/api/complaints", {"kind": "request", "matter": "请修路灯"}))["id"]
    await agent.ok("POST", f"/staff/complaints/{other}/accept", {})
    await agent.ok("POST", f"/staff/complaints/{other}/answer", {"answer": "已修好"})
    objection, close = "/api/complaints/{complaint_id}/objection", "/api/complaints/{complaint_id}/close"
    body = {"reason": "灯还是不亮"}
    await meter.call(resident, f"POST {objection}", f"/api/complaints/{other}/objection", body)
    await agent.ok("POST", f"/staff/complaints/{other}/answer", {"answer": "已换灯泡"})
    await meter.call(resident, f"POST {close}", f"/api/complaints/{other}/close")
