"""The pages about the API for people, made from its description; they need no JavaScript and nothing from elsewhere."""

from __future__ import annotations

import json
from functools import cache
from http import HTTPStatus
from typing import Any, NamedTuple

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from wayfare.access.rules import SCOPES
from wayfare.common.web.problems import REFUSALS
from wayfare.site.api import PREFIX, description


class Field(NamedTuple):
    """A parameter of a call, or a field of an entry."""

    name: str
    required: bool
    type: str
    text: str


class Operation(NamedTuple):
    """A call."""

    id: str
    method: str
    path: str
    summary: str
    paragraphs: list[str]
    needs_token: bool
    parameters: list[Field]
    takes_entries: bool
    media: list[str]
    statuses: list[tuple[str, str]]


class Kind(NamedTuple):
    """A kind of entry with its fields."""

    name: str
    fields: list[Field]


def _type(schema: dict[str, Any]) -> str:
    """Return in words what values a schema takes."""
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"] if one.get("type") != "null")
    if "const" in schema:
        return f"always {schema['const']}"
    if "enum" in schema:
        return "one of " + ", ".join(map(str, schema["enum"]))
    named = schema.get("type", "")
    kind = next(one for one in named if one != "null") if isinstance(named, list) else str(named)
    if kind == "array":
        return f"list of: {_type(schema['items'])}"
    if kind == "object" and "properties" in schema:
        return "object with any of " + ", ".join(schema["properties"])
    words = [f"{kind} ({schema['format']})" if "format" in schema else kind]
    ends = {"from": schema.get("minimum"), "to": schema.get("maximum")}
    words += [f"{word} {end:,}" for word, end in ends.items() if end is not None]
    if "default" in schema and schema["default"] not in (None, ""):
        words.append(f"(default {schema['default']})")
    if isinstance(named, list):
        words.append("or null")
    return " ".join(words)


def _parameters(operation: dict[str, Any]) -> list[Field]:
    return [
        Field(one["name"], one.get("required", False), _type(one["schema"]), _text(one))
        for one in operation.get("parameters", ())
    ]


def _text(one: dict[str, Any]) -> str:
    return str(one.get("description") or one.get("schema", {}).get("description", ""))


def _operation(path: str, method: str, one: dict[str, Any]) -> Operation:
    paragraphs = [" ".join(part.split()) for part in one.get("description", "").split("\n\n") if part.strip()]
    statuses = sorted((str(status), HTTPStatus(int(status)).phrase) for status in one["responses"])
    good = one["responses"].get("200", one["responses"].get(200, {}))
    return Operation(
        one["operationId"],
        method.upper(),
        path,
        one.get("summary", ""),
        paragraphs,
        bool(one.get("security")),
        _parameters(one),
        "requestBody" in one,
        list(good.get("content", ())),
        statuses,
    )


@cache
def _described() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(description())
    return found


def operations() -> list[Operation]:
    """Return every call, in the order of addresses."""
    paths = _described()["paths"]
    return [_operation(path, method, one) for path, methods in paths.items() for method, one in methods.items()]


def kinds() -> list[Kind]:
    """Return every kind of entry that can be sent."""
    post = _described()["paths"][f"{PREFIX}ledger/entries"]["post"]
    forms = post["requestBody"]["content"]["application/json"]["schema"]["anyOf"][0]["oneOf"]
    return [
        Kind(
            form["title"],
            [
                Field(name, name in form["required"], _type(schema), str(schema.get("description", "")))
                for name, schema in form["properties"].items()
            ],
        )
        for form in forms
    ]


@require_safe
def guide(request: HttpRequest) -> HttpResponse:
    """Say where the API is, and where it is described."""
    return render(request, "api/guide.html", {"prefix": PREFIX})


@require_safe
def reference(request: HttpRequest) -> HttpResponse:
    """Show every call, every kind of entry, every scope and every refusal."""
    context = {
        "operations": operations(),
        "kinds": kinds(),
        "scopes": SCOPES.items(),
        "refusals": [(code, refusal.status, refusal.title) for code, refusal in REFUSALS.items()],
    }
    return render(request, "api/reference.html", context)
