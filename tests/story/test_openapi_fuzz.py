"""The OpenAPI document against the running API: what schemathesis makes of it, sound and unsound, never ends in a 5xx.

Some ten cases for each operation, always the same ones, sent with a resident's token (and once more with an officer's,
where staff are meant).
"""

from __future__ import annotations

import asyncio
import multiprocessing
import warnings
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import httpx
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import HypothesisWarning

with warnings.catch_warnings():
    # Third-party modules warn of each other while they are imported.
    warnings.simplefilter("ignore")
    import schemathesis
    from schemathesis import Case, GenerationMode

from tests.city import Resident, TestCity

CASES = 10
# What signing out ends is needed by the cases after it.
LAST = "delete"


def send(http: httpx.Client, case: Case, token: str) -> httpx.Response | None:
    """None where the case cannot be written as HTTP at all."""
    prepared: dict[str, Any] = case.as_transport_kwargs()
    body = prepared.get("data")
    headers = {
        name: value.encode("latin-1", "replace")
        for name, value in dict(prepared.get("headers") or {}).items()
        if str(value).isprintable() and name.lower() not in ("authorization", "content-length", "transfer-encoding")
    }
    headers["Authorization"] = f"Bearer {token}".encode()
    if isinstance(body, str):
        body = body.encode("utf-8", "surrogatepass")
    if body is not None and not isinstance(body, bytes):
        body = str(body).encode()
    try:
        return http.request(
            prepared["method"],
            prepared["url"],
            params=prepared.get("params"),
            headers=headers,
            **({"json": prepared["json"]} if "json" in prepared else {"content": body}),
        )
    except (httpx.InvalidURL, httpx.LocalProtocolError, UnicodeEncodeError):
        return None


def fuzz(document: dict[str, Any], url: str, tokens: dict[str, str]) -> tuple[int, list[str]]:
    """How many cases were answered, and those that ended in a 5xx."""
    warnings.filterwarnings("ignore", category=HypothesisWarning)
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=url)
    answered, wrong = 0, []
    with httpx.Client(timeout=10) as http:
        found = [result.ok() for result in schema.get_all_operations()]
        for operation in sorted(found, key=lambda one: one.method.lower() == LAST):
            token = tokens["staff" if operation.path.startswith("/staff") else "resident"]
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

                @seed(20901121)
                @settings(
                    max_examples=CASES // 2,
                    database=None,
                    deadline=None,
                    phases=[Phase.generate],
                    suppress_health_check=list(HealthCheck),
                )
                @given(case=operation.as_strategy(generation_mode=mode))
                def one(case: Case) -> None:
                    nonlocal answered
                    answer = send(http, case, token)  # noqa: B023
                    if answer is None:
                        return
                    answered += 1
                    if answer.status_code >= 500:
                        wrong.append(f"{case.method} {answer.request.url}: {answer.status_code} {answer.text[:200]}")

                try:
                    one()
                except Exception as error:
                    # An operation without parameters cannot be called wrongly.
                    if "Unsatisfiable" not in type(error).__name__ and "negative" not in str(error).lower():
                        raise
    return answered, wrong


async def test_nothing_made_from_the_openapi_document_ends_in_a_server_error(shared_city: TestCity) -> None:
    resident: Resident = await shared_city.resident()
    officer = await shared_city.staff("supervisor")
    tokens = {"resident": resident.token, "staff": officer.token}
    api = shared_city.api
    # A process of its own: Hypothesis reads source text, which CPython before 3.11.8 cannot do in two threads at once
    # (https://github.com/python/cpython/issues/106905), and the server's thread may.
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as apart:
        work = apart.submit(fuzz, api.frame.openapi, api.url, tokens)
        answered, wrong = await asyncio.wrap_future(work)
    assert not wrong, "\n".join(wrong)
    assert answered > 100
    assert (await (await shared_city.resident()).ok("GET", "/healthz"))["status"] == "ok"
