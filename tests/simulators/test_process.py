"""Simulators as processes: the command line, the templates files, and a clean stop."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_both_run_in_one_process_and_stop_when_told(tmp_path: Path, number: signal.Signals) -> None:
    subscribe = [{"id": "T1", "title": "办结通知", "kind": "one_time", "fields": {"thing1": "thing"}}]
    (tmp_path / "subscribe.json").write_text(json.dumps(subscribe))
    (tmp_path / "sms.json").write_text(json.dumps([{"id": "1", "text": "您的验证码为{1}"}]))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "simulators", "all", "--wechat-port", "0", "--sms-port", "0", "--appid", "wx1"),
        *("--templates", str(tmp_path / "subscribe.json"), "--sms-templates", str(tmp_path / "sms.json")),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        lines = [(await asyncio.wait_for(process.stdout.readline(), 60)).decode().split() for _ in range(2)]
        urls = dict(lines)
        async with httpx.AsyncClient() as client:
            body = {"openid": "oA", "templates": [{"id": "T1", "accept": True}]}
            answer = (await client.post(f"{urls['wechat']}/control/subscribe", json=body)).json()
            assert answer["T1"] == "accept"
            assert (await client.get(f"{urls['sms']}/control/sent")).json() == []
        process.send_signal(number)
        _, errors = await asyncio.wait_for(process.communicate(), 60)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert (process.returncode, errors) == (0, b"")


@pytest.mark.parametrize("change", [{"kind": "forever"}, {"fields": {"thing1": "poem"}}])
def test_a_templates_file_with_an_unknown_kind_stops_the_start(tmp_path: Path, change: dict[str, object]) -> None:
    from simulators.wechat import read_templates

    template = {"id": "T1", "kind": "one_time", "fields": {"thing1": "thing"}} | change
    (tmp_path / "t.json").write_text(json.dumps([template]))
    with pytest.raises(ValueError, match="T1"):
        read_templates(tmp_path / "t.json")
