"""``make demo`` as a new user meets it: one command starts everything, Ctrl-C stops everything, the data stay."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from server import embedded
from server.settings import ROOT

PARTS = ("secantusd-py", "valkey-server", "-m server", "-m simulators")


@contextlib.contextmanager
def demo(folder: Path, port: int, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A running demo and what it has printed."""
    command = [sys.executable, "-m", "server", "demo", "--folder", str(folder), *options]
    environment = os.environ | {"BANSHI_PORT": str(port), "BANSHI_PROCESSES": "2"}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        said = ""
        while "Ctrl-C" not in said:
            line = process.stdout.readline()
            assert line, f"the demo ended: {process.wait()}\n{said}"
            said += line
        yield process, said
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                assert process.wait(120) == 0
            finally:
                embedded.stop_process(process)
        assert process.stdout is not None
        process.stdout.close()


def left_behind(folder: Path) -> list[str]:
    """Command lines of processes that work in or for this demo."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            inside = str(folder) in line or str(folder).encode() in (entry / "environ").read_bytes()
            if inside and any(part in line for part in PARTS):
                found.append(line)
    return found


def _spent() -> float:
    """Seconds of a processor that the programs started so far, and theirs, have had until they ended."""
    ended = os.times()
    return ended.children_user + ended.children_system


@pytest.mark.slow
def test_the_demo_starts_stops_and_starts_again_with_its_data(tmp_path: Path) -> None:
    port, api = embedded.free_port(), ""
    with demo(tmp_path, port) as (_, said):
        assert "示例数据" in said
        api = f"http://127.0.0.1:{port}"
        assert httpx.get(f"{api}/readyz").json()["items"] >= 300
        answer = httpx.post(f"{api}/api/ask", json={"text": "身份证丢了怎么补办"}).json()
        assert answer["sure"]
        password = (tmp_path / "staff-password").read_text()
        assert left_behind(tmp_path)
    assert left_behind(tmp_path) == []
    with pytest.raises(OSError, match="refused"), socket.create_connection(("127.0.0.1", port), 1):
        pass
    began = _spent()
    with demo(tmp_path, port):
        signed = httpx.post(f"{api}/staff/session", json={"username": "window", "password": password})
        assert signed.status_code == 201
    assert left_behind(tmp_path) == []
    # Not the time by the clock, which depends on what else the machine does.
    assert _spent() - began < 60
    with demo(tmp_path, port, "--reset"):
        signed = httpx.post(f"{api}/staff/session", json={"username": "window", "password": password})
        assert signed.status_code == 401, "a new start has a new password"


def test_a_wrong_setting_stops_the_demo_and_is_named(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "server", "demo", "--folder", str(tmp_path)]
    environment = os.environ | {"BANSHI_PROCESSES": "many"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 1
    assert "BANSHI_PROCESSES: a whole number" in done.stderr
    assert "Traceback" not in done.stderr
    assert left_behind(tmp_path) == []
