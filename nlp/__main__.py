"""``python -m nlp train|evaluate|explain TEXT``: the models and what they are worth.

``train`` writes ``nlp/data/understanding.npz`` when its held-out scores are no worse than the file's by more than a
margin; ``train hotline FILE`` does the same for a city's own past messages; ``evaluate`` prints the report and the
thresholds of least cost; ``explain`` shows all behind one answer.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec

from nlp.evaluation import evaluate
from nlp.hotline import TARGETS, BadMessages, as_markdown, read_messages, train_target
from nlp.linear import BrokenModel, Linear
from nlp.matcher import Matcher
from nlp.policy import Policy
from nlp.segment import Segmenter
from nlp.training import entries_from, read_jsonl, train
from nlp.understanding import MODEL, PREVIOUS, Understanding

DATA = Path("data")
# A score may fall by this much before a new model is not written.
MARGIN = 0.01


def worse_by(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, float]:
    """Scores of the new model that are lower than the old one's by more than the margin, and by how much; both given
    by what they say about themselves."""
    before, after = old.get("scores", {}), new.get("scores", {})
    drops = {name: round(before[name] - after.get(name, 0.0), 4) for name in before}
    return {name: drop for name, drop in drops.items() if drop > MARGIN}


def command_train(arguments: argparse.Namespace) -> int:
    """Trains, compares with the file in use, and writes; 1 when the new model is worse and not forced."""
    if arguments.what:
        return _train_hotline(arguments)
    new = train(entries_from(arguments.data / "items"), arguments.data / "nlp")
    old = Understanding.load(arguments.model)
    print(json.dumps(new.about, ensure_ascii=False, indent=2))
    drops = worse_by(old.about, new.about)
    if drops and not arguments.force:
        print(f"not written: {drops}", file=sys.stderr)
        return 1
    assert new.model is not None
    if arguments.model.exists() and old.model is not None:
        arguments.model.replace(arguments.model.with_suffix(PREVIOUS))
    new.model.save(arguments.model)
    return 0


def _train_hotline(arguments: argparse.Namespace) -> int:
    """Trains the models of a city's own messages; 2 for a file that cannot be trained on."""
    if arguments.file is None or arguments.into is None:
        print("train hotline needs FILE and --into FOLDER", file=sys.stderr)
        return 2
    try:
        messages = read_messages(arguments.file)
    except BadMessages as error:
        print("\n".join(error.errors), file=sys.stderr)
        return 2
    segmenter = Segmenter()
    found = [trained for target in TARGETS if (trained := train_target(messages, target, segmenter))]
    if not found:
        print("too few messages with a label: nothing was trained", file=sys.stderr)
        return 2
    arguments.into.mkdir(parents=True, exist_ok=True)
    worse = False
    for trained in found:
        print(as_markdown(trained.report), end="\n\n")
        path = arguments.into / f"{trained.report['target']}.npz"
        drops = worse_by(_about(path), trained.model.about)
        if drops and not arguments.force:
            worse = True
            print(f"not written: {path.name}: {drops}", file=sys.stderr)
            continue
        trained.model.save(path)
        report = json.dumps(trained.report, ensure_ascii=False, indent=2)
        path.with_suffix(".report.json").write_text(report + "\n", encoding="utf-8")
    return int(worse)


def _about(path: Path) -> dict[str, Any]:
    try:
        return Linear.load(path).about
    except BrokenModel:
        return {}


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
    training.add_argument("what", nargs="?", choices=["hotline"], help="nothing: the shipped models")
    training.add_argument("file", nargs="?", type=Path, help="CSV with title, body, category and/or department")
    training.add_argument("--into", type=Path, help="folder for the models of a city's messages")
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
