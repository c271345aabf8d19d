"""The simulator as a process: keys made at the first start and kept, alone and beside the others."""

from __future__ import annotations

import asyncio
import signal
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from gateways.wechat_pay import WeChatPayClient, WeChatPaySettings
from kernel.clock import SystemClock
from kernel.money import Fen
from simulators.wechat_pay import generate

ROOT = Path(__file__).resolve().parents[3]
ALONE = ("wechat-pay", "--port", "0", "--keys")
BESIDE = ("all", "--wechat-port", "0", "--sms-port", "0", "--wechat-pay-port", "0", "--wechat-pay-keys")


@pytest.mark.parametrize(("arguments", "lines"), [(ALONE, 1), (BESIDE, 3)], ids=["alone", "beside"])
async def test_it_makes_its_keys_takes_orders_and_stops_when_told(
    tmp_path: Path, arguments: tuple[str, ...], lines: int
) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "simulators", *arguments, str(tmp_path / "keys"), "--appid", "wx1", "--mchid", "1900"),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        said = [(await asyncio.wait_for(process.stdout.readline(), 60)).decode().split() for _ in range(lines)]
        keys = generate(tmp_path / "keys")
        settings = WeChatPaySettings(
            mchid="1900",
            appid="wx1",
            merchant_serial=keys.merchant_serial,
            merchant_private_key=keys.merchant_private_key,
            apiv3_key=keys.apiv3_key,
            public_key_id=keys.public_key_id,
            public_key=keys.public_key,
            base_url=dict(said)["wechat-pay"],
        )
        clock = SystemClock()
        async with WeChatPayClient(settings, clock) as client:
            expires = clock.now() + timedelta(minutes=90)
            url = "http://127.0.0.1:9/notify"
            assert await client.prepay("WH0001", "水费", Fen(1), "oA", expires, "", url)
        process.send_signal(signal.SIGTERM)
        _, errors = await asyncio.wait_for(process.communicate(), 60)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert (process.returncode, errors) == (0, b"")
