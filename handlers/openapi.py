"""The OpenAPI 3.1 document, made from the route table and the typed requests and answers, and a page to read it."""

from __future__ import annotations

import html
import inspect
from collections.abc import Iterable
from typing import Any

import msgspec

from handlers.base import ErrorAnswer
from handlers.routing import Caller, Idempotency, Limit, Raw, Route, path_names
from kernel.errors import Code

VERSION = "1"
DESCRIPTION = """办事：城市政务服务接口。Errors carry a code, a Chinese sentence for people, and fields for machines.

Writes take an `Idempotency-Key` header where marked: the same key with the same body gets the same answer.
All catalogue data in the demo is sample data modelled on public practice (示例数据)."""

# What any route may answer, beside its own errors.
_COMMON = (Code.INVALID_INPUT, Code.TOO_MANY_REQUESTS, Code.INTERNAL, Code.UNAVAILABLE)


def document(routes: Iterable[Route]) -> dict[str, Any]:
    """The whole document. Routes for operators are left out: they are not part of the API."""
    shown = [route for route in routes if route.right.caller is not Caller.OPERATOR and route.limit is not Limit.NONE]
    types = [t for route in shown for t in (*route.parameters.values(), route.answer) if _is_struct(t)]
    schemas, components = msgspec.json.schema_components(
        [*types, ErrorAnswer], ref_template="#/components/schemas/{name}"
    )
    by_type = dict(zip([*types, ErrorAnswer], schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for route in shown:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, by_type, components)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Banshi 办事", "version": VERSION, "description": DESCRIPTION},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "resident": {"type": "http", "scheme": "bearer", "description": "Token of POST /api/session"},
                "staff": {"type": "http", "scheme": "bearer", "description": "Token of POST /staff/session"},
            },
        },
    }


def _operation(route: Route, by_type: dict[Any, Any], components: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": f"{route.endpoint.__module__.rsplit('.', 1)[-1]}.{route.endpoint.__name__}",
        "summary": route.summary,
        "tags": [route.endpoint.__module__.rsplit(".", 1)[-1]],
        "description": _description(route),
        "responses": _responses(route, by_type),
    }
    parameters = [_path_parameter(name) for name in path_names(route.path)]
    parameters += _query_parameters(route, by_type, components)
    if route.idempotency is Idempotency.KEY:
        parameters.append(_KEY_PARAMETER)
    if route.right.caller is Caller.STAFF:
        parameters.append(_BACKGROUND_PARAMETER)
    if parameters:
        operation["parameters"] = parameters
    if "body" in route.parameters:
        schema = by_type[route.parameters["body"]]
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    elif route.upload:
        operation["requestBody"] = {"required": True, "content": {"multipart/form-data": {"schema": _UPLOAD}}}
    elif route.raw_body:
        operation["requestBody"] = {"required": True, "content": {"*/*": {"schema": {}}}}
    if route.right.caller in (Caller.RESIDENT, Caller.STAFF):
        operation["security"] = [{route.right.caller.value: []}]
    return operation


_UPLOAD = {
    "type": "object",
    "properties": {"file": {"type": "string", "format": "binary", "contentMediaType": "application/octet-stream"}},
    "required": ["file"],
    "additionalProperties": False,
}
_KEY_PARAMETER = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 8, "maxLength": 64, "pattern": "^[!-~]{8,64}$"},
}

_BACKGROUND_PARAMETER = {
    "name": "X-Background",
    "in": "header",
    "required": False,
    "description": "Asked by a screen and not by whoever sits at it: does not keep the session from its idle limit.",
    "schema": {"type": "string", "enum": ["1"]},
}


def _description(route: Route) -> str:
    lines = [inspect.getdoc(route.endpoint) or route.summary]
    if route.right.roles:
        lines.append(f"Roles: {', '.join(sorted(route.right.roles))}.")
    return "\n\n".join(lines)


def _path_parameter(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}


def _query_parameters(route: Route, by_type: dict[Any, Any], components: dict[str, Any]) -> list[dict[str, Any]]:
    query = route.parameters.get("query")
    if query is None:
        return []
    # By its reference: of two types with one name, each is called by its module as well.
    schema = components[by_type[query]["$ref"].removeprefix("#/components/schemas/")]
    required = set(schema.get("required", ()))
    return [
        {"name": name, "in": "query", "required": name in required, "schema": property_}
        for name, property_ in schema["properties"].items()
    ]


def _responses(route: Route, by_type: dict[Any, Any]) -> dict[str, Any]:
    if route.answer is Raw:
        good: dict[str, Any] = {"description": "OK", "content": {route.content_type.split(";")[0]: {"schema": {}}}}
    else:
        good = {"description": "OK", "content": {"application/json": {"schema": by_type[route.answer]}}}
    responses: dict[str, Any] = {str(route.status): good}
    if route.answer is Raw:
        responses["304"] = {"description": "Not changed"}
    by_status: dict[int, list[str]] = {}
    for code in dict.fromkeys((*route.errors, *_implied(route), *_COMMON)):
        by_status.setdefault(code.status, []).append(code.name)
    error = {"application/json": {"schema": by_type[ErrorAnswer]}}
    for status, names in sorted(by_status.items()):
        responses[str(status)] = {"description": ", ".join(names), "content": error}
    return responses


def _implied(route: Route) -> list[Code]:
    """Errors that follow from the route's own declarations."""
    implied: list[Code] = []
    if route.right.caller in (Caller.RESIDENT, Caller.STAFF):
        implied.append(Code.NOT_AUTHENTICATED)
    if route.right.roles or route.right.level:
        implied.append(Code.NOT_ALLOWED if route.right.roles else Code.IDENTITY_REQUIRED)
    if route.idempotency is Idempotency.KEY:
        implied += [Code.KEY_REUSED, Code.REQUEST_IN_PROGRESS]
    if route.path_has_names:
        implied.append(Code.NOT_FOUND)
    if "body" in route.parameters or route.raw_body:
        implied += [Code.INVALID_JSON, Code.TOO_LARGE]
    if route.upload:
        implied.append(Code.TOO_LARGE)
    return implied


def _is_struct(type_: Any) -> bool:
    return isinstance(type_, type) and issubclass(type_, msgspec.Struct)


def page(document: dict[str, Any]) -> str:
    """A plain page that shows the document: no script, nothing loaded from anywhere."""
    rows = []
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            errors = [
                f"<li><b>{status}</b> {html.escape(answer['description'])}</li>"
                for status, answer in operation["responses"].items()
                if status >= "400"
            ]
            names = [f"<code>{html.escape(p['name'])}</code>" for p in operation.get("parameters", ())]
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
            wants = body.get("$ref", "").rsplit("/", 1)[-1]
            gives = _answer_name(operation["responses"])
            who = ", ".join(scheme for entry in operation.get("security", ()) for scheme in entry) or "anyone"
            rows.append(
                f"<section><h2><span>{method.upper()}</span> {html.escape(path)}</h2>"
                f"<p>{html.escape(operation['description'])}</p><p>Caller: {who}."
                f"{' Parameters: ' + ', '.join(names) + '.' if names else ''}"
                f"{f' Body: <a href=#{wants}>{wants}</a>.' if wants else ''}"
                f"{f' Answer: <a href=#{gives}>{gives}</a>.' if gives else ''}</p>"
                f"<details><summary>Errors</summary><ul>{''.join(errors)}</ul></details></section>"
            )
    schemas = [
        f"<section id={name}><h2>{name}</h2><pre>{html.escape(_pretty(schema))}</pre></section>"
        for name, schema in document["components"]["schemas"].items()
    ]
    return _PAGE.format(rows="".join(rows), schemas="".join(schemas))


def _answer_name(responses: dict[str, Any]) -> str:
    """The name of the good answer's type; empty when it is no JSON."""
    good = next(answer for status, answer in responses.items() if status < "300")
    schema = good.get("content", {}).get("application/json", {}).get("schema", {})
    return str(schema.get("$ref", "")).rsplit("/", 1)[-1]


def _pretty(schema: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(schema), indent=2).decode()


_PAGE = """<!doctype html><html lang="zh-CN"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Banshi 办事 API</title><style>
body{{font:16px/1.6 system-ui,sans-serif;max-width:54rem;margin:2rem auto;padding:0 1rem;color:#1b1b1b}}
h2{{font-size:1.1rem}} h2 span{{background:#0b5cad;color:#fff;border-radius:4px;padding:.1em .5em}}
section{{border-top:1px solid #ccc;padding:.5rem 0}} pre{{overflow:auto;background:#f5f5f5;padding:.5rem}}
p{{white-space:pre-line}}
</style><main><h1>Banshi 办事 API</h1>
<p>The same as <a href="/openapi.json">/openapi.json</a>. 示例数据：参照各地公开做法编写，不作为办事依据。</p>
{rows}<h1>Types</h1>{schemas}</main></html>"""
