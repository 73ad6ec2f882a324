"""The interface's languages: extracted and compiled with Babel alone (no system gettext)."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:  # each start of a command looks here, and hardly one has anything to compile
    from babel.messages.catalog import Catalog

LOCALE = Path(__file__).parent / "locale"


def django_templates(file: IO[bytes], keywords: Any, comment_tags: Any, options: Any) -> Iterator[Any]:
    """Extract a template's strings (a Babel extraction method; needs Django's settings)."""
    from babel.messages.extract import extract_python
    from django.utils.translation.template import templatize

    source = templatize(file.read().decode())
    words: dict[str, Any] = {"_": None, "gettext": None, "ngettext": (1, 2), "pgettext": ((1, "c"), 2)}
    words["npgettext"] = ((1, "c"), 2, 3)
    yield from extract_python(io.BytesIO(source.encode()), words, comment_tags, options)


_KEYWORDS = {"gettext_lazy": None, "pgettext_lazy": ((1, "c"), 2)}
_METHODS = [
    ("**/tests/**", "ignore"),
    ("**.py", "python"),
    ("**.html", "wayfare.site.translations:django_templates"),
]


def extract(source: Path = LOCALE.parents[1]) -> Catalog:
    """Return every string that the pages may show, as English catalogue."""
    from babel.messages.catalog import Catalog
    from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir

    found = Catalog()
    keywords = {**DEFAULT_KEYWORDS, **_KEYWORDS}
    for file, line, message, comments, context in extract_from_dir(source, _METHODS, keywords=keywords):
        found.add(message, None, [(file, line)], auto_comments=comments, context=context)
    return found


def update_all(folder: Path = LOCALE) -> None:
    """Bring each catalogue in step with the source: new strings empty, unused ones gone; nothing is guessed."""
    from babel.messages.pofile import read_po, write_po

    wanted = extract()
    for path in sorted(folder.glob("*/LC_MESSAGES/django.po")):
        with path.open("rb") as file:
            catalogue = read_po(file, locale=path.parts[-3])
        catalogue.update(wanted, no_fuzzy_matching=True, update_creation_date=False)
        catalogue.obsolete.clear()
        catalogue.fuzzy = False
        with path.open("wb") as file:
            write_po(file, catalogue, width=120, no_location=True, omit_header=False)


def compile_all(target: Path, folder: Path = LOCALE) -> list[Path]:
    """Compile each catalogue that is newer than its compiled form in a folder of the home; return what was written.

    In the home, because the code may stand where nobody but root writes.
    """
    written = []
    for source in sorted(folder.glob("*/LC_MESSAGES/django.po")):
        compiled = target / source.relative_to(folder).with_suffix(".mo")
        if not compiled.exists() or compiled.stat().st_mtime < source.stat().st_mtime:
            from babel.messages.mofile import write_mo
            from babel.messages.pofile import read_po

            with source.open("rb") as file:
                catalogue = read_po(file, locale=source.parts[-3])
            content = io.BytesIO()
            write_mo(content, catalogue)
            compiled.parent.mkdir(parents=True, exist_ok=True)
            partial = compiled.with_suffix(f".{os.getpid()}")
            partial.write_bytes(content.getvalue())
            partial.replace(compiled)
            written.append(compiled)
    return written


if __name__ == "__main__":
    from wayfare.site.runtime import set_up_django

    set_up_django()
    update_all()
