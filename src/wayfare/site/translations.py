"""The interface's languages: extracted and compiled with Babel alone (no system gettext)."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from babel.messages.extract import extract_python
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LOCALE = Path(__file__).parent / "locale"


def django_templates(file: IO[bytes], keywords: Any, comment_tags: Any, options: Any) -> Iterator[Any]:
    """Extract a template's strings (a Babel extraction method; needs Django's settings)."""
    from django.utils.translation.template import templatize

    source = templatize(file.read().decode())
    words: dict[str, Any] = {"_": None, "gettext": None, "ngettext": (1, 2), "pgettext": ((1, "c"), 2)}
    words["npgettext"] = ((1, "c"), 2, 3)
    yield from extract_python(io.BytesIO(source.encode()), words, comment_tags, options)


def compile_all(folder: Path = LOCALE) -> list[Path]:
    """Compile each catalogue that is newer than its compiled form; return what was written."""
    written = []
    for source in sorted(folder.glob("*/LC_MESSAGES/django.po")):
        target = source.with_suffix(".mo")
        if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
            with source.open("rb") as file:
                catalogue = read_po(file, locale=source.parts[-3])
            content = io.BytesIO()
            write_mo(content, catalogue)
            partial = target.with_suffix(".partial")
            partial.write_bytes(content.getvalue())
            partial.replace(target)
            written.append(target)
    return written
