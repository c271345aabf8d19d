"""What clients were told beside what the database holds, read over HTTP."""

from __future__ import annotations

from collections.abc import Iterable

import httpx

from bench.screens import Lost, Screen
from bench.talking_town import at_once

READERS = 8


async def compare(port: int, told: Iterable[tuple[Screen, str]]) -> int:
    """Each screen's conversation; returns how many entries were compared. Raises Lost."""
    limits = httpx.Limits(max_connections=READERS)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30, limits=limits) as http:

        async def one(screen: Screen, conversation: str) -> int:
            held = await _held(http, screen, conversation)
            kept = [(entry.seq, entry.text) for entry in screen.entries[conversation]]
            if kept != held:
                raise Lost(f"{conversation}: {len(held)} held, {len(kept)} told; {set(held) ^ set(kept)}")
            return len(held)

        return sum(await at_once((one(*pair) for pair in told), READERS))


async def _held(http: httpx.AsyncClient, screen: Screen, conversation: str) -> list[tuple[int, str]]:
    """Numbers and texts, as this side may see them."""
    side = "api" if screen.path.startswith("/api") else "staff"
    held: list[tuple[int, str]] = []
    while True:
        path = f"/{side}/conversations/{conversation}/events?after={held[-1][0] if held else 0}"
        answer = await http.get(path, headers={"Authorization": f"Bearer {screen.token}"})
        answer.raise_for_status()
        page = answer.json()
        held += [(one["seq"], one.get("text", "")) for one in page["entries"]]
        if not page["more"]:
            return held
