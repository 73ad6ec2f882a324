"""Names made comparable across scripts, spellings and the order in which they are written. Pure.

A **word** is one part of a name in lower case, without marks. Its **bones** are its consonants, those that are heard
alike in one class and those that are vowels in another spelling left out: so Arabic and Persian script, which write no
short vowels, meet the many ways to write the same name in Latin letters. Words in other scripts are first put into
Latin letters (`anyascii`).
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from anyascii import anyascii

LATIN = "abcdefghijklmnopqrstuvwxyz"
ARABIC = "ابتثجحخدذرزسشصضطظعغفقکلمنهویپچژگ"
# One letter for what differs between Arabic and Persian keyboards, or by a mark that people leave out.
_SAME = str.maketrans(
    {**dict.fromkeys("أإآٱ", "ا"), **dict.fromkeys("يىئې", "ی"), **dict.fromkeys("كڪ", "ک"), "ة": "ه", "ۀ": "ه"}
    | {"ؤ": "و", "ہ": "ه", "ھ": "ه", "ە": "ه", "ء": None, "ـ": None, "\u200c": None, "\u200d": None, "ڤ": "ف", "گ": "گ"}
)
_HEARD = str.maketrans(
    {"ا": "", "ع": "", "و": "", "ی": "", "ب": "b", "پ": "b", "ت": "t", "ط": "t", "ث": "t", "ج": "g", "گ": "g", "غ": "g"}
    | {"چ": "s", "س": "s", "ش": "s", "ص": "s", "ح": "h", "ه": "h", "خ": "k", "ق": "k", "ک": "k", "د": "d", "ض": "d"}
    | {"ذ": "d", "ظ": "z", "ز": "z", "ژ": "z", "ر": "r", "ف": "f", "ل": "l", "م": "m", "ن": "n"}
)
_TOGETHER = (
    (re.compile(r"^ou(?=[aeiouy])"), "w"),
    (re.compile(r"sch|tch|sh|ch|ç"), "s"),
    (re.compile(r"kh|ck|cq"), "k"),
    (re.compile(r"gh|dj|dzh|zh"), "g"),
    (re.compile(r"dh"), "d"),
    (re.compile(r"th"), "t"),
    (re.compile(r"ph"), "f"),
    (re.compile(r"c(?=[eiy])"), "s"),
    (re.compile(r"x"), "ks"),
)
_CLASS = str.maketrans("cqjvp", "kkgfb")
_DOUBLED = re.compile(r"(.)\1+")
_APART = re.compile(r"[\s<\-‐‑–—_.,;:/\\()\[\]\"]+")
_INSIDE = re.compile(r"['’‘ʼʻʿʾ`´]")
_ARTICLE = re.compile(r"^(al|el|ul)(?=[^aeiou].{3,})")
_ARTICLES = frozenset({"al", "el", "ul", "ال"})
_SUN = frozenset({"ar", "as", "ash", "ad", "an", "at", "az", "er", "es", "ed", "en", "et", "ez", "ur", "us"})
_SERVANT = re.compile(r"abd([aeou]{1,2}[lrnstdz]?)?")


def is_arabic(word: str) -> bool:
    """Tell whether a word is written in Arabic script."""
    return "\u0600" <= word[:1] <= "\u06ff"


def _plain(text: str) -> str:
    """Return a text in lower case without marks, in Arabic or in Latin letters."""
    text = unicodedata.normalize("NFKD", text)
    text = "".join(one for one in text if unicodedata.category(one) not in ("Mn", "Me"))
    text = _INSIDE.sub("", unicodedata.normalize("NFC", text).translate(_SAME))
    return "".join(one if is_arabic(one) else anyascii(one) for one in text.casefold()).lower()


def words(text: str) -> list[str]:
    """Return the words of a name in their order, in the form that is compared; articles are left out.

    `Abd` and what follows is one word, however it is written. A machine-readable zone is read as it stands.
    """
    found = [re.sub(r"[^0-9a-z\u0600-\u06ff]", "", one) for one in _APART.split(_plain(text))]
    found = [one for one in found if one]
    kept: list[str] = []
    servant = ""
    for n, word in enumerate(found):
        following = found[n + 1] if n + 1 < len(found) else ""
        if following and (word in _ARTICLES or (word in _SUN and following[0] == word[1])):
            continue
        if following and (word == "عبد" or _SERVANT.fullmatch(word)):
            servant = word[:3]
            continue
        kept.append(servant + (_without_article(word) if servant else word))
        servant = ""
    return kept


def _without_article(word: str) -> str:
    return word.removeprefix("ال") if is_arabic(word) else _ARTICLE.sub("", word)


@lru_cache(50_000)
def bones(word: str) -> frozenset[str]:
    """Return the bones of a word; several where an article may be part of it, or a letter is heard in two ways."""
    found = {_bones(word)}
    if (shorter := _without_article(word)) != word and len(shorter) > 2:
        found.add(_bones(shorter))
    if word[0] == "v":
        found.add("w" + _bones(word)[1:])
    return frozenset(found)


def _bones(word: str) -> str:
    if is_arabic(word):
        word = re.sub(r"^عبدال(?=..)", "عبد", word)
        first = {"ا": "a", "ع": "a", "و": "w", "ی": "y"}.get(word[0], "")
        found = first + (word[1:] if first else word).translate(_HEARD)
        found = found[:-1] if word[-1] == "ه" and len(found) > 1 else found
    else:
        for form, letter in _TOGETHER:
            word = form.sub(letter, word)
        word = _DOUBLED.sub(r"\1", word.translate(_CLASS))
        first = "a" if word[0] in "aeiou" else word[0]
        rest = re.sub(r"(?<=[aeiou])h$", "", word[1:])
        found = first + re.sub(r"[aeiouwy]", "", rest)
    return re.sub(r"^abdl(?=..)", "abd", found)


def near(word: str) -> set[str]:
    """Return the words at one typing error: a letter left out, put in, changed, or two that changed places.

    None for words of fewer than four letters, of which too many are names of others.
    """
    if len(word) < 4:
        return set()
    letters = ARABIC if is_arabic(word) else LATIN
    halves = [(word[:n], word[n:]) for n in range(len(word) + 1)]
    found = {a + b[1:] for a, b in halves if b}
    found |= {a + b[1] + b[0] + b[2:] for a, b in halves if len(b) > 1}
    found |= {a + letter + b[1:] for a, b in halves if b for letter in letters}
    found |= {a + letter + b for a, b in halves for letter in letters}
    return found - {word}
