"""The table of entry types in the documentation, made from the types: `python -m wayfare.site.describe entries`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from wayfare.ledger.entries.types import EntryType, fields, json_schema

_HEAD = """# Entry types

Made by `python -m wayfare.site.describe entries` from the types that packages declare; do not edit it. Every entry also
has `entry_id` (a UUID chosen by its source), `kind`, `occurred_at` (RFC 3339 with offset, at most 12 digits of a
second) and `source` (a slug).
"""


def page(types: Iterable[EntryType]) -> str:
    """Return the page of all types."""
    return "\n".join([_HEAD, *(line for type_ in types for line in _section(type_))])


def _section(type_: EntryType) -> Iterator[str]:
    yield f"## {type_.name}\n"
    yield f"{(type_.model.__doc__ or '').strip()}\n"
    yield "| field | | value |"
    yield "| --- | --- | --- |"
    required = json_schema(type_)["required"]
    for one in fields(type_):
        needed = "required" if one.name in required else "optional"
        if parts := one.schema.get("properties"):
            yield f"| `{one.name}` | {needed} | one at least of these |"
            yield from (f"| `{one.name}.{name}` | optional | {_value(schema)} |" for name, schema in parts.items())
        else:
            yield f"| `{one.name}` | {needed} | {_value(one.schema)} |"
    yield ""


def _value(schema: Mapping[str, Any]) -> str:
    """Return in words what a JSON Schema takes."""
    if "enum" in schema:
        told = ", ".join(f"`{one}`" for one in schema["enum"])
    elif schema.get("type") == "array":
        told = f"a list: {_value(schema['items'])}"
    elif "pattern" in schema and "description" not in schema:
        told = f"text: `{schema['pattern']}`".replace("|", "\\|")
    else:
        told = {"uuid": "a UUID, neither nil nor max", "date": "a day, `YYYY-MM-DD`"}.get(
            schema.get("format", ""), "text"
        )
    if "maxLength" in schema:
        told += f" of {schema['minLength']} to {schema['maxLength']} characters"
    if "null" in schema.get("type", ()):
        told += ", or null"
    return f"{told} ({schema['description']})" if "description" in schema else told
