"""Every route that takes a body refuses a wrong one by a typed error that names the field, and touches nothing.

The bodies are made from the routes' own types, so a new route is held to this without a line here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import pytest
from msgspec import inspect

from handlers.routing import Caller, Route
from server.app import ROUTES
from tests.city import Resident, TestCity
from tests.story.test_bad_input import NOT_EQUAL, code_of, field_of, name_of, path_of, post

WITH_BODY = [route for route in ROUTES if "body" in route.parameters]
TEXTS = (inspect.StrType, inspect.DateTimeType, inspect.DateType, inspect.EnumType)


def example(type_: inspect.Type) -> Any:
    """A value that this type takes."""
    match type_:
        case inspect.StructType():
            return {field.encode_name: example(field.type) for field in type_.fields if field.required}
        case inspect.StrType():
            return "1234567890123456789"[: type_.max_length or 12].ljust(type_.min_length or 0, "1")
        case inspect.IntType():
            return type_.ge if type_.ge is not None else 1
        case inspect.FloatType():
            return 1.0
        case inspect.BoolType():
            return True
        case inspect.DateTimeType():
            return "2090-11-27T09:00:00+08:00"
        case inspect.DateType():
            return "2090-11-27"
        case inspect.EnumType():
            return next(iter(type_.cls)).value
        case inspect.LiteralType():
            return type_.values[0]
        case inspect.ListType() | inspect.VarTupleType():
            return [example(type_.item_type)] * (type_.min_length or 0)
        case inspect.UnionType():
            return example(next(t for t in type_.types if not isinstance(t, inspect.NoneType)))
        case inspect.DictType():
            return {example(type_.key_type): example(type_.value_type)} if type_.min_length else {}
        case inspect.AnyType():
            return {}
    raise NotImplementedError(type_)  # a kind of field that no request had yet: say here what it takes


def fields(type_: Any) -> tuple[inspect.Field, ...]:
    described = inspect.type_info(type_)
    assert isinstance(described, inspect.StructType)
    return described.fields


def kinds(type_: inspect.Type) -> tuple[inspect.Type, ...]:
    return tuple(type_.types) if isinstance(type_, inspect.UnionType) else (type_,)


def takes_text_only(field: inspect.Field) -> bool:
    return all(isinstance(kind, (*TEXTS, inspect.NoneType)) for kind in kinds(field.type))


def body_of(route: Route) -> dict[str, Any]:
    body: dict[str, Any] = example(inspect.type_info(route.parameters["body"]))
    return body


def wrong_for(field: inspect.Field) -> Iterator[Any]:
    """Values that no field of this kind takes."""
    if takes_text_only(field):
        yield from (NOT_EQUAL, ["a"], 7, True)
    elif any(isinstance(kind, inspect.AnyType) for kind in kinds(field.type)):
        return
    elif not any(isinstance(kind, inspect.StructType | inspect.DictType) for kind in kinds(field.type)):
        yield NOT_EQUAL


_callers: dict[tuple[int, str], Resident] = {}


async def caller(city: TestCity, route: Route) -> Resident:
    """Somebody with the right; one for all routes of that right, as passwords are slow on purpose."""
    if route.right.caller is not Caller.STAFF:
        return await city.resident()
    role = min(route.right.roles, default="supervisor")
    known = _callers.get((id(city), role))
    if known is None or (await known.call("GET", "/staff/me")).status_code != 200:
        known = _callers[id(city), role] = await city.staff(role)
    return known


async def refused(who: Resident, route: Route, body: Mapping[str, Any]) -> str:
    """The field that the refusal names."""
    answer = await who.call(route.method, path_of(route), body)
    assert code_of(answer) == (400, "INVALID_INPUT"), (route.name, body, answer.text)
    return field_of(answer)


@pytest.mark.parametrize("route", WITH_BODY, ids=name_of)
async def test_a_body_that_is_no_object_or_no_json_is_refused(shared_city: TestCity, route: Route) -> None:
    who = await caller(shared_city, route)
    for raw in (b'"text"', b"[]", b"7", b"null"):
        answer = await post(who, path_of(route), raw, route.method)
        assert code_of(answer) == (400, "INVALID_INPUT"), raw
        assert field_of(answer) == "$"
    broken = (b"", b"{", b'{"a":', b"{'a': 1}", b"\xff\xfe", b'{"text": "\xff"}', b"{}{}", b"[" * 100_000, b"NaN")
    for raw in broken:
        answer = await post(who, path_of(route), raw, route.method)
        assert answer.status_code == 400, raw[:10]
        assert answer.json()["error"]["code"] in ("INVALID_JSON", "INVALID_INPUT"), raw[:10]


@pytest.mark.parametrize("route", WITH_BODY, ids=name_of)
async def test_a_value_of_another_kind_never_reaches_a_query(shared_city: TestCity, route: Route) -> None:
    who = await caller(shared_city, route)
    for field in fields(route.parameters["body"]):
        for wrong in wrong_for(field):
            named = await refused(who, route, body_of(route) | {field.encode_name: wrong})
            assert named.startswith(f"$.{field.encode_name}"), (field.encode_name, wrong)


@pytest.mark.parametrize("route", WITH_BODY, ids=name_of)
async def test_an_unknown_field_is_named(shared_city: TestCity, route: Route) -> None:
    who = await caller(shared_city, route)
    assert await refused(who, route, body_of(route) | {"$where": "1"}) == "$.$where"


@pytest.mark.parametrize("route", WITH_BODY, ids=name_of)
async def test_a_missing_field_is_named(shared_city: TestCity, route: Route) -> None:
    who = await caller(shared_city, route)
    for name in [f.encode_name for f in msgspec.structs.fields(route.parameters["body"]) if f.required]:
        body = {key: value for key, value in body_of(route).items() if key != name}
        assert await refused(who, route, body) == f"$.{name}"
