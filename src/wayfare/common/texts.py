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


_DIRECTIONS = frozenset(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A))))
_WITHOUT_DIRECTIONS = str.maketrans(dict.fromkeys(_DIRECTIONS))


def is_direction(letter: str) -> bool:
    """Tell whether a character turns the direction of what stands after it (U+202A to U+202E, U+2066 to U+2069).

    One of them makes a text read as another, `exe.fdp` as `pdf.exe`; Unicode's bidirectional algorithm and the page
    give each text its direction without them. The marks U+200E and U+200F turn nothing, and stay.
    """
    return letter in _DIRECTIONS


def without_directions(text: str) -> str:
    """Return a text without the characters that turn its direction; they come along where a number is copied."""
    return text.translate(_WITHOUT_DIRECTIONS)


def is_control(letter: str) -> bool:
    """Tell whether a code point is no writing: a control, surrogate, private-use code or noncharacter."""
    category = unicodedata.category(letter)
    return category in ("Cc", "Cs", "Co") or (category == "Cn" and _is_noncharacter(ord(letter)))


def control_in(text: str) -> str | None:
    """Return the first character of a text that no line of writing holds, as `U+001B`; None where there is none:
    a control character, a line break, or what turns the direction.
    """
    found = next((one for one in text if _is_no_writing(one)), None)
    return None if found is None else f"U+{ord(found):04X}"


def _is_no_writing(letter: str) -> bool:
    return is_control(letter) or is_direction(letter) or unicodedata.category(letter) in ("Zl", "Zp")


def one_line(text: str) -> str:
    """Return a text as one line: without control characters, line breaks and what turns its direction; blanks once
    and none at its ends.
    """
    return "".join(one for one in " ".join(text.split()) if not _is_no_writing(one))
