"""Templates of messages: versions that never change, whole files or nothing."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from kernel.errors import InvalidInput
from services.notifications.actions import read_templates
from tests.services.notifications.conftest import TEMPLATE, Desk


async def test_importing_the_same_templates_again_changes_nothing(desk: Desk, data_folder: Any) -> None:
    again = await desk.notifications.do_import_templates((data_folder / "templates.json").read_bytes())
    known = read_templates((data_folder / "templates.json").read_bytes())
    assert (again.added, again.unchanged) == (0, len(known))


async def test_a_stored_version_cannot_be_changed_but_a_new_one_becomes_current(desk: Desk, data_folder: Any) -> None:
    [template] = [
        entry
        for entry in msgspec.json.decode((data_folder / "templates.json").read_bytes())
        if entry["code"] == "booking_confirmed"
    ]
    template["inbox"]["title"] = "约好了"
    with pytest.raises(InvalidInput):
        await desk.notifications.do_import_templates(msgspec.json.encode([template]))
    before = await desk.notify("P1")
    template["version"] = 2
    await desk.notifications.do_import_templates(msgspec.json.encode([template]))
    after = await desk.notify("P1", "EV2")
    assert (before.title, after.title) == ("预约成功", "约好了")
    assert (before.template_version, after.template_version) == (1, 2)


async def test_every_fault_of_a_template_file_is_reported_and_nothing_is_imported(desk: Desk) -> None:
    good = {
        "code": "good",
        "version": 1,
        "title": "t",
        "reason": "r",
        "values": [],
        "inbox": {"title": "t", "body": "b"},
    }
    bad = good | {
        "code": "bad",
        "inbox": {"title": "{nobody}", "body": "b"},
        "wechat": {
            "template_id": TEMPLATE,
            "kind": "long_term",
            "page": "p",
            "fields": {"phrase1": {"kind": "phrase", "value": "超过五个汉字了"}},
        },
        "sms": {"template_id": "1", "params": [], "text": "{1}"},
    }
    with pytest.raises(InvalidInput) as caught:
        await desk.notifications.do_import_templates(msgspec.json.encode([good, bad]))
    problems = " ".join(caught.value.fields["problems"])
    for part in ("inbox.title", "phrase1", "sms.text", "wechat.kind"):
        assert part in problems
    assert await desk.templates.current("good") is None


# Consents


def test_no_two_messages_share_a_template_of_the_sms_provider(data_folder: Any) -> None:
    shipped = msgspec.json.decode((data_folder / "templates.json").read_bytes())
    numbers = [template["sms"]["template_id"] for template in shipped if template.get("sms")]
    assert len(numbers) == len(set(numbers)) > 10
