"""The shape of the house: import directions, rights, error codes, settings, events, the API's description."""

from __future__ import annotations

import ast
import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from openapi_spec_validator import validate

from handlers.openapi import document, page
from handlers.routing import ANYONE, Caller, Idempotency, Limit, Route
from kernel.errors import Code
from server import settings
from server.app import ROUTES
from server.wiring import STORES
from services.appointments.machine import MACHINE
from services.cases.machine import EVENTS as CASE_EVENTS
from services.cases.machine import MACHINE as CASE
from services.cases.machine import TASK
from services.catalogue.machine import MACHINE as ITEM
from services.complaints.machine import MACHINE as COMPLAINT
from services.consultations.machine import CONVERSATION, CONVERSATION_EVENTS, RATING
from services.identity.machine import PERSON
from services.identity.staff.machine import STAFF
from services.knowledge.machine import MACHINE as KNOWLEDGE
from services.learning.machine import MACHINE as PROPOSAL
from services.notifications.machine import MESSAGE
from services.notifications.rules import RULES
from services.payments.accounts.machine import ACCOUNT
from services.payments.machine import BILL, ORDER, REFUND
from services.payments.reconciliation.machine import DAY, DIFFERENCE
from services.supervision.machine import MACHINE as SUPERVISION
from workers.consumers import BOOKING_EVENTS, PAYMENT_EVENTS, UNHEARD, consumers

ROOT = Path(__file__).resolve().parent.parent.parent

# Who may import whom. ``miniapp_api`` stands on the framework in ``handlers``; simulators on the kernel alone.
ALLOWED = {
    "kernel": set(),
    "nlp": {"kernel"},
    "gateways": {"kernel"},
    "services": {"kernel", "nlp", "gateways"},
    "handlers": {"kernel", "nlp", "gateways", "services"},
    "miniapp_api": {"kernel", "nlp", "gateways", "services", "handlers"},
    "workers": {"kernel", "nlp", "gateways", "services", "handlers"},
    "simulators": {"kernel"},
    "server": {"kernel", "nlp", "gateways", "services", "handlers", "miniapp_api", "workers"},
}


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imports(file: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
    return found


@pytest.mark.parametrize("package", ALLOWED)
def test_packages_import_only_downwards(package: str) -> None:
    for file in modules(package):
        ours = {name.split(".")[0] for name in imports(file)} & set(ALLOWED)
        # The demo plays the outside world with the simulators; nothing that serves may.
        more = {"simulators"} if file == ROOT / "server" / "demo.py" else set()
        assert ours <= ALLOWED[package] | {package} | more, file


def test_only_stores_and_the_server_talk_to_mongodb() -> None:
    for package in ("kernel", "nlp", "gateways", "services", "miniapp_api", "workers", "simulators"):
        for file in modules(package):
            if file.name != "store.py":
                assert "pymongo" not in {name.split(".")[0] for name in imports(file)}, file


def test_only_the_settings_and_the_demo_read_the_environment() -> None:
    for package in ALLOWED:
        for file in modules(package):
            if file.relative_to(ROOT).as_posix() not in ("server/settings.py", "server/demo.py"):
                assert "os.environ" not in file.read_text(encoding="utf-8"), file


def test_every_route_that_is_open_to_anyone_is_on_this_list() -> None:
    open_to_anyone = {route.name for route in ROUTES if route.right.caller is Caller.ANYONE}
    assert open_to_anyone == {
        "GET /api/directory", "GET /api/items", "GET /api/items/{code}", "GET /api/items/{code}/versions/{number}",
        "GET /api/items/{code}/centres", "GET /api/centres", "GET /api/centres/{code}", "GET /api/calendar",
        "POST /api/ask", "POST /api/feedback", "POST /api/progress", "POST /api/dialogue",
        "POST /api/session", "POST /staff/session",
        "GET /healthz", "GET /readyz", "GET /openapi.json", "GET /docs",
        "GET /api/receipts/{number}", "GET /verify/{number}",
    }  # fmt: skip


def test_only_health_and_operations_have_no_limit() -> None:
    assert {route.path for route in ROUTES if route.limit is Limit.NONE} == {
        "/healthz", "/readyz", "/metrics", "/openapi.json", "/docs",
    }  # fmt: skip


def test_a_route_that_contradicts_its_function_cannot_be_made() -> None:
    async def endpoint(call: object, booking_id: str) -> None: ...

    with pytest.raises(ValueError, match="path names"):
        Route("POST", "/api/{other}", endpoint, ANYONE, Limit.WRITE, Idempotency.KEY, "x")
    with pytest.raises(ValueError, match="only GET is safe"):
        Route("POST", "/api/{booking_id}", endpoint, ANYONE, Limit.WRITE, Idempotency.SAFE, "x")


def test_the_openapi_document_is_valid_and_has_every_route() -> None:
    described = document(ROUTES)
    validate(described)  # type: ignore[arg-type]
    shown = {f"{method.upper()} {path}" for path, operations in described["paths"].items() for method in operations}
    assert shown == {r.name for r in ROUTES if r.limit is not Limit.NONE and r.right.caller is not Caller.OPERATOR}
    assert "<script" not in page(described)


def test_every_error_code_is_documented() -> None:
    text = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    assert [code.name for code in Code if f"`{code.name}`" not in text] == []


def test_the_settings_page_is_what_the_settings_say() -> None:
    assert (ROOT / "docs" / "settings.md").read_text(encoding="utf-8") == settings.documentation()


def test_the_drawn_machine_is_the_machine() -> None:
    assert MACHINE.mermaid() in (ROOT / "docs" / "appointments.md").read_text(encoding="utf-8")


def test_the_drawn_lives_of_a_conversation_and_a_rating_are_the_machines() -> None:
    text = (ROOT / "docs" / "consultation.md").read_text(encoding="utf-8")
    assert CONVERSATION.mermaid() in text
    assert RATING.mermaid() in text


def test_every_rule_for_a_conversation_event_names_an_event_that_exists() -> None:
    assert {name for name in RULES if name.startswith("conversation.")} <= CONVERSATION_EVENTS


def test_the_drawn_life_of_a_complaint_is_the_machine() -> None:
    assert COMPLAINT.mermaid() in (ROOT / "docs" / "dialogue.md").read_text(encoding="utf-8")


def test_the_drawn_life_of_a_proposal_is_the_machine() -> None:
    assert PROPOSAL.mermaid() in (ROOT / "docs" / "learning.md").read_text(encoding="utf-8")


def test_the_drawn_life_of_an_order_is_the_machine() -> None:
    assert ORDER.mermaid() in (ROOT / "docs" / "payments.md").read_text(encoding="utf-8")


def test_the_drawn_lives_of_a_reconciled_day_and_a_difference_are_the_machines() -> None:
    text = (ROOT / "docs" / "payments.md").read_text(encoding="utf-8")
    assert DAY.mermaid() in text
    assert DIFFERENCE.mermaid() in text


def test_every_rule_for_a_payment_event_names_an_event_that_exists() -> None:
    assert {name for name in RULES if name.startswith(("bill.", "order.", "refund."))} <= PAYMENT_EVENTS


def test_the_drawn_life_of_a_case_is_the_machine() -> None:
    text = (ROOT / "docs" / "cases.md").read_text(encoding="utf-8")
    assert CASE.mermaid() in text
    assert TASK.mermaid() in text
    assert SUPERVISION.mermaid() in text


def test_every_rule_for_a_case_event_names_an_event_that_exists() -> None:
    assert {name for name in RULES if name.startswith("case.")} <= CASE_EVENTS


def test_every_rule_for_a_booking_event_names_an_event_that_exists() -> None:
    wanted = {name for name in RULES if name.startswith("booking.")}
    assert wanted <= BOOKING_EVENTS


def test_every_event_is_consumed_or_said_to_be_for_nobody() -> None:
    machines = (
        MACHINE, CASE, ITEM, KNOWLEDGE, PERSON, STAFF, MESSAGE, BILL, ORDER, REFUND,
        ACCOUNT, DAY, DIFFERENCE, COMPLAINT, CONVERSATION, RATING, SUPERVISION,
        PROPOSAL,
    )  # fmt: skip
    wired = cast(Any, SimpleNamespace(notifications=None))
    published = {edge.event for machine in machines for edge in machine.edges}
    heard = {event for consumer in consumers(wired, cast(Any, None)) for event in consumer.events}
    assert {event.split(".")[0] for event in published - heard} == set(UNHEARD)


def test_every_unique_index_is_found_again_by_its_keys() -> None:
    for store in STORES:
        unique = [index.keys for index in store.all_indexes() if index.unique]
        assert len(unique) == len(set(unique)), store


def test_an_unknown_or_wrong_setting_stops_the_start_and_is_named() -> None:
    with pytest.raises(settings.SettingsError, match="BANSHI_PROT: no such setting"):
        settings.read({"BANSHI_PROT": "1"})
    with pytest.raises(settings.SettingsError, match="BANSHI_PORT: a whole number"):
        settings.read({"BANSHI_PORT": "eighty"})
    with pytest.raises(settings.SettingsError, match="BANSHI_HOLD_SECONDS: at least 1"):
        settings.read({"BANSHI_HOLD_SECONDS": "0"})
    assert settings.read({"HOME": "/", "BANSHI_PORT": "9000"}).port == 9000
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.Settings().port = 1  # type: ignore[misc]


def test_every_warning_is_documented_with_cause_and_action() -> None:
    text = (ROOT / "docs" / "log-messages.md").read_text(encoding="utf-8")
    for package in ALLOWED:
        if package == "simulators":
            continue
        for file in modules(package):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
                    continue
                said = node.args[0]
                is_log = isinstance(node.func.value, ast.Name) and node.func.value.id == "log"
                if is_log and node.func.attr in ("warning", "error", "exception"):
                    assert isinstance(said, ast.Constant), file
                    assert f"| `{said.value}` |" in text, (file, said.value)
