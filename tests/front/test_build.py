"""The front's own checks: whatever `npm run check` (types of the API as it is now, sizes) and `npm test` find."""

from __future__ import annotations

import subprocess

from tests.front.support import MINIPROGRAM


def npm(*words: str) -> None:
    done = subprocess.run(words, cwd=MINIPROGRAM, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]


def test_both_builds_pass_all_checks_and_the_pages_run_in_wechats_engine(h5: str) -> None:
    npm("npm", "run", "-s", "check")
    npm("npm", "test", "-s")
