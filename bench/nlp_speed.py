"""Time and memory of the matcher at 300 and 20,000 items, each in a process of its own."""

from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SIZES = (300, 20_000)
QUESTIONS = 1000


def resident() -> float:
    """Megabytes of memory that this process holds."""
    for row in Path("/proc/self/status").read_text().splitlines():
        if row.startswith("VmRSS"):
            return int(row.split()[1]) / 1024
    return 0.0


def children() -> float:
    """Seconds of processor time of the processes that this one has waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def synthetic(size: int, items: Path) -> Iterator[dict[str, Any]]:
    """The project's items first, then mixtures of two names and of the fields of others; seeded."""
    found = [json.loads(row) for path in sorted(items.glob("*.jsonl")) for row in path.read_text().splitlines()]
    rng = random.Random(7)
    for at in range(size):
        own = found[at % len(found)]
        parts = [own if at < len(found) else rng.choice(found) for _ in range(5)]
        name = own["name"] if at < len(found) else own["name"][:6] + parts[0]["name"][-8:]
        yield {
            "code": f"{at:012d}",
            "version": 1,
            "name": name,
            "aliases": list(parts[1]["aliases"]),
            "questions": [str(question) for question in parts[2]["questions"]],
            "keywords": list(parts[3]["keywords"]),
            "department": own["department"],
            "conditions": list(parts[4]["conditions"]),
            "body": "\n".join(material["name"] for material in parts[4].get("materials", ())),
        }


def one(size: int, items: Path) -> dict[str, float]:
    """Start, build, memory and time a question, in this process, which should be fresh."""
    import numpy  # noqa: F401  the product's other parts load it anyway

    bare, began = resident(), time.perf_counter()
    from nlp import apart
    from nlp.matcher import Entry, Matcher

    Matcher.build([Entry("0", 1, "居民身份证补领")]).ask("身份证丢了")
    start = time.perf_counter() - began
    began_memory = resident() - bare
    entries = [Entry(**fields) for fields in synthetic(size, items)]
    before, began, processor, others = resident(), time.perf_counter(), time.process_time(), children()
    matcher = apart.build(entries)
    build, here = time.perf_counter() - began, time.process_time() - processor
    there = children() - others
    grown = resident() - before
    rng = random.Random(7)
    texts = [rng.choice(entries[rng.randrange(min(size, 400))].questions) for _ in range(QUESTIONS)]
    times, processor = [], time.process_time()
    for text in texts:
        began = time.perf_counter()
        matcher.ask(text)
        times.append((time.perf_counter() - began) * 1000)
    mean = (time.process_time() - processor) * 1000 / QUESTIONS
    times.sort()
    at = {f"p{share}_ms": round(times[QUESTIONS * share // 100], 2) for share in (50, 95, 99)}
    return {
        "items": size,
        "start_s": round(start, 2),
        "start_mb": round(began_memory, 1),
        "build_s": round(build, 2),
        "build_cpu_s": round(here + there, 2),
        "build_cpu_here_s": round(here, 2),
        "index_mb": round(grown, 1),
        "mean_cpu_ms": round(mean, 2),
        **at,
    }


def measure(items: Path) -> list[dict[str, float]]:
    """One row a size."""
    rows = []
    for size in SIZES:
        command = [sys.executable, "-m", "bench.nlp_speed", str(size), str(items)]
        rows.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    return rows


if __name__ == "__main__":
    print(json.dumps(one(int(sys.argv[1]), Path(sys.argv[2]))))
