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
    models_folder: str = setting(
        "", "The city's own models (`python -m nlp train hotline … --into`), read at the start; empty: none."
    )

    h5_folder: str = setting(
        str(ROOT / "miniprogram" / "dist" / "build" / "h5"),
        "The residents' pages for browsers; none there: not served.",
    )
    console_folder: str = setting(str(ROOT / "console" / "dist"), "The staff console, built; none there: not served.")
    demo_simulators_url: str = setting(
        "", "Only in a demo: the WeChat simulator on this machine, which plays WeChat's app for pages in a browser."
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

    # WeChat Pay
    wechat_pay_url: str = setting("https://api.mch.weixin.qq.com", "WeChat Pay's API v3.")
    wechat_pay_mchid: str = setting("", "Merchant id; empty: no online payment is offered.")
    wechat_pay_serial: str = setting("", "Serial number of the merchant's certificate.")
    wechat_pay_private_key: str = setting("", "The merchant's private key: PEM, or the path of its file.", secret=True)
    wechat_pay_apiv3_key: str = setting("", "APIv3 key, 32 bytes.", secret=True)
    wechat_pay_public_key_id: str = setting("", "Id of WeChat Pay's public key, PUB_KEY_ID_….")
    wechat_pay_public_key: str = setting("", "WeChat Pay's public key: PEM, or the path of its file.")
    wechat_pay_timeout_ms: int = setting(5000, "Time limit of one call to WeChat Pay.", minimum=100)
    pay_order_seconds: int = setting(5400, "How long an order can be paid before it is closed.", minimum=5)
    pay_query_seconds: int = setting(900, "After so long without a callback WeChat Pay is asked.", minimum=1)
    pay_retry_seconds: int = setting(30, "First pause after a failed call to WeChat Pay; it grows.", minimum=1)
    pay_refund_query_seconds: int = setting(60, "First look at a refund that was accepted; later ones grow.", minimum=1)
    pay_refund_apart_seconds: int = setting(
        61, "Between two refunds of an order (WeChat Pay: at least a minute).", minimum=0
    )

    pay_bill_minute: int = setting(
        605,
        "Minute of the day (Shanghai) from which yesterday's bill is fetched; WeChat Pay makes it about 10:00.",
        minimum=0,
    )
    pay_fee_basis_points: int = setting(60, "WeChat Pay's contracted fee in 1/10,000 of an amount.", minimum=0)

    # Rules of the city
    hold_seconds: int = setting(300, "How long a chosen place is held for confirmation.", minimum=1)
    offer_minutes: int = setting(30, "How long a freed place is offered to the first of the waiting list.", minimum=1)
    booking_days: int = setting(30, "How many days ahead places are offered.", minimum=1)
    bookings_per_person: int = setting(3, "Open bookings and waiting entries per person.", minimum=1)
    no_shows_until_block: int = setting(3, "No-shows within the window that suspend booking.", minimum=1)
    no_show_window_days: int = setting(90, "Window in which no-shows count.", minimum=1)
    no_show_block_days: int = setting(30, "How long booking stays suspended after the last no-show.", minimum=1)
    reminder_hour: int = setting(10, "Hour of the day before (Shanghai) at which the reminder goes out.", minimum=0)
    case_silence_days: int = setting(
        5, "Working days after which an application that nobody looked at counts as accepted.", minimum=1
    )
    case_close_days: int = setting(15, "Days after which a case whose result was handed over is closed.", minimum=1)
    case_supplement_days: int = setting(
        15, "Working days that a supplement notice leaves to hand in what is missing.", minimum=1
    )
    quiet_from_hour: int = setting(21, "Messages that can wait are not sent from this hour (Shanghai)…", minimum=0)
    quiet_until_hour: int = setting(8, "…until this hour.", minimum=0)
    resident_session_days: int = setting(30, "Absolute life of a resident's session.", minimum=1)
    staff_idle_minutes: int = setting(30, "Staff sessions end after so long without a request.", minimum=1)
    staff_session_hours: int = setting(12, "Absolute life of a staff session.", minimum=1)
    staff_failures_until_lock: int = setting(5, "Wrong passwords in a row that lock a staff account.", minimum=1)
    staff_lock_minutes: int = setting(15, "How long a locked staff account stays locked.", minimum=1)

    staff_second_factor: str = setting(
        "required", "Staff sign in with a one-time password too: required, or optional (who has enrolled is asked)."
    )

    consultation_silent_minutes: int = setting(
        5, "An officer who owes an answer for so long (working time) loses the conversation.", minimum=1
    )
    consultation_idle_minutes: int = setting(30, "A conversation without a new message ends after so long.", minimum=1)

    complaint_consult_days: int = setting(
        2, "Working days within which a question to a department is answered.", minimum=1
    )
    complaint_request_days: int = setting(10, "Working days for a request or a suggestion.", minimum=1)
    complaint_days: int = setting(15, "Working days for a complaint.", minimum=1)
    complaint_close_days: int = setting(
        15, "Days after which an answered complaint is closed, unless its complainant did.", minimum=1
    )
    dialogue_minutes: int = setting(30, "How long a dialogue is kept without a word.", minimum=1)
    dialogue_rounds: int = setting(2, "Questions back in a row until a person goes on.", minimum=1)

    learning_votes: int = setting(
        3, "Residents (an officer counts for all) whose choice of an item makes their words a proposal.", minimum=1
    )
    learning_majority_percent: int = setting(70, "Least share of the votes on the same words that agree.", minimum=1)
    learning_unanswered: int = setting(
        5, "Residents left without an answer to the same words that make a question for the knowledge base.", minimum=1
    )
    learning_domain_percent: int = setting(
        50, "Least probability of being about our services for an unanswered text to count.", minimum=0
    )
    learning_signal_days: int = setting(90, "How long what residents did with an answer is kept.", minimum=1)
    learning_margin_permille: int = setting(
        1, "A proposal that lowers a score of the evaluation by more needs a reason.", minimum=0
    )
    learning_effect_seconds: int = setting(
        30, "Time for the evaluation of one proposal; after it no further part is begun.", minimum=1
    )

    # Limits
    limit_read_per_minute: int = setting(600, "Reads per minute and caller.", minimum=1)
    limit_ask_per_minute: int = setting(120, "Questions per minute and caller.", minimum=1)
    limit_write_per_minute: int = setting(60, "Writes per minute and caller.", minimum=1)
    limit_chat_per_minute: int = setting(120, "Chat messages and their like per minute and caller.", minimum=1)
    limit_login_per_minute: int = setting(30, "Logins and identity checks per minute and caller.", minimum=1)
    limit_callback_per_minute: int = setting(60_000, "Calls from outside systems per minute and address.", minimum=1)
    body_limit_kb: int = setting(1024, "Largest request body, uploads of files aside.", minimum=1)
    file_limit_mb: int = setting(10, "Largest file (JPEG, PNG, PDF) that is taken.", minimum=1)
    files_per_day: int = setting(50, "New files that one person may hand in on a day.", minimum=1)
    staff_files_per_day: int = setting(2000, "New files that one officer may hand in on a day: scans.", minimum=1)
    orphan_file_days: int = setting(7, "Days after which a file that nothing refers to is removed.", minimum=1)

    def __post_init__(self) -> None:
        wrong = [
            f"{PREFIX}{f.name.upper()}: at least {least}"
            for f in fields(self)
            if _below(self, f.name, least := f.metadata["minimum"])
        ]
        if self.log_level not in ("DEBUG", "INFO", "WARNING", "ERROR"):
            wrong.append(f"{PREFIX}LOG_LEVEL: one of DEBUG, INFO, WARNING, ERROR")
        if self.demo_simulators_url and not self.demo_simulators_url.startswith("http://127.0.0.1:"):
            wrong.append(f"{PREFIX}DEMO_SIMULATORS_URL: only http://127.0.0.1:<port>, and only in a demo")
        if self.staff_second_factor not in ("required", "optional"):
            wrong.append(f"{PREFIX}STAFF_SECOND_FACTOR: required or optional")
        for name in ("learning_majority_percent", "learning_domain_percent"):
            if getattr(self, name) > 100:
                wrong.append(f"{PREFIX}{name.upper()}: a percentage, at most 100")
        wrong += _payment_faults(self)
        if self.pay_bill_minute > 1439:
            wrong.append(f"{PREFIX}PAY_BILL_MINUTE: a minute of the day, 0 to 1439")
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
    def wechat_pay_is_set(self) -> bool:
        """Whether online payment is offered."""
        return bool(self.wechat_pay_mchid)

    def wechat_pay_pem(self, name: str) -> str:
        """``private_key`` or ``public_key`` as PEM, read from its file where the setting is a path. Raises
        SettingsError."""
        value: str = getattr(self, f"wechat_pay_{name}")
        if "-----BEGIN" in value:
            return value
        try:
            return Path(value).read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"{PREFIX}WECHAT_PAY_{name.upper()}: no PEM and no readable file") from error

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
            f"`{Path(str(f.default)).relative_to(ROOT)}/` beside the code"
            if f.name.endswith("_folder") and f.default
            else f"`{f.default}`"
            if f.default != ""
            else "(empty)"
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


def _payment_faults(settings: Settings) -> list[str]:
    """With a merchant id all of WeChat Pay's settings are needed; without one none is looked at."""
    if not settings.wechat_pay_mchid:
        return []
    names = ("serial", "private_key", "apiv3_key", "public_key_id", "public_key")
    wrong = [
        f"{PREFIX}WECHAT_PAY_{name.upper()}: needed with {PREFIX}WECHAT_PAY_MCHID"
        for name in names
        if not getattr(settings, f"wechat_pay_{name}")
    ]
    if settings.wechat_pay_apiv3_key and len(settings.wechat_pay_apiv3_key.encode()) != 32:
        wrong.append(f"{PREFIX}WECHAT_PAY_APIV3_KEY: 32 bytes")
    return wrong


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _below(settings: Settings, name: str, minimum: int | None) -> bool:
    return minimum is not None and getattr(settings, name) < minimum
