"""Time of one question to the matcher, in a process of its own: ``python -m bench.asking <entries>``."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np

from bench.table import Row
from nlp.matcher import Entry, Matcher
from services.ask.queries import entry
from services.catalogue.model import ItemContent, ItemVersion

DATA = Path(__file__).resolve().parent.parent / "data"
NOW = datetime(2026, 11, 24, tzinfo=UTC)
BLOCKS, QUESTIONS = 5, 400


def catalogue() -> list[Entry]:
    """The city's own items as the API's matcher sees them."""
    lines = [line for file in sorted((DATA / "items").glob("*.jsonl")) for line in file.read_bytes().splitlines()]
    contents = [msgspec.json.decode(line, type=ItemContent) for line in lines]
    return [entry(ItemVersion(number=1, published_at=NOW, content=content)) for content in contents]


def repeated(own: list[Entry], size: int) -> list[Entry]:
    """The catalogue again and again, each repetition with codes and names of its own."""
    rng, found = random.Random(7), list(own[:size])
    while len(found) < size:
        one = own[len(found) % len(own)]
        name = one.name[:6] + rng.choice(own).name[-8:]
        found.append(replace(one, code=f"{len(found):012d}", name=name))
    return found


def questions(own: list[Entry]) -> list[str]:
    """Residents' questions of the items, and one in six that is none of the city's business."""
    rng = random.Random(7)
    outside = [json.loads(line)["text"] for line in (DATA / "nlp" / "outside.jsonl").read_text().splitlines()]
    inside = [question for one in own for question in one.questions]
    return [rng.choice(outside if n % 6 == 5 else inside) for n in range(BLOCKS * QUESTIONS)]


def one(size: int) -> list[list[float]]:
    """[(p50, p95) in milliseconds] of each block of questions, after a hundred to warm up."""
    own = catalogue()
    matcher = Matcher.build(repeated(own, size))
    texts = questions(own)
    for text in texts[:100]:
        matcher.ask(text)
    found = []
    for block in range(BLOCKS):
        times = []
        for text in texts[block * QUESTIONS : (block + 1) * QUESTIONS]:
            began = time.perf_counter()
            matcher.ask(text)
            times.append((time.perf_counter() - began) * 1000)
        found.append([float(p) for p in np.percentile(times, [50, 95])])
    return found


def rows() -> list[Row]:
    table = []
    for size, goal in ((len(catalogue()), 5), (20_000, 10)):
        command = [sys.executable, "-m", "bench.asking", str(size)]
        blocks = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        table.append(Row(f"one question, {size:,} entries, p50", [p50 for p50, _ in blocks], "ms"))
        table.append(Row(f"one question, {size:,} entries, p95", [p95 for _, p95 in blocks], "ms", at_most=goal))
    return table


if __name__ == "__main__":
    print(json.dumps(one(int(sys.argv[1]))))
