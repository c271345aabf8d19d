"""``python -m bench.nlp``: what the matcher is worth, on public texts and on the project's own items.

The public texts lie outside the repository; without them (``--data``), only speed and the own items are measured.
Splits follow the last bit of a text's SHA-1 (``bench.nlp_data.half``). Prints tables in Markdown.
"""

from __future__ import annotations

import argparse
import platform
import sys
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np

from bench import nlp_classes, nlp_retrieval, nlp_speed
from nlp.evaluation import evaluate, written_by_others
from nlp.matcher import Matcher
from nlp.policy import Policy
from nlp.training import entries_from, read_jsonl
from nlp.understanding import Understanding


def main() -> int:
    """The exit status: 0 also where the public texts are not there."""
    parser = argparse.ArgumentParser(prog="python -m bench.nlp")
    parser.add_argument("--data", type=Path, default=Path("public-texts"), help="folder of the public texts")
    parser.add_argument("--items", type=Path, default=Path("data/items"))
    arguments = parser.parse_args()
    print(f"{time.strftime('%Y-%m-%d')}, Python {platform.python_version()}, {platform.machine()}\n")
    rows = nlp_speed.measure(arguments.items)
    print("| " + " | ".join(rows[0]) + " |\n|" + " --- |" * len(rows[0]))
    for row in rows:
        print("| " + " | ".join(str(value) for value in row.values()) + " |")
    own(arguments.items)
    if not (arguments.data / "dev").is_dir():
        print(f"\npublic texts: skipped, no folder {arguments.data / 'dev'} (give it with --data)")
        return 0
    print("\n| measure | value | 95 % | n | goal | note |\n| --- | --- | --- | --- | --- | --- |")
    for measure in (*nlp_retrieval.MEASURES, *nlp_classes.MEASURES):
        for line in measure(arguments.data):
            bounds = f"{line.low:.3f} .. {line.high:.3f}"
            print(
                f"| {line.measure} | {line.value:.3f} | {bounds} | {line.n} | {line.goal} | {line.note} |", flush=True
            )
    return 0


def own(items: Path) -> None:
    """The project's own questions, each left out of the index that it is asked of."""
    foreign = [row["text"] for row in read_jsonl(items.parent / "nlp" / "outside.jsonl")]
    report = evaluate(entries_from(items), foreign, Understanding.load(), Policy())
    print("\n| own items | value |\n| --- | --- |")
    for name, value in asdict(report).items():
        print(f"| {name} | {value} |")
    rows = read_jsonl(items.parent / "nlp" / "unseen.jsonl")
    found = written_by_others(Matcher.build(entries_from(items)), rows)
    print(
        "\n| phrasings of somebody who has seen no alias | value | 95 % | n | goal |\n| --- | --- | --- | --- | --- |"
    )
    for name, hits, goal in (
        ("R@1", [place == 0 for place, _ in found], ">= .90"),
        ("R@3", [0 <= place < 3 for place, _ in found], ">= .97"),
        ("wrong confident answers", [wrong for _, wrong in found], "<= .02"),
    ):
        low, high = nlp_retrieval.interval(np.array(hits))
        print(f"| {name} | {np.mean(hits):.3f} | {low:.3f} .. {high:.3f} | {len(hits)} | {goal} |")


if __name__ == "__main__":
    sys.exit(main())
