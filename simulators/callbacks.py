"""Sending callbacks to the application, with repeats when it does not take them, and with faults on demand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from tornado.httpclient import AsyncHTTPClient, HTTPRequest

from simulators.control import CALLBACK, Control

# WeChat waits 5 seconds for an answer.
ANSWER_WITHIN = 5.0


async def deliver(
    control: Control,
    url: str,
    body: bytes,
    content_type: str,
    accepts: Callable[[bytes], bool],
    *,
    what: Mapping[str, Any],
    repeats: int,
    pause: float,
) -> dict[str, Any]:
    """POST until taken, at most ``1 + repeats`` times, ``pause`` seconds apart. Returns ``{delivered, attempts}``.

    Every attempt is logged in ``control.pushes`` with ``what``, the status and the answer.
    """
    if not url:
        return {"delivered": None, "attempts": 0}
    if delay := control.take(CALLBACK, "delay"):
        await asyncio.sleep(delay.seconds)
    delivered, attempts = False, 0
    for attempt in range(1 + repeats):
        if attempt:
            await asyncio.sleep(pause)
        attempts += 1
        delivered = await _attempt(control, url, body, content_type, accepts, what)
        if delivered:
            break
    if delivered and control.take(CALLBACK, "repeat"):
        attempts += 1
        await _attempt(control, url, body, content_type, accepts, what)
    return {"delivered": delivered, "attempts": attempts}


async def _attempt(
    control: Control,
    url: str,
    body: bytes,
    content_type: str,
    accepts: Callable[[bytes], bool],
    what: Mapping[str, Any],
) -> bool:
    record: dict[str, Any] = dict(what) | {"status": None, "answer": None, "taken": False}
    control.pushes.append(record)
    if control.take(CALLBACK, "drop"):
        record["answer"] = "dropped on demand"
        return False
    request = HTTPRequest(
        url,
        method="POST",
        headers={"Content-Type": content_type},
        body=body,
        connect_timeout=ANSWER_WITHIN,
        request_timeout=ANSWER_WITHIN,
        follow_redirects=False,
    )
    client = AsyncHTTPClient(force_instance=True)
    try:
        response = await client.fetch(request, raise_error=False)
    except Exception as error:
        record["answer"] = type(error).__name__
        return False
    finally:
        client.close()
    record["status"] = response.code
    record["answer"] = response.body.decode("utf-8", "replace")
    record["taken"] = response.code == 200 and accepts(response.body)
    return bool(record["taken"])
