from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import msgspec

from nlp.effect import Change, Effect, Request, effect, written_trials
from nlp.entry import Entry

from .conftest import ROOT
from .test_matcher import CARD, PASS


def written(folder: Path, *pairs: tuple[str, str]) -> Path:
    lines = [json.dumps({"text": text, "item": item}, ensure_ascii=False) for text, item in pairs]
    (folder / "unseen.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return folder


def test_a_useful_question_is_seen_to_help_and_a_wrong_alias_to_harm(tmp_path: Path) -> None:
    entries = [CARD, PASS]
    folder = written(tmp_path, ("出国玩的小本本", PASS.code), (PASS.name, PASS.code))
    good = Change(code=PASS.code, text="出国玩的小本本", alias=True)
    found = effect(Request(entries=entries, change=good, folder=str(folder), seconds=60))
    assert found.after.first >= found.before.first
    assert found.text.after.item == PASS.code
    assert not found.sampled
    wrong = Change(code=CARD.code, text=PASS.name, alias=True)
    bare = [CARD, replace(PASS, aliases=(), questions=(), keywords=())]
    harmed = effect(Request(entries=bare, change=wrong, folder=str(folder), seconds=60))
    assert harmed.changed
    assert any(one.text == PASS.name for one in harmed.changed)


def test_phrasings_of_items_that_are_not_in_the_catalogue_are_not_asked(tmp_path: Path) -> None:
    folder = written(tmp_path, ("出国", PASS.code), ("回国", "000000000000"))
    (folder / "outside.jsonl").write_text('{"text": "今天天气"}', encoding="utf-8")
    assert [(t.text, t.code) for t in written_trials(folder, {PASS.code})] == [("出国", PASS.code), ("今天天气", "")]
    assert written_trials(tmp_path / "nowhere", {PASS.code}) == []


def test_without_time_one_fold_is_asked_and_the_sample_is_told(entries: list[Entry], tmp_path: Path) -> None:
    change = Change(code=entries[0].code, text="随便说说的一句话", alias=False)
    found = effect(Request(entries=entries, change=change, folder=str(tmp_path), seconds=0))
    assert found.sampled
    assert 0 < found.trials < found.questions / 3


def test_the_process_reads_a_request_and_writes_the_effect(tmp_path: Path) -> None:
    change = Change(code=CARD.code, text="小卡片", alias=True)
    request = Request(entries=[CARD, PASS], change=change, folder=str(tmp_path), seconds=1)
    command = [sys.executable, "-m", "nlp.effect"]
    done = subprocess.run(command, input=msgspec.json.encode(request), capture_output=True, cwd=ROOT, check=True)
    assert msgspec.json.decode(done.stdout, type=Effect).text.text == "小卡片"
    broken = subprocess.run(command, input=b"{}", capture_output=True, cwd=ROOT, check=False)
    assert broken.returncode != 0
