"""What a city copies into its machines names things that exist."""

from __future__ import annotations

import re
from pathlib import Path

from server import settings

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"


def test_every_line_of_the_environment_file_is_a_setting() -> None:
    lines = (DEPLOY / "banshi.env.example").read_text(encoding="utf-8").splitlines()
    given = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    assert settings.read(given | {"BANSHI_METRICS_TOKEN": "t"}).trust_proxy is True


def test_units_run_commands_that_exist() -> None:
    ran = {m for unit in DEPLOY.glob("systemd/*.service") for m in re.findall(r"-m server (\S+)", unit.read_text())}
    assert ran == {"api", "init", "worker"}


def test_the_proxy_lets_the_largest_file_through() -> None:
    allowed = re.search(r"client_max_body_size (\d+)m;", (DEPLOY / "nginx.conf").read_text())
    assert allowed is not None
    assert int(allowed[1]) > settings.read({}).file_limit_mb
