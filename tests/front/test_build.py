"""The front's own checks: types current, and whatever `npm run check` and `npm test` find."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.front.support import MINIPROGRAM


def npm(*words: str) -> None:
    done = subprocess.run(words, cwd=MINIPROGRAM, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]


def test_the_clients_types_are_those_of_the_api(h5: str, tmp_path: Path) -> None:
    """After a change of the API: `npm run types`, and the compiler shows what it means for the pages."""
    made = tmp_path / "schema.d.ts"
    npm("node", "build/types.mjs", str(made))
    current = (MINIPROGRAM / "src" / "api" / "schema.d.ts").read_text(encoding="utf-8")
    assert current == made.read_text(encoding="utf-8"), "run `npm run types` in miniprogram/"


@pytest.mark.timeout(400)
def test_both_builds_pass_all_checks_and_the_pages_run_in_wechats_engine(h5: str) -> None:
    npm("npm", "run", "-s", "check")
    npm("npm", "test", "-s")
