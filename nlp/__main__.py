"""``python -m nlp train|evaluate|explain TEXT``: the models and what they are worth.

``train`` writes ``nlp/data/understanding.npz`` when its held-out scores are no worse than the file's by more than a
margin; ``evaluate`` prints the report and the thresholds of least cost; ``explain`` shows all behind one answer.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import msgspec

from nlp.evaluation import evaluate
from nlp.matcher import Matcher
from nlp.policy import Policy
from nlp.training import entries_from, read_jsonl, train
from nlp.understanding import MODEL, PREVIOUS, Understanding

DATA = Path("data")
# A score may fall by this much before a new model is not written.
MARGIN = 0.01


def worse_by(old: Understanding, new: Understanding) -> dict[str, float]:
    """Scores of the new model that are lower than the old one's by more than the margin, and by how much."""
    before, after = old.about.get("scores", {}), new.about.get("scores", {})
    drops = {name: round(before[name] - after.get(name, 0.0), 4) for name in before}
    return {name: drop for name, drop in drops.items() if drop > MARGIN}


def command_train(arguments: argparse.Namespace) -> int:
    """Trains, compares with the file in use, and writes; 1 when the new model is worse and not forced."""
    new = train(entries_from(arguments.data / "items"), arguments.data / "nlp")
    old = Understanding.load(arguments.model)
    print(json.dumps(new.about, ensure_ascii=False, indent=2))
    drops = worse_by(old, new)
    if drops and not arguments.force:
        print(f"not written: {drops}", file=sys.stderr)
        return 1
    assert new.model is not None
    if arguments.model.exists() and old.model is not None:
        arguments.model.replace(arguments.model.with_suffix(PREVIOUS))
    new.model.save(arguments.model)
    return 0


def command_evaluate(arguments: argparse.Namespace) -> int:
    """Prints the report over the catalogue's questions, each left out of the index that it is asked of."""
    entries = entries_from(arguments.data / "items")
    foreign = [row["text"] for row in read_jsonl(arguments.data / "nlp" / "outside.jsonl")]
    report = evaluate(entries, foreign, Understanding.load(arguments.model), Policy())
    print(json.dumps(asdict(report), indent=2))
    return 0


def command_explain(arguments: argparse.Namespace) -> int:
    """Prints the answer to a text and everything behind it."""
    matcher = Matcher.build(
        entries_from(arguments.data / "items"), understanding=Understanding.load(arguments.model), policy=Policy()
    )
    found = matcher.explain(" ".join(arguments.text))
    shown = {"answer": msgspec.to_builtins(found.answer), "reason": found.answer.reason, **asdict(found)}
    shown["answer"] = msgspec.to_builtins(found.answer)
    print(json.dumps(shown, ensure_ascii=False, indent=2))
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m nlp", description="train, measure and explain the matcher")
    parser.add_argument("--data", type=Path, default=DATA, help="folder with items/ and nlp/")
    parser.add_argument("--model", type=Path, default=MODEL, help="model file")
    commands = parser.add_subparsers(required=True)
    training = commands.add_parser("train", help="train and write the model file")
    training.add_argument("--force", action="store_true", help="write it even when a score fell")
    training.set_defaults(run=command_train)
    commands.add_parser("evaluate", help="measure on the catalogue's own questions").set_defaults(run=command_evaluate)
    explaining = commands.add_parser("explain", help="show what is behind one answer")
    explaining.add_argument("text", nargs="+")
    explaining.set_defaults(run=command_explain)
    arguments = parser.parse_args(argv)
    return int(arguments.run(arguments))


if __name__ == "__main__":
    sys.exit(main())
