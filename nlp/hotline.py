"""A city's own past messages: reading its CSV, training category and department models on them, and the report.

``python -m nlp train hotline FILE --into FOLDER``. Nothing trained on anybody else's messages is shipped: another
city's categories and departments are not this city's (a model lost a quarter of its score when it moved).
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlp import linear
from nlp.evaluation import macro_f1
from nlp.features import message_features
from nlp.linear import Linear, one_of
from nlp.normalise import normalise
from nlp.segment import Segmenter
from nlp.training import FOLDS, SEED, fold_of, sharpness_of

TARGETS = ("category", "department")
COLUMNS = ("title", "body", "reply", *TARGETS)
# A class that fewer messages have is left out: a fifth of them, held out, would say nothing.
LEAST_EACH, LEAST_ALL = 5, 50
ROWS_MAX, TEXT_MAX, LABEL_MAX, ERRORS_SHOWN = 200_000, 20_000, 60, 20
# What is chosen from: (cost of an error, weight of the title's own features).
SETTINGS = ((0.3, 0.0), (1.0, 0.0), (0.3, 0.5), (0.2, 1.0))
# With more messages than this, one fold judges the settings: the choice is clearer and training is slower.
MANY = 2_000
PRUNED_TO = 20_000


class BadMessages(Exception):
    """A file that cannot be trained on; ``errors`` are sentences, each with its line number where it has one."""

    def __init__(self, errors: Sequence[str]) -> None:
        super().__init__("; ".join(errors))
        self.errors = tuple(errors)


@dataclass(frozen=True, slots=True)
class Message:
    """One past message. Texts are normalised, personal numbers masked; a label is empty where the city gave none.

    The official reply is a second text of its class to learn from: it says in the city's own words what the matter is,
    and who dealt with it. No message is judged by it, as a new one has none.
    """

    title: str
    body: str
    labels: dict[str, str]
    reply: str = ""

    @property
    def key(self) -> str:
        """Decides the fold: copies of a message are in one fold, so none is judged by its twin."""
        return f"{self.title}\n{self.body}"


def read_messages(path: Path) -> list[Message]:
    """Messages of a CSV file in UTF-8 or GB18030 with a header; raises BadMessages with every bad line's number."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise BadMessages([f"{path}: {error.strerror or error}"]) from error
    rows = csv.reader(io.StringIO(_decoded(raw), newline=""), strict=True)
    found: list[Message] = []
    errors: list[str] = []
    try:
        header = [name.strip().lower() for name in next(rows, [])]
        _check_header(header)
        for row in rows:
            if row:
                problem = _problem(header, row)
                if problem:
                    errors.append(f"line {rows.line_num}: {problem}")
                else:
                    found.append(_message(dict(zip(header, row, strict=True))))
            if len(errors) >= ERRORS_SHOWN or len(found) > ROWS_MAX:
                break
    except csv.Error as error:
        errors.append(f"line {rows.line_num}: {error}")
    if len(found) > ROWS_MAX:
        errors.append(f"line {rows.line_num}: more than {ROWS_MAX} messages")
    if not errors and not found:
        errors.append("line 2: no messages")
    if errors:
        raise BadMessages(errors)
    return found


def _decoded(raw: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError as error:
            line = raw.count(b"\n", 0, error.start) + 1
    raise BadMessages([f"line {line}: neither UTF-8 nor GB18030"])


def _check_header(header: Sequence[str]) -> None:
    errors = [f"line 1: unknown column {name!r}" for name in header if name not in COLUMNS]
    errors += [f"line 1: column {name!r} twice" for name, count in Counter(header).items() if count > 1]
    if "title" not in header and "body" not in header:
        errors.append("line 1: a column title or body is needed")
    if not set(TARGETS) & set(header):
        errors.append("line 1: a column category or department is needed")
    if errors:
        raise BadMessages(errors)


def _problem(header: Sequence[str], row: Sequence[str]) -> str:
    if len(row) != len(header):
        return f"{len(row)} fields, the header has {len(header)}"
    values = dict(zip(header, row, strict=True))
    if any("\x00" in value for value in row):
        return "a NUL character"
    if not (values.get("title", "").strip() or values.get("body", "").strip()):
        return "title and body are empty"
    if not any(values.get(target, "").strip() for target in TARGETS):
        return "neither category nor department"
    for name, value in values.items():
        limit = LABEL_MAX if name in TARGETS else TEXT_MAX
        if len(value) > limit:
            return f"{name} is longer than {limit} characters"
    return ""


def _message(values: dict[str, str]) -> Message:
    labels = {target: values.get(target, "").strip() for target in TARGETS}
    title, body, reply = (normalise(values.get(name, "")).text for name in ("title", "body", "reply"))
    return Message(title, body, labels, reply)


@dataclass(frozen=True, slots=True)
class Trained:
    """A model and the report on it: scores by cross-validation, per class, and what was taken for what."""

    model: Linear
    report: dict[str, Any]


def train_target(messages: Sequence[Message], target: str, segmenter: Segmenter) -> Trained | None:
    """The model for one label column; None where too few messages have one.

    Five folds by SHA-1 of the text. The setting is chosen inside each training part; the messages that a fold is judged
    by have no part in it.
    """
    labelled = [message for message in messages if message.labels[target]]
    count = Counter(message.labels[target] for message in labelled)
    classes = sorted(name for name, number in count.items() if number >= LEAST_EACH)
    kept = [message for message in labelled if message.labels[target] in classes]
    if len(classes) < 2 or len(kept) < LEAST_ALL:
        return None
    replied = [message for message in kept if message.reply]
    documents = [message_features(m.title, m.body, segmenter) for m in kept]
    documents += [message_features("", message.reply, segmenter) for message in replied]
    names = [message.labels[target] for message in kept]
    labels = one_of([message.labels[target] for message in (*kept, *replied)], classes)
    # A reply is in the fold of its message, after all messages.
    folds = np.array([fold_of(message.key) for message in (*kept, *replied)])
    judged = np.arange(len(documents)) < len(kept)
    margins = np.zeros((len(kept), len(classes)), np.float32)
    for fold in range(FOLDS):
        learn = np.flatnonzero(folds != fold)
        model = fitted(documents, labels, learn, classes, chosen(documents, labels, learn, folds, judged))
        for row in np.flatnonzero((folds == fold) & judged):
            margins[row] = model.margins(documents[row])
    every = np.arange(len(documents))
    setting = chosen(documents, labels, every, folds, judged)
    model = fitted(documents, labels, every, classes, setting)
    report = _report(names, classes, margins)
    report |= {
        "target": target,
        "seed": SEED,
        "setting": setting,
        "data": _hash(kept, target),
        "left_out": {name: number for name, number in sorted(count.items()) if number < LEAST_EACH},
        "replies": len(replied),
        "sharpness": sharpness_of(margins, labels[judged].argmax(axis=1)),
    }
    about = {key: report[key] for key in ("target", "seed", "setting", "data", "messages", "sharpness", "scores")}
    return Trained(replace(model, about=about), report)


def fitted(
    documents: Sequence[Sequence[str]],
    labels: NDArray[np.int8],
    rows: NDArray[np.intp],
    classes: Sequence[str],
    setting: tuple[float, float],
) -> Linear:
    """A pruned model of these rows."""
    texts = [documents[row] for row in rows]
    cost, title = setting
    model = linear.train(texts, labels[rows], classes, cost=cost, seed=SEED, one_of_many=True, blocks=(1.0, 1.0, title))
    return model.pruned(PRUNED_TO)


def chosen(
    documents: Sequence[Sequence[str]],
    labels: NDArray[np.int8],
    rows: NDArray[np.intp],
    folds: NDArray[np.intp],
    judged: NDArray[np.bool_],
) -> tuple[float, float]:
    """The setting of the best macro-F1 when each fold of these rows, one where there are many, is judged by the others;
    only the ``judged`` rows count, the others are replies."""
    inner = sorted(set(folds[rows].tolist()))
    outputs = [str(at) for at in range(labels.shape[1])]

    def score(setting: tuple[float, float]) -> float:
        truth: list[int] = []
        guess: list[int] = []
        for fold in inner[:1] if len(rows) > MANY else inner:
            test = rows[(folds[rows] == fold) & judged[rows]]
            model = fitted(documents, labels, rows[folds[rows] != fold], outputs, setting)
            truth += labels[test].argmax(axis=1).tolist()
            guess += [int(model.margins(documents[row]).argmax()) for row in test]
        return macro_f1(truth, guess)

    return max(SETTINGS, key=score) if len(inner) > 1 else SETTINGS[0]


def _report(truth: Sequence[str], classes: Sequence[str], margins: NDArray[np.float32]) -> dict[str, Any]:
    order = np.argsort(-margins, axis=1, kind="stable")
    guess = [classes[place] for place in order[:, 0]]
    third = [name in {classes[place] for place in row[:3]} for name, row in zip(truth, order, strict=True)]
    confusion = Counter(zip(truth, guess, strict=True))
    said = Counter(guess)
    meant = Counter(truth)
    table = []
    for name in classes:
        hit = confusion[name, name]
        precision, recall = hit / max(said[name], 1), hit / meant[name]
        f1 = 2.0 * hit / (said[name] + meant[name])
        table.append(
            {"class": name, "messages": meant[name]}
            | {"precision": round(precision, 4), "recall": round(recall, 4), "f1": round(f1, 4)}
        )
    scores = {
        "macro_f1": round(macro_f1(truth, guess), 4),
        "accuracy": round(sum(t == g for t, g in zip(truth, guess, strict=True)) / len(truth), 4),
        "top_3": round(sum(third) / len(truth), 4),
    }
    pairs = [[meant_, said_, number] for (meant_, said_), number in sorted(confusion.items()) if meant_ != said_]
    pairs.sort(key=lambda pair: -int(pair[2]))
    return {"messages": len(truth), "folds": FOLDS, "scores": scores, "classes": table, "confusion": pairs}


def _hash(messages: Sequence[Message], target: str) -> str:
    digest = hashlib.sha256()
    for message in messages:
        digest.update(f"{message.key}\x00{message.labels[target]}\x00{message.reply}\x01".encode())
    return digest.hexdigest()


def as_markdown(report: dict[str, Any]) -> str:
    """The report for people."""
    scores = ", ".join(f"{name} {value:.3f}" for name, value in report["scores"].items())
    lines = [
        f"## {report['target']}: {report['messages']} messages, {len(report['classes'])} classes, "
        f"{report['folds']}-fold cross-validation",
        f"{scores}; cost and title weight {report['setting']}, seed {report['seed']}, data {report['data'][:16]}",
        "",
        "| class | messages | precision | recall | F1 |",
        "| --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {row['class']} | {row['messages']} | {row['precision']:.3f} | {row['recall']:.3f} | {row['f1']:.3f} |"
        for row in report["classes"]
    ]
    lines += ["", "| meant | taken for | messages |", "| --- | --- | --- |"]
    lines += [f"| {meant} | {said} | {number} |" for meant, said, number in report["confusion"][:15]]
    if report["left_out"]:
        few = ", ".join(f"{name} {number}" for name, number in report["left_out"].items())
        lines += ["", f"left out, fewer than {LEAST_EACH} messages: {few}"]
    return "\n".join(lines)
