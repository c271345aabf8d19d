"""All settings, read once at start from environment variables ``BANSHI_<KEY>``; this file alone reads the environment.

An unknown ``BANSHI_…`` variable or a value that cannot be read stops the start and says which. ``docs/settings.md`` is
printed from this file (``python -m server settings``) and a test holds the two together.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

PREFIX = "BANSHI_"
ROOT = Path(__file__).resolve().parent.parent


class SettingsError(ValueError):
    """One or more settings are unknown or wrong; the message lists every one."""


def setting(default: Any, doc: str, *, secret: bool = False, minimum: int | None = None) -> Any:
    """A field with its documentation beside its default."""
    return field(default=default, metadata={"doc": doc, "secret": secret, "minimum": minimum})


@dataclass(frozen=True)
class Settings:
    """Every key, its default and what it does. Durations end in their unit."""

    # Where to listen
    listen_address: str = setting("127.0.0.1", "Address the API listens on.")
    port: int = setting(8888, "Port of the API; all its processes share it.", minimum=1)
    processes: int = setting(1, "API processes on the port; `demo` starts them, elsewhere a supervisor.", minimum=1)
    trust_proxy: bool = setting(False, "Take the client's address from X-Real-IP (only behind our own proxy).")
    public_url: str = setting("http://127.0.0.1:8888", "Address under which the outside world reaches the API.")
    metrics_token: str = setting(
        "", "When set, /metrics asks for `Authorization: Bearer <token>`; empty: loopback callers only.", secret=True
    )
    worker_metrics_port: int = setting(0, "Port of the worker's own /metrics on 127.0.0.1; 0: none.", minimum=0)
    log_level: str = setting("INFO", "DEBUG, INFO, WARNING or ERROR.")
    drain_seconds: int = setting(10, "How long a stopping API process lets running requests finish.", minimum=0)

    # Stores
    mongo_uri: str = setting("mongodb://127.0.0.1:27017/", "MongoDB, a replica set in production.", secret=True)
    mongo_database: str = setting("banshi", "Name of the database.")
    mongo_pool: int = setting(16, "Connections to MongoDB per process (16 measured as good as 100).", minimum=1)
    mongo_timeout_ms: int = setting(5000, "Time limit of one database operation.", minimum=100)
    redis_uri: str = setting("redis://127.0.0.1:6379/0", "Valkey or Redis 7+.", secret=True)
    redis_timeout_ms: int = setting(500, "Time limit of one Valkey command: callers go on without it.", minimum=10)
    data_folder: str = setting(
        str(ROOT / "data"), "The city's own data: `load` imports it, all processes read its working days."
    )

    # Secrets
    master_key: str = setting(
        "", "96 random bytes, base64: the key that protects the field encryption keys.", secret=True
    )

    # WeChat
    wechat_url: str = setting("https://api.weixin.qq.com", "WeChat's server API.")
    wechat_appid: str = setting("", "App id of the mini-program.")
    wechat_secret: str = setting("", "App secret of the mini-program.", secret=True)
    wechat_push_token: str = setting("", "Token of the message push.", secret=True)
    wechat_push_aes_key: str = setting("", "EncodingAESKey of the message push, 43 characters.", secret=True)
    wechat_state: str = setting("formal", "Which mini-program a message opens: developer, trial or formal.")
    wechat_timeout_ms: int = setting(3000, "Time limit of one call to WeChat.", minimum=100)

    # SMS
    sms_url: str = setting("https://sms.tencentcloudapi.com", "Tencent Cloud SMS.")
    sms_secret_id: str = setting("", "Key id of Tencent Cloud.", secret=True)
    sms_secret_key: str = setting("", "Key of Tencent Cloud.", secret=True)
    sms_app_id: str = setting("", "SmsSdkAppId.")
    sms_sign_name: str = setting("威海政务服务", "Reviewed signature of the messages.")
    sms_region: str = setting("ap-beijing", "Region of the SMS service.")
    sms_receipt_secret: str = setting("", "Last part of the receipts' path: receipts are not signed.", secret=True)
    sms_param_length: int = setting(
        20, "Most characters of one SMS parameter, as the operator's console shows it (6 for new accounts).", minimum=1
    )
    sms_timeout_ms: int = setting(5000, "Time limit of one call to the SMS service.", minimum=100)

    # Rules of the city
    hold_seconds: int = setting(300, "How long a chosen place is held for confirmation.", minimum=1)
    offer_minutes: int = setting(30, "How long a freed place is offered to the first of the waiting list.", minimum=1)
    booking_days: int = setting(30, "How many days ahead places are offered.", minimum=1)
    bookings_per_person: int = setting(3, "Open bookings and waiting entries per person.", minimum=1)
    no_shows_until_block: int = setting(3, "No-shows within the window that suspend booking.", minimum=1)
    no_show_window_days: int = setting(90, "Window in which no-shows count.", minimum=1)
    no_show_block_days: int = setting(30, "How long booking stays suspended after the last no-show.", minimum=1)
    reminder_hour: int = setting(10, "Hour of the day before (Shanghai) at which the reminder goes out.", minimum=0)
    quiet_from_hour: int = setting(21, "Messages that can wait are not sent from this hour (Shanghai)…", minimum=0)
    quiet_until_hour: int = setting(8, "…until this hour.", minimum=0)
    resident_session_days: int = setting(30, "Absolute life of a resident's session.", minimum=1)
    staff_idle_minutes: int = setting(30, "Staff sessions end after so long without a request.", minimum=1)
    staff_session_hours: int = setting(12, "Absolute life of a staff session.", minimum=1)
    staff_failures_until_lock: int = setting(5, "Wrong passwords in a row that lock a staff account.", minimum=1)
    staff_lock_minutes: int = setting(15, "How long a locked staff account stays locked.", minimum=1)

    # Limits
    limit_read_per_minute: int = setting(600, "Reads per minute and caller.", minimum=1)
    limit_ask_per_minute: int = setting(120, "Questions per minute and caller.", minimum=1)
    limit_write_per_minute: int = setting(60, "Writes per minute and caller.", minimum=1)
    limit_login_per_minute: int = setting(30, "Logins and identity checks per minute and caller.", minimum=1)
    limit_callback_per_minute: int = setting(60_000, "Calls from outside systems per minute and address.", minimum=1)
    body_limit_kb: int = setting(1024, "Largest request body.", minimum=1)

    def __post_init__(self) -> None:
        wrong = [
            f"{PREFIX}{f.name.upper()}: at least {least}"
            for f in fields(self)
            if _below(self, f.name, least := f.metadata["minimum"])
        ]
        if self.log_level not in ("DEBUG", "INFO", "WARNING", "ERROR"):
            wrong.append(f"{PREFIX}LOG_LEVEL: one of DEBUG, INFO, WARNING, ERROR")
        if self.wechat_state not in ("developer", "trial", "formal"):
            wrong.append(f"{PREFIX}WECHAT_STATE: one of developer, trial, formal")
        for name in ("reminder_hour", "quiet_from_hour", "quiet_until_hour"):
            if not 0 <= getattr(self, name) <= 23:
                wrong.append(f"{PREFIX}{name.upper()}: an hour, 0 to 23")
        if self.master_key and len(_base64(self.master_key)) != 96:
            wrong.append(f"{PREFIX}MASTER_KEY: 96 bytes in base64")
        if wrong:
            raise SettingsError("\n".join(wrong))

    @property
    def master_key_bytes(self) -> bytes:
        """The field encryption's master key. Raises SettingsError when it is not set: there is no safe default."""
        if not self.master_key:
            raise SettingsError(
                f"{PREFIX}MASTER_KEY must be set: 96 random bytes in base64 (`python -m server new-key`)"
            )
        return _base64(self.master_key)


def read(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of this process. Raises SettingsError that lists every unknown key and every wrong value."""
    environment = os.environ if environment is None else environment
    known = {f"{PREFIX}{f.name.upper()}": f for f in fields(Settings)}
    values: dict[str, Any] = {}
    wrong: list[str] = []
    for key, text in environment.items():
        if not key.startswith(PREFIX):
            continue
        if key not in known:
            wrong.append(f"{key}: no such setting")
            continue
        try:
            values[known[key].name] = _parse(known[key].type, text)
        except ValueError as error:
            wrong.append(f"{key}: {error}")
    if wrong:
        raise SettingsError("\n".join(wrong))
    return Settings(**values)


def environment_of(settings: Settings) -> dict[str, str]:
    """The variables that give another process the same settings."""
    return {
        f"{PREFIX}{f.name.upper()}": str(getattr(settings, f.name))
        for f in fields(settings)
        if getattr(settings, f.name) != f.default
    }


def documentation() -> str:
    """docs/settings.md."""
    lines = ["# Settings", "", "Environment variables, read once at start. Printed by `python -m server settings`.", ""]
    lines += ["| variable | default | what it does |", "| --- | --- | --- |"]
    for f in fields(Settings):
        default = (
            "`data/` beside the code" if f.name == "data_folder" else f"`{f.default}`" if f.default != "" else "(empty)"
        )
        secret = " Secret." if f.metadata["secret"] else ""
        lines.append(f"| `{PREFIX}{f.name.upper()}` | {default} | {f.metadata['doc']}{secret} |")
    return "\n".join(lines) + "\n"


def _parse(kind: Any, text: str) -> Any:
    if kind in (int, "int"):
        try:
            return int(text)
        except ValueError:
            raise ValueError("a whole number") from None
    if kind in (bool, "bool"):
        if text.lower() not in ("true", "false", "1", "0"):
            raise ValueError("true or false")
        return text.lower() in ("true", "1")
    return text


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _below(settings: Settings, name: str, minimum: int | None) -> bool:
    return minimum is not None and getattr(settings, name) < minimum
