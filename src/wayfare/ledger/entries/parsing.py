"""The strict reading of an entry: JSON text, then a decoded value, by the type of entry that a room declares. Pure.

A value that is good is read by Pydantic alone. What Pydantic refuses is looked at again for the one refusal that is
told, which names the field, the problem and the mend.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

import orjson
from pydantic_core import ValidationError

from wayfare.ledger import registry
from wayfare.ledger.entries.fields import is_uuid
from wayfare.ledger.entries.types import Common, EntryType, facts, fields, members, validator, words_for
from wayfare.ledger.rules import EARLIEST_US, Entry, Refused, instant_us, make_entry

LINE_LIMIT = 1 << 20
"""The longest JSON text of one entry, in bytes."""


class _Reader(NamedTuple):
    """What reads the entries of a type."""

    type_: EntryType
    validate: Callable[[object], dict[str, Any]]
    facts: tuple[str, ...]
    """Fields that hold facts, one at least."""
    subject: str
    object: str | None
    """None also where the subject is a pair, which is both."""
    in_pairs: bool


_readers: dict[str, _Reader] = {}


def _reader(type_: EntryType) -> _Reader:
    """Return what reads the entries of a type; made when the first of them comes."""
    known = _readers.get(type_.name)
    if known is None or known.type_ is not type_:
        pair = type_.subject == type_.object
        known = _readers[type_.name] = _Reader(
            type_=type_,
            validate=validator(type_).validate_python,
            facts=tuple(facts(type_)),
            subject=type_.subject,
            object=None if pair else type_.object,
            in_pairs=pair,
        )
    return known


def parse(raw: object, *, programmes: Collection[str], latest_us: int) -> Entry:
    """Read one decoded JSON value strictly as an entry.

    `programmes`: the keys that are configured. `latest_us`: the latest `occurred_at` taken, in microseconds
    since 1970 (24 hours ahead of the clock of whoever asks).
    Raises: Refused, with the field, the problem and the mend; nothing is guessed.
    Source: `counting.md`, Entries.
    """
    if not isinstance(raw, dict):
        raise Refused("entry", "is not a JSON object; send one object an entry")
    kind = raw.get("kind")
    type_ = registry.kinds.get(kind) if isinstance(kind, str) else None
    try:
        if type_ is None:
            problem = "is missing" if "kind" not in raw else "is not a kind of entry"
            raise Refused("kind", f"{problem}; one of " + ", ".join(registry.kinds))
        return _read(raw, _reader(type_), programmes, latest_us)
    except Refused as refusal:
        given = raw.get("entry_id")
        if isinstance(given, str) and is_uuid(given):
            refusal.entry_id = given.lower()
        raise


def _read(raw: dict[str, Any], reader: _Reader, programmes: Collection[str], latest_us: int) -> Entry:
    type_, validate, with_facts, subject_field, object_field, in_pairs = reader
    try:
        clean = validate(raw)
    except ValidationError as problem:
        raise _refusal(raw, type_, problem) from None
    for name in with_facts:
        if not clean[name]:
            raise Refused(name, _not_facts(type_, name))
    try:
        at = instant_us(clean["occurred_at"])
    except ValueError as problem:
        raise Refused("occurred_at", str(problem)) from None
    if not EARLIEST_US <= at <= latest_us:
        late = "is more than 24 hours in the future; check the sender's clock"
        raise Refused("occurred_at", late if at > latest_us else "is before 1900; check the year")
    if "programme" in clean and clean["programme"] not in programmes:
        raise Refused("programme", "is not configured here; add it with `wayfare programme add`, or correct the key")
    subject, other = clean[subject_field], None
    if in_pairs:
        subject, other = subject
    elif object_field is not None:
        other = clean.get(object_field)
    return make_entry(at, subject, other, clean)


def _refusal(raw: dict[str, Any], type_: EntryType, problem: ValidationError) -> Refused:
    """Return the one refusal that is told of what Pydantic refuses.

    A bad fact comes first, if what is declared before it is good; then a field that is missing, one that is unknown,
    one that is bad, in the order of the declaration.
    """
    errors: dict[str, list[Any]] = {}
    for error in problem.errors(include_url=False):
        errors.setdefault(str(error["loc"][0]), []).append(error)
    own = fields(type_)
    required = [one.name for one in own if one.required]
    order = ["entry_id", "source", *required, "occurred_at", *(one.name for one in own if not one.required)]
    bad = [
        name
        for name in order
        if name in errors or (name in facts(type_) and raw[name] == {}) or (name == "occurred_at" and _bad_instant(raw))
    ]
    if bad and (parts := facts(type_).get(bad[0])) and isinstance(given := raw.get(bad[0]), dict) and given:
        return _bad_fact(bad[0], parts, given, errors[bad[0]])
    for name in ("entry_id", "occurred_at", "source", *required):
        if name not in raw:
            return Refused(name, f"is missing; {type_.name} needs it")
    for name in raw:
        if name not in order and name != "kind":
            return Refused(name[:100], f"is not a field of {type_.name}; leave it out")
    if bad[0] == "occurred_at":
        return Refused("occurred_at", _bad_instant(raw))
    if bad[0] in facts(type_):
        return Refused(bad[0], _not_facts(type_, bad[0]))
    annotation = (members(Common) | members(type_.model))[bad[0]]
    return Refused(bad[0], _words(annotation, raw[bad[0]], errors[bad[0]][0]))


def _bad_instant(raw: dict[str, Any]) -> str:
    try:
        instant_us(raw.get("occurred_at"))
    except ValueError as problem:
        return str(problem)
    return ""


def _words(annotation: Any, value: object, error: Any, depth: int = 1) -> str:
    """Return the problem and the mend of a value that Pydantic refuses."""
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    return words_for(annotation, error["loc"][depth:], value) or f"is not right ({error['msg']})"


def _not_facts(type_: EntryType, name: str) -> str:
    return "is not an object with at least one of " + ", ".join(facts(type_)[name])


def _bad_fact(field: str, parts: dict[str, Any], given: dict[str, Any], errors: Sequence[Any]) -> Refused:
    """Return the refusal of the first fact, in the order given, that is unknown or bad."""
    wrong = {error["loc"][1]: error for error in reversed(errors) if len(error["loc"]) > 1}
    name = next(name for name in given if name in wrong)
    if name not in parts:
        return Refused(f"{field}.{name}", "is not a fact of this kind; it takes " + ", ".join(parts))
    return Refused(f"{field}.{name}", _words(parts[name], given[name], wrong[name], 2))


_BLANKS = b" \t\n\r"


def surely_once(text: bytes, names: int, colons: int = 0) -> bool:
    """Tell, cheaply, that a JSON text names no field twice in one object; False means that it may.

    `names`: how many the decoded text has (`names_of`). `colons`: how many are known in its values. Each of two counts
    proves it, because neither can come out too small:

    Without escapes, every colon of the text follows a name or stands in a string. A name that was lost has one that
    `names + colons` does not count, so equality means that none was.

    Each name is followed by a quotation mark, perhaps blanks (RFC 8259, section 2), and a colon: without blanks the
    text has at least one `":` a name that is written, and the decoded text at most one name for each.
    """
    if b"\\" not in text and text.count(b":") == names + colons:
        return True
    return text.translate(None, _BLANKS).count(b'":') == names


def names_of(value: object) -> int:
    """Count the names of an entry's fields, its facts' included; what is deeper is no entry's and not counted."""
    if not isinstance(value, dict):
        return 0
    facts = value.get("facts")
    return len(value) + len(facts) if isinstance(facts, dict) else len(value)


def _colons_of(value: object) -> int:
    """Count the colons of an entry's instant, the only value that usually has any."""
    at = value.get("occurred_at") if isinstance(value, dict) else None
    return at.count(":") if isinstance(at, str) else 0


def twice(name: str) -> Refused:
    """Return the refusal of a JSON object that names a field twice (RFC 8785, section 3.1)."""
    return Refused(name[:100], "stands twice in one object; name each field once")


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build a JSON object, for `json.loads(object_pairs_hook=…)`. Raises: Refused, if it names a field twice."""
    value = dict(pairs)
    if len(value) != len(pairs):
        raise twice(next(name for name, times in Counter(name for name, _ in pairs).items() if times > 1))
    return value


def _look_closely(line: bytes) -> None:
    try:
        json.loads(line, object_pairs_hook=once)
    except Refused:
        raise
    except (ValueError, RecursionError):
        raise Refused("entry", "is not plain JSON; check its numbers and its nesting") from None


def decode(line: bytes) -> object:
    """Decode one JSON text; refuses bad UTF-8, malformed JSON, a field named twice (RFC 8785 section 3.1).

    Raises: Refused.
    """
    if len(line) > LINE_LIMIT:
        raise Refused("entry", f"is longer than {LINE_LIMIT:,} bytes; an entry is a few hundred")
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as problem:
        try:
            line.decode()
        except UnicodeDecodeError:
            raise Refused("entry", "is not UTF-8 text; export it as UTF-8") from None
        raise Refused("entry", f"is not JSON ({problem.msg}, character {problem.pos + 1})") from None
    if not surely_once(line, names_of(value), _colons_of(value)):
        _look_closely(line)
    return value


def parse_line(line: bytes, *, programmes: Collection[str], latest_us: int) -> Entry:
    """Read one JSON text as an entry: `decode`, then `parse`. Raises: Refused."""
    return parse(decode(line), programmes=programmes, latest_us=latest_us)
