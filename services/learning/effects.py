"""Evaluations of proposals: in a process of their own, one at a time, once for a proposal and a catalogue edition."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import sys
from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import msgspec

import nlp
from kernel.cost import COST
from nlp.effect import Change, Effect, Request
from services.ask.queries import entry
from services.catalogue.queries import Catalogue
from services.learning.model import LearningRules, Proposal, ProposalKind
from services.learning.store import EffectStore

log = logging.getLogger("banshi.learning")

# A fold that was begun in time is finished; what takes three times as long is stuck.
PATIENCE = 3
STARTING_SECONDS = 30.0
REMEMBERED = 100
ROOT = Path(nlp.__file__).resolve().parent.parent


class EffectState(StrEnum):
    RUNNING = "running"  # ask again in a second
    READY = "ready"
    FAILED = "failed"  # could not be measured; asking again tries again


@dataclass(frozen=True)
class Measured:
    """``lowered``: scores that fall by more than the margin: first, third, wrong."""

    state: EffectState
    edition: str
    effect: Effect | None = None
    lowered: tuple[str, ...] = ()


class Effects:
    """``folder``: data/nlp."""

    def __init__(self, catalogue: Catalogue, store: EffectStore, folder: Path, rules: LearningRules) -> None:
        self._catalogue = catalogue
        self._store = store
        self._folder = folder
        self._rules = rules
        self._turn = asyncio.Lock()
        self._running: dict[tuple[str, str], asyncio.Task[Effect | None]] = {}
        self._done: OrderedDict[tuple[str, str], Effect] = OrderedDict()

    @property
    def edition(self) -> str:
        """A name for the published catalogue, the same in every process."""
        known = self._catalogue.derived.get("learning.edition")
        if known is None:
            said = "\n".join(f"{item.content.code}@{item.number}" for item in self._catalogue.all())
            known = self._catalogue.derived["learning.edition"] = hashlib.sha256(said.encode()).hexdigest()[:16]
        return str(known)

    async def of(self, proposal: Proposal, wait: float = 0.5) -> Measured:
        """The effect of a proposal on the present edition; begins to measure when nobody has, and waits a moment."""
        edition = self.edition
        key = (edition, proposal.id)
        effect = self._done.get(key) or await self._store.get(edition, proposal.id)
        if effect is not None:
            self._remember(key, effect)
            return self._measured(edition, effect)
        task = self._running.get(key)
        if task is None:
            task = self._running[key] = asyncio.create_task(self._run(key, proposal))
        done, _ = await asyncio.wait({task}, timeout=wait)
        if not done:
            return Measured(EffectState.RUNNING, edition)
        self._running.pop(key, None)
        effect = task.result()
        return Measured(EffectState.FAILED, edition) if effect is None else self._measured(edition, effect)

    async def close(self) -> None:
        """Ends what is still measured."""
        for task in self._running.values():
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    def _measured(self, edition: str, effect: Effect) -> Measured:
        margin, before, after = self._rules.margin, effect.before, effect.after
        falls = {
            "first": before.first - after.first,
            "third": before.third - after.third,
            "wrong": after.wrong - before.wrong,
        }
        lowered = tuple(name for name, fall in falls.items() if fall > margin)
        return Measured(EffectState.READY, edition, effect, lowered)

    async def _run(self, key: tuple[str, str], proposal: Proposal) -> Effect | None:
        # For whoever looks next, too: no cost of the request that happened to begin it.
        COST.set(None)
        try:
            async with self._turn:
                effect = await self._measure(proposal)
        except (OSError, TimeoutError, RuntimeError, msgspec.MsgspecError) as error:
            log.warning("an evaluation failed", extra={"proposal": proposal.id, "error": repr(error)})
            return None
        self._remember(key, effect)
        await self._store.put(*key, effect)
        return effect

    def _remember(self, key: tuple[str, str], effect: Effect) -> None:
        self._running.pop(key, None)
        self._done[key] = effect
        self._done.move_to_end(key)
        if len(self._done) > REMEMBERED:
            self._done.popitem(last=False)

    async def _measure(self, proposal: Proposal) -> Effect:
        """Raises OSError, TimeoutError, RuntimeError, MsgspecError."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "nlp.effect", cwd=ROOT,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            request = await asyncio.to_thread(self._request, proposal)
            async with asyncio.timeout(PATIENCE * self._rules.effect.total_seconds() + STARTING_SECONDS):
                out, err = await process.communicate(request)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode != 0:
            raise RuntimeError(err.decode("utf-8", "replace")[-500:])
        return msgspec.json.decode(out, type=Effect)

    def _request(self, proposal: Proposal) -> bytes:
        change = Change(code=proposal.item, text=proposal.text, alias=proposal.kind is ProposalKind.ALIAS)
        entries = [entry(item) for item in self._catalogue.all()]
        seconds = self._rules.effect.total_seconds()
        return msgspec.json.encode(Request(entries=entries, change=change, folder=str(self._folder), seconds=seconds))
