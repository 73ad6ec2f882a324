"""What counts as writing: texts that people type need a visible character, and hold no control characters. Pure.

Unassigned code points are kept: letters that a newer Unicode has (rare Han characters of names) are unassigned to an
older Python, and a name is accepted or refused alike on every machine.
"""

from __future__ import annotations

import unicodedata

# Default_Ignorable_Code_Point of Unicode, whose letters and unassigned code points category does not tell; and U+2800,
# the Braille pattern without dots.
_INVISIBLE = frozenset(
    {0x115F, 0x1160, 0x2065, 0x2800, 0x3164, 0xFFA0, *range(0xFFF0, 0xFFF9), *range(0xE0000, 0xE1000)}
)


def is_visible(letter: str) -> bool:
    """Tell whether a character shows by itself: a letter, digit, sign or symbol, and no blank, mark or format."""
    if ord(letter) in _INVISIBLE:
        return False
    return unicodedata.category(letter)[0] in "LNPS" or is_unassigned(letter)


def has_writing(text: str) -> bool:
    """Tell whether at least one character of a text is visible."""
    return any(map(is_visible, text))


def is_unassigned(letter: str) -> bool:
    """Tell whether a code point has no character in the Unicode of this Python, but may have one in a later one."""
    return unicodedata.category(letter) == "Cn" and not _is_noncharacter(ord(letter))


def _is_noncharacter(code: int) -> bool:
    return 0xFDD0 <= code <= 0xFDEF or code & 0xFFFE == 0xFFFE


def is_control(letter: str) -> bool:
    """Tell whether a code point is no writing: a control, surrogate, private-use code or noncharacter."""
    category = unicodedata.category(letter)
    return category in ("Cc", "Cs", "Co") or (category == "Cn" and _is_noncharacter(ord(letter)))


def control_in(text: str) -> str | None:
    """Return the first control character or line break of a text, as `U+001B`; None where there is none."""
    found = next((one for one in text if is_control(one) or unicodedata.category(one) in ("Zl", "Zp")), None)
    return None if found is None else f"U+{ord(found):04X}"


def one_line(text: str) -> str:
    """Return a text as one line: without control characters and line breaks, blanks once and none at its ends."""
    return "".join(one for one in " ".join(text.split()) if not is_control(one))
