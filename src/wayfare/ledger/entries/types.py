"""Entry types: a room writes each field once, as a member of a TypedDict, and everything else is derived from it. Pure.

Derived here: the reading of an entry with its refusals (`parsing.py`), JSON Schema, the columns of tables (CSV,
Parquet, the columnar copy), and which references lead from one entry to another. A type never changes its shape; a new
shape is a new type.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, NotRequired, Union, get_args, get_origin

from typing_extensions import TypedDict, get_type_hints, is_typeddict

from wayfare.ledger.entries.fields import Id, Refers, Says, Slug

if TYPE_CHECKING:
    from pydantic_core import SchemaValidator


class Common(TypedDict):
    """The fields of every entry."""

    entry_id: Id
    kind: str
    occurred_at: str
    source: Slug


FACTS = "facts"
"""The field of facts that may be given in part; in a table, each is a column `facts.…`."""
COMMON = ("entry_id", "kind", "occurred_at", "source")


class EntryType(NamedTuple):
    """A kind of entry: its name, the TypedDict of its own fields, and which of them hold the ids that it speaks of."""

    name: str
    model: type[Any]
    """Its members are types of `fields.py` or the room's own; facts, given in part, are a TypedDict within."""
    subject: str
    """The field with the id of what it speaks of; a pair of ids is subject and object at once."""
    object: str | None = None
    """The field with the id of what else it speaks of."""


class Field(NamedTuple):
    """One field of an entry type."""

    name: str
    annotation: Any
    required: bool
    schema: dict[str, Any]
    """JSON Schema."""


def marks(annotation: Any) -> tuple[Any, ...]:
    """Return what an annotation says of its type."""
    return annotation.__metadata__ if get_origin(annotation) is Annotated else ()


def _bare(annotation: Any) -> Any:
    """Return the type of an annotation, without what it says of it."""
    return _bare(annotation.__origin__) if get_origin(annotation) is Annotated else annotation


def _hints(model: type[Any]) -> dict[str, Any]:
    return get_type_hints(model, include_extras=True)


def members(model: type[Any]) -> dict[str, Any]:
    """Return the annotations of a TypedDict's members, without the mark that one may be left out."""
    hints = _hints(model).items()
    return {name: get_args(hint)[0] if get_origin(hint) is NotRequired else hint for name, hint in hints}


def _schema(annotation: Any) -> dict[str, Any]:
    """Return the JSON Schema of one field."""
    bare = _bare(annotation)
    if is_typeddict(bare):
        parts = {name: _schema(part) for name, part in members(bare).items()}
        return {"type": "object", "properties": parts, "minProperties": 1, "additionalProperties": False}
    from pydantic import TypeAdapter  # slow to import, and most commands need none

    found = dict(TypeAdapter(annotation).json_schema())
    named = [mark.kind for mark in marks(annotation) if isinstance(mark, Refers) and mark.kind]
    return found | {"description": f"the entry_id of the {named[0]}"} if named else found


@cache
def fields(type_: EntryType) -> tuple[Field, ...]:
    """Return a type's own fields, in the order in which they are declared: the required ones first."""
    optional = {name for name, hint in _hints(type_.model).items() if get_origin(hint) is NotRequired}
    found = [Field(name, one, name not in optional, _schema(one)) for name, one in members(type_.model).items()]
    return tuple(sorted(found, key=lambda one: not one.required))


def refers(type_: EntryType, name: str) -> Refers:
    """Return what the ids in a field stand for. Raises: ValueError."""
    annotation = members(type_.model).get(name)
    for mark in marks(annotation):
        if isinstance(mark, Refers):
            return mark
    raise ValueError(f"{type_.name}.{name} is no field whose type says with Refers what its ids stand for")


def check(type_: EntryType) -> None:
    """Raise ValueError if a type does not hold together."""
    if clash := members(type_.model).keys() & set(COMMON):
        raise ValueError(f"{type_.name} declares {min(clash)}, which every entry has")
    if odd := facts(type_).keys() - {FACTS}:
        raise ValueError(f"{type_.name} has facts in {min(odd)}; call the field {FACTS}, as tables do")
    for name in (type_.subject, type_.object):
        if name is not None:
            refers(type_, name)
    required = {name for name, hint in _hints(type_.model).items() if get_origin(hint) is not NotRequired}
    if type_.subject not in required:
        raise ValueError(f"{type_.name}.{type_.subject} may be left out; an entry always speaks of something")
    for name, annotation in members(type_.model).items():
        _check_field(type_, name, annotation, optional=name not in required)


_IN_TABLES = (str, int, list)


def _check_field(type_: EntryType, name: str, annotation: Any, *, optional: bool) -> None:
    """Raise ValueError if a field is none that references, tables and their reading again can hold."""
    bare = _bare(annotation)
    pair = name in (type_.subject, type_.object)
    if pair and (get_origin(bare) is list) is not (type_.subject == type_.object):
        raise ValueError(f"{type_.name}.{name}: a list of ids is subject and object at once, a single id one of them")
    if is_typeddict(bare):
        for part, inner in members(bare).items():
            _check_field(type_, f"{name}.{part}", inner, optional=False)
        return
    kinds = [_bare(one) for one in get_args(bare)] if get_origin(bare) in (Union, UnionType) else [bare]
    if NoneType in kinds and optional:
        raise ValueError(f"{type_.name}.{name} may be left out and be null, which a table cannot tell apart; allow one")
    for kind in kinds:
        if kind is not NoneType and (get_origin(kind) or kind) not in _IN_TABLES:
            raise ValueError(f"{type_.name}.{name} is neither text, whole number nor list, as columns of tables are")


def _strict(model: type[Any]) -> type[Any]:
    """Have Pydantic read a TypedDict as it stands: nothing is converted, nothing unknown is taken."""
    model.__pydantic_config__ = {"extra": "forbid", "strict": True}
    for part in members(model).values():
        if is_typeddict(_bare(part)):
            _strict(_bare(part))
    return model


@cache
def validator(type_: EntryType) -> SchemaValidator:
    """Return what reads a decoded entry of a type, its common fields with it; made when it is first needed."""
    from pydantic import TypeAdapter

    hints = _hints(Common) | _hints(type_.model)
    found = TypeAdapter(_strict(TypedDict(type_.name, hints)))  # type: ignore[operator]
    return found.validator  # type: ignore[return-value] # a SchemaValidator, with no plugin in between


def facts(type_: EntryType) -> dict[str, dict[str, Any]]:
    """Return the fields of a type that hold facts, each with the annotations of its parts."""
    parts = {name: _bare(annotation) for name, annotation in members(type_.model).items()}
    return {name: members(bare) for name, bare in parts.items() if is_typeddict(bare)}


def words_for(annotation: Any, path: Sequence[str | int], value: Any) -> str | None:
    """Return what a refusal says of the part of a value at a path: by the innermost type that has words for it."""
    said = next((mark.of(value) for mark in marks(annotation) if isinstance(mark, Says)), None)
    inner = next(iter(get_args(_bare(annotation))), None) if path else None
    if inner is not None and isinstance(path[0], int) and isinstance(value, list):
        said = words_for(inner, path[1:], value[path[0]]) or said
    return said


def json_schema(type_: EntryType) -> dict[str, Any]:
    """Return the JSON Schema of an entry of a type."""
    common = {
        "entry_id": {**_schema(Id), "description": "chosen by you; the same id again has no effect"},
        "kind": {"const": type_.name},
        "occurred_at": {"type": "string", "format": "date-time", "description": "with its offset"},
        "source": {**_schema(Slug), "description": "your token's"},
    }
    return {
        "type": "object",
        "title": type_.name,
        "properties": common | {one.name: one.schema for one in fields(type_)},
        "required": [*common, *(one.name for one in fields(type_) if one.required)],
        "additionalProperties": False,
    }


class Column(NamedTuple):
    """A column of entries in a table: a field, or a part of facts such as `facts.sex`."""

    name: str
    shape: str
    """text, id, number or list."""
    if_empty: object = ...
    """What an empty cell stands for, where the field must be there: null or an empty list; `...` for absent."""


def _shape(schema: Mapping[str, Any]) -> str:
    kind, choice = schema.get("type"), schema.get("enum", ["text"])
    if kind == "array":
        return "list"
    if kind == "integer" or all(type(one) is int for one in choice):
        return "number"
    return "id" if schema.get("format") == "uuid" else "text"


def _if_empty(one: Field) -> object:
    kind = one.schema.get("type", ())
    if not one.required:
        return ...
    if kind == "array" and not one.schema.get("minItems"):
        return []
    return None if "null" in kind else ...


@cache
def columns(type_: EntryType) -> tuple[Column, ...]:
    """Return the columns of a type's own fields."""
    return tuple(_columns(type_))


def _columns(type_: EntryType) -> Iterator[Column]:
    for one in fields(type_):
        if parts := one.schema.get("properties"):
            yield from (Column(f"{one.name}.{name}", _shape(schema)) for name, schema in parts.items())
        else:
            yield Column(one.name, _shape(one.schema), _if_empty(one))


def all_columns(types: Iterable[EntryType]) -> dict[str, Column]:
    """Return the columns of a table of entries of some types, the common ones first.

    Raises: ValueError, if two types give one name to fields of different shapes.
    """
    found = {name: Column(name, "id" if name == "entry_id" else "text") for name in COMMON}
    for type_ in types:
        for column in columns(type_):
            if found.setdefault(column.name, column).shape != column.shape:
                raise ValueError(f"{type_.name} has {column.name} as {column.shape}; another type has it otherwise")
    return found
