"""Building a matcher in a process of its own: ``build(entries)``, in a thread, gives what ``Matcher.build`` gives.

A thread shares the interpreter with the event loop, and single steps of a large build hold it for longer than the 20 ms
that the loop may be late. The other process leaves the index in files of a private folder, arrays as they are in
memory; reading them does not hold the interpreter. Small catalogues are built in the thread: their steps are short, and
starting a process takes longer than they do. Where no process can be had, large ones are too (logged).
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import msgspec
import numpy as np

from nlp.build import Arrays
from nlp.entry import Entry
from nlp.index import ItemIndex
from nlp.matcher import Matcher, terms_of
from nlp.policy import Policy
from nlp.segment import Segmenter
from nlp.understanding import Understanding

log = logging.getLogger(__name__)

ROOT = Path(__file__).parents[1]
# Entries from which a process is worth its start, a third of a second.
APART_FROM = 1_000
# Entries that are written and read in one go: encoding holds the interpreter, about a millisecond for so many.
CHUNK = 256
# 20,000 entries take about two seconds of a free processor; with ten others on each, over a minute.
SECONDS_MAX = 300.0
# The build is in no hurry; who answers questions meanwhile comes first.
NICE = 5
ENTRIES, OTHERS, POLICY = "entries.{}", "others.json", "policy"


def build(entries: Sequence[Entry], *, policy: Policy | None = None, apart_from: int = APART_FROM) -> Matcher:
    """A matcher over these entries, with the models in ``nlp/data``. Blocks: call it in a thread."""
    policy = policy or Policy()
    if len(entries) >= apart_from:
        try:
            with tempfile.TemporaryDirectory(prefix="banshi-index-") as name:
                folder = Path(name)
                _write(entries, policy, folder)
                command = [sys.executable, "-m", "nlp.apart", str(folder)]
                subprocess.run(command, cwd=ROOT, check=True, timeout=SECONDS_MAX, capture_output=True)  # noqa: S603
                return _matcher(entries, policy, folder)
        except (OSError, subprocess.SubprocessError, ValueError, EOFError) as error:
            said = getattr(error, "stderr", None) or b""
            log.warning(
                "nlp_build_apart_failed", extra={"error": repr(error), "said": said[-500:].decode(errors="replace")}
            )
    return Matcher.build(entries, policy=policy)


def _write(entries: Sequence[Entry], policy: Policy, folder: Path) -> None:
    (folder / POLICY).write_bytes(msgspec.msgpack.encode(policy))
    for at in range(0, len(entries), CHUNK):
        (folder / ENTRIES.format(at)).write_bytes(msgspec.msgpack.encode(entries[at : at + CHUNK]))


def _matcher(entries: Sequence[Entry], policy: Policy, folder: Path) -> Matcher:
    """From the files that the other process left; raises OSError or ValueError where one is missing or cut off."""
    others = json.loads((folder / OTHERS).read_bytes())
    arrays = Arrays(
        vocabulary={word: number for number, word in enumerate(others["vocabulary"])},
        coarse=others["coarse"],
        **{name: np.load(folder / f"{name}.npy", allow_pickle=False) for name in _array_names()},
    )
    index = ItemIndex(arrays, len(entries), policy.sharpness)
    return Matcher(entries, Segmenter(others["terms"]), index, Understanding.load(), policy)


def _array_names() -> list[str]:
    return [field.name for field in fields(Arrays) if field.name not in ("vocabulary", "coarse")]


def main(folder: Path) -> None:
    """In the other process: reads the entries of the folder, leaves the index there."""
    os.nice(NICE)
    policy = msgspec.msgpack.decode((folder / POLICY).read_bytes(), type=Policy)
    entries: list[Entry] = []
    while (path := folder / ENTRIES.format(len(entries))).exists():
        entries += msgspec.msgpack.decode(path.read_bytes(), type=list[Entry])
    terms = sorted(terms_of(entries))
    arrays = ItemIndex.build(entries, Segmenter(terms), policy).arrays
    for name in _array_names():
        np.save(folder / f"{name}.npy", getattr(arrays, name), allow_pickle=False)
    others = {"vocabulary": list(arrays.vocabulary), "coarse": arrays.coarse, "terms": terms}
    (folder / OTHERS).write_text(json.dumps(others, ensure_ascii=False), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
