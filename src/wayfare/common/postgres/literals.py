"""Arrays as PostgreSQL writes them in text, for a cast such as `%s::uuid[]`. Pure."""

from __future__ import annotations

from collections.abc import Iterable


def array(values: Iterable[object]) -> str:
    """Return ids, codes or numbers as PostgreSQL's array literal, for a cast such as `%s::uuid[]`.

    Much faster to write than adapting each element; so only for values without quotation marks, commas, braces
    or spaces, which ids and codes never hold.
    """
    return "{" + ",".join(map(str, values)) + "}"


def text_array(values: Iterable[str]) -> str:
    """Return any texts as PostgreSQL's array literal, for the cast `%s::text[]`."""
    return '{"' + '","'.join([value.replace("\\", "\\\\").replace('"', '\\"') for value in values]) + '"}'
