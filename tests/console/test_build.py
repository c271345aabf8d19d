"""The console fits the API as it is now: its types are made from the API's own description when it is built."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.browser import ROOT


def test_every_screen_agrees_with_the_types_of_the_api(built: Path) -> None:
    words = ["npm", "run", "-s", "check"]
    done = subprocess.run(words, cwd=ROOT / "console", capture_output=True, text=True, check=False, timeout=170)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
