"""``make demo``: the whole product on this machine, with embedded servers and simulators, nothing to install.

Everything it keeps is in ``.demo/``; a second start finds it again, ``--reset`` throws it away.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from server import embedded, settings
from services.notifications.actions import read_templates
from services.notifications.registers import sms_register, wechat_register
from simulators import wechat_pay

FOLDER = settings.ROOT / ".demo"
READY_SECONDS = 60.0
STAFF = "window"
PAY_MCHID, PAY_KEYS = "1900000001", "pay-keys"


class DemoError(RuntimeError):
    """Something did not come up."""


def main(*, reset: bool, folder: Path = FOLDER) -> int:
    """Runs until Ctrl-C or SIGTERM, or until a part of it dies. Returns the exit status."""
    if reset:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    # SIGINT too: a shell without job control starts what runs in the background deaf to it.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _interrupt)
    with contextlib.ExitStack() as stack:
        try:
            return _run(stack, folder)
        except KeyboardInterrupt:
            print("\nstopping …")
            return 0
        except (DemoError, embedded.EmbeddedError, settings.SettingsError) as error:
            print(error, file=sys.stderr)
            return 1


def _run(stack: contextlib.ExitStack, folder: Path) -> int:
    begun = time.monotonic()
    database = embedded.start_database(folder, embedded.free_port())
    stack.callback(database.stop)
    valkey = embedded.start_valkey(folder, embedded.free_port())
    stack.callback(valkey.stop)
    port = settings.read().port
    wechat_port, sms_port, pay_port = (embedded.free_port() for _ in range(3))
    environment = os.environ | _environment(folder, database.port, valkey.port, port, wechat_port, sms_port, pay_port)
    parts = {"simulators": _start(stack, folder, environment, "simulators", *_simulator_options(folder, environment))}
    # A later start finds what was changed since: a withdrawn item stays withdrawn, a closure stays.
    for command in (["init"], ["load", "--if-empty"]):
        _once(environment, command)
    _add_staff(folder, environment)
    for number in range(settings.read(environment).processes):
        parts[f"api-{number}"] = _start(stack, folder, environment, "server", "api", log=f"api-{number}")
    parts["worker"] = _start(stack, folder, environment, "server", "worker", log="worker")
    _wait_ready(f"http://127.0.0.1:{port}/readyz", parts, folder)
    print(_welcome(port, wechat_port, sms_port, pay_port, folder, time.monotonic() - begun), flush=True)
    while True:
        for name, process in parts.items():
            if process.poll() is not None:
                raise DemoError(f"{name} ended by itself ({process.returncode}); see {folder}")
        time.sleep(0.5)


def _environment(
    folder: Path, mongo: int, redis: int, port: int, wechat: int, sms: int, pay: int = 0
) -> dict[str, str]:
    """The settings of all processes. Secrets are made at the first start and kept with the data they protect.

    ``pay`` 0: no merchant is configured.
    """
    file = folder / "secrets.json"
    if not file.exists():
        made = {
            "BANSHI_MASTER_KEY": base64.b64encode(secrets.token_bytes(96)).decode(),
            "BANSHI_WECHAT_SECRET": secrets.token_hex(16),
            "BANSHI_WECHAT_PUSH_TOKEN": secrets.token_hex(8),
            "BANSHI_WECHAT_PUSH_AES_KEY": base64.b64encode(secrets.token_bytes(32)).decode()[:43],
            "BANSHI_SMS_SECRET_ID": secrets.token_hex(16),
            "BANSHI_SMS_SECRET_KEY": secrets.token_hex(16),
            "BANSHI_SMS_RECEIPT_SECRET": secrets.token_hex(16),
        }
        file.write_text(json.dumps(made))
        file.chmod(0o600)
    kept: dict[str, str] = json.loads(file.read_text())
    return (
        kept
        | (_pay_environment(folder, pay) if pay else {})
        | {
            "BANSHI_PORT": str(port),
            "BANSHI_PUBLIC_URL": f"http://127.0.0.1:{port}",
            "BANSHI_MONGO_URI": embedded.database_uri(mongo),
            "BANSHI_REDIS_URI": embedded.valkey_uri(redis),
            "BANSHI_WECHAT_APPID": "wx0000000000000001",
            "BANSHI_WECHAT_URL": f"http://127.0.0.1:{wechat}",
            "BANSHI_WECHAT_STATE": "developer",
            # Whoever tries the demo has no authenticator app at hand; one may be enrolled under 我的账号.
            "BANSHI_STAFF_SECOND_FACTOR": "optional",
            "BANSHI_DEMO_SIMULATORS_URL": f"http://127.0.0.1:{wechat}",
            "BANSHI_SMS_URL": f"http://127.0.0.1:{sms}",
            "BANSHI_SMS_APP_ID": "1400000001",
        }
    )


def _pay_environment(folder: Path, port: int) -> dict[str, str]:
    """A merchant of the WeChat Pay simulator, whose keys are made at the first start and kept."""
    made = wechat_pay.generate(folder / PAY_KEYS)
    return {
        "BANSHI_WECHAT_PAY_URL": f"http://127.0.0.1:{port}",
        "BANSHI_WECHAT_PAY_MCHID": PAY_MCHID,
        "BANSHI_WECHAT_PAY_SERIAL": made.merchant_serial,
        "BANSHI_WECHAT_PAY_PRIVATE_KEY": made.merchant_private_key,
        "BANSHI_WECHAT_PAY_APIV3_KEY": made.apiv3_key,
        "BANSHI_WECHAT_PAY_PUBLIC_KEY_ID": made.public_key_id,
        "BANSHI_WECHAT_PAY_PUBLIC_KEY": made.public_key,
    }


def _simulator_options(folder: Path, environment: dict[str, str]) -> list[str]:
    templates = read_templates((Path(settings.ROOT) / "data" / "templates.json").read_bytes())
    (folder / "wechat-templates.json").write_text(json.dumps(wechat_register(templates), ensure_ascii=False))
    (folder / "sms-templates.json").write_text(json.dumps(sms_register(templates), ensure_ascii=False))
    url = environment["BANSHI_PUBLIC_URL"]
    pay = [
        "--wechat-pay-port", environment["BANSHI_WECHAT_PAY_URL"].rsplit(":", 1)[1],
        "--wechat-pay-keys", str(folder / PAY_KEYS),
        "--mchid", environment["BANSHI_WECHAT_PAY_MCHID"],
    ] if "BANSHI_WECHAT_PAY_URL" in environment else []  # fmt: skip
    return [
        "all",
        "--wechat-port", environment["BANSHI_WECHAT_URL"].rsplit(":", 1)[1],
        "--appid", environment["BANSHI_WECHAT_APPID"],
        "--secret", environment["BANSHI_WECHAT_SECRET"],
        "--push-token", environment["BANSHI_WECHAT_PUSH_TOKEN"],
        "--aes-key", environment["BANSHI_WECHAT_PUSH_AES_KEY"],
        "--callback-url", f"{url}/callbacks/wechat",
        "--templates", str(folder / "wechat-templates.json"),
        "--sms-port", environment["BANSHI_SMS_URL"].rsplit(":", 1)[1],
        "--secret-id", environment["BANSHI_SMS_SECRET_ID"],
        "--secret-key", environment["BANSHI_SMS_SECRET_KEY"],
        "--sdk-app-id", environment["BANSHI_SMS_APP_ID"],
        "--sign-name", settings.Settings().sms_sign_name,
        "--receipt-url", f"{url}/callbacks/sms/{environment['BANSHI_SMS_RECEIPT_SECRET']}",
        "--sms-templates", str(folder / "sms-templates.json"),
        "--per-hour", "0", "--per-day", "0", "--same-content-per-day", "0",
        *pay,
    ]  # fmt: skip


def _start(
    stack: contextlib.ExitStack, folder: Path, environment: dict[str, str], module: str, *options: str, log: str = ""
) -> subprocess.Popen[bytes]:
    output = stack.enter_context((folder / f"{log or module}.log").open("ab"))
    command = [sys.executable, "-m", module, *options]
    # Sessions of their own: Ctrl-C reaches this process alone, which stops the others in the right order.
    process = subprocess.Popen(
        command, env=environment, cwd=settings.ROOT, stdout=output, stderr=output, start_new_session=True
    )
    stack.callback(embedded.stop_process, process)
    return process


def _once(environment: dict[str, str], command: list[str], given: str | None = None) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "server", *command],
        env=environment, cwd=settings.ROOT, capture_output=True, text=True, input=given, check=False,
    )  # fmt: skip
    if done.returncode:
        raise DemoError(f"`server {' '.join(command)}` failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def _add_staff(folder: Path, environment: dict[str, str]) -> None:
    """One window officer, whose password is made at the first start."""
    file = folder / "staff-password"
    if file.exists():
        return
    password = secrets.token_urlsafe(12)
    command = ["add-staff", STAFF, "--role", "window_officer", "--role", "supervisor"]
    _once(environment, command, password + "\n")
    file.write_text(password)
    file.chmod(0o600)


def _wait_ready(url: str, parts: dict[str, subprocess.Popen[bytes]], folder: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(urllib.error.URLError, OSError), urllib.request.urlopen(url, timeout=2):
            return
        for name, process in parts.items():
            if process.poll() is not None:
                tail = "\n".join(p.read_text(errors="replace")[-1500:] for p in folder.glob(f"{name}*.log"))
                raise DemoError(f"{name} ended by itself ({process.returncode})\n{tail}")
        time.sleep(0.1)
    raise DemoError(f"the API was not ready after {READY_SECONDS:.0f} s; see {folder}")


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _welcome(port: int, wechat: int, sms: int, pay: int, folder: Path, seconds: float) -> str:
    api = f"http://127.0.0.1:{port}"
    built = (Path(settings.read().h5_folder) / "index.html").exists()
    pages = "in a browser, at the size of a phone" if built else "(not built yet: `make h5`, needs Node 20)"
    return f"""
办事 Banshi is ready after {seconds:.1f} s (sample data / 示例数据).

  residents      {api}/            {pages}
  API            {api}/docs        description: {api}/openapi.json
  WeChat (sim)   http://127.0.0.1:{wechat}/control/sent
  SMS (sim)      http://127.0.0.1:{sms}/control/sent
  WeChat Pay     http://127.0.0.1:{pay}/control/orders     (simulated)
  console        {api}/console        once built by `make console`
  staff          {STAFF} / password in {folder.name}/staff-password
  logs           {folder.name}/*.log

Try:
  curl -s {api}/api/ask -d '{{"text": "身份证丢了怎么补办"}}'
  curl -s -X POST http://127.0.0.1:{wechat}/control/login -d '{{}}'       a login code, as wx.login would give
  curl -s {api}/api/session -d '{{"code": "<code>"}}'                  a token
  the whole story, step by step: README.md

Ctrl-C stops everything; the data stay in {folder.name}/ (`make demo RESET=1` starts anew).
"""
