"""Names as people have them. Pure.

A person may have one name or many; each may be written in several scripts, one of them the person's own and others
transliterations; nobody needs a family name. The form on a document stands beside the form a person uses.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

from wayfare.people.fields import Reader

USES = ("used", "document", "birth", "earlier", "other")
"""What a name is to the person: the one they use, the one on a document, at birth, an earlier one, another."""
SPELLINGS_LIMIT = 40
"""Written forms of all names of a person together, each of which is searched by."""
PARTS = ("whole", "given", "family", "father", "grandfather", "mother", "clan", "title")
"""What a part of a name is. `whole` says that it is not taken apart: for one name, and where nobody knows."""
_SCRIPT = re.compile(r"[A-Z][a-z]{3}", re.ASCII)


class Part(NamedTuple):
    """A part of a name, in the order in which it is said."""

    kind: str
    text: str


class Written(NamedTuple):
    """A name in one script."""

    script: str
    """ISO 15924, such as Arab or Latn."""
    parts: tuple[Part, ...]
    transliterated: bool = False
    """By somebody, from the person's own script; not how they write it themselves."""

    def text(self) -> str:
        """Return the name in one line."""
        return " ".join(part.text for part in self.parts)


class Name(NamedTuple):
    """One name of a person, in each script that is known."""

    use: str
    written: tuple[Written, ...]


class Names(NamedTuple):
    """The field group `names`."""

    names: tuple[Name, ...]
    address: str | None = None
    """How the person wishes to be addressed, in their words."""

    def shown(self) -> Written:
        """Return the form to call the person by: the one they use, as they write it themselves, if it is known."""
        by_use = sorted(self.names, key=lambda name: USES.index(name.use))
        return min(by_use[0].written, key=lambda written: written.transliterated)


def _part(reader: Reader) -> Part:
    return Part(reader.one_of("kind", PARTS), reader.text("text"))


def _written(reader: Reader) -> Written:
    script = reader.matching("script", _SCRIPT, "a script's code (ISO 15924); write Latn, Arab, Cyrl, Ethi")
    if script is None:
        raise reader.refuse("script", "is missing; write a script's code (ISO 15924) such as Latn or Arab")
    parts = reader.many("parts", _part, least=1)
    alone = len(parts) == 1 or all(part.kind != "whole" for part in parts)
    reader.require(alone, "parts", "has a whole name beside others; write one `whole`, or its parts")
    return Written(script, parts, reader.flag("transliterated"))


def _name(reader: Reader) -> Name:
    found = Name(reader.one_of("use", USES), reader.many("written", _written, least=1))
    scripts = [(written.script, written.transliterated) for written in found.written]
    once = len(set(scripts)) == len(scripts)
    reader.require(once, "written", "has a script twice; write a second spelling as a name of its own")
    return found


def read_names(reader: Reader) -> Names:
    """Return the field group `names`. Raises: Refused."""
    found = reader.many("names", _name, least=1)
    spellings = sum(len(name.written) for name in found)
    few = spellings <= SPELLINGS_LIMIT
    reader.require(few, "names", f"has {spellings} written forms; {SPELLINGS_LIMIT} at most")
    return Names(found, reader.perhaps("address"))


def initials(names: Names) -> str:
    """Return at most three initials of the form a person uses, such as `M. Q.`; what a list may show of a name."""
    words = [word for part in names.shown().parts if part.kind != "title" for word in re.split(r"[\s\-]+", part.text)]
    letters = [next((one for one in word if unicodedata.category(one)[0] == "L"), "") for word in words]
    found = [letter.upper() for letter in letters if letter]
    return " ".join(f"{letter}." for letter in (found if len(found) <= 3 else [*found[:2], found[-1]]))
