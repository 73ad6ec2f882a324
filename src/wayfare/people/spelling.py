"""Names made comparable across scripts, spellings and the order in which they are written. Pure.

A **word** is one part of a name in lower case, without marks. Its **bones** are its consonants, those that are heard
alike in one class and those that are vowels in another spelling left out: so Arabic and Persian script, which write no
short vowels, meet the many ways to write the same name in Latin letters. Words in other scripts are first put into
Latin letters (`anyascii`).

Every function here is bounded for any text: `words` reads `TEXT_READ` characters and returns words of at most
`WORD_LETTERS`, and what expands a word stops within its loop at the bound that it states.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from itertools import chain, islice

from anyascii import anyascii

TEXT_READ = 1_000
"""Characters of a text that are read; fields that are typed have lower limits."""
TEXT_LETTERS = 800
"""Letters of a text, once it is in Latin or Arabic letters, that are compared: one ﷺ alone is eighteen."""
WORD_LETTERS = 40
"""Letters of a word that are compared."""
LATIN = "abcdefghijklmnopqrstuvwxyz"
ARABIC = "ابتثجحخدذرزسشصضطظعغفقکلمنهویپچژگ"
# One letter for what differs between Arabic and Persian keyboards, or by a mark that people leave out.
_SAME = str.maketrans(
    {**dict.fromkeys("أإآٱ", "ا"), **dict.fromkeys("يىئې", "ی"), **dict.fromkeys("كڪ", "ک"), "ة": "ه", "ۀ": "ه"}
    | {"ؤ": "و", "ہ": "ه", "ھ": "ه", "ە": "ه", "ۃ": "ه", "ء": None, "ـ": None, "\u200c": None, "\u200d": None}
    # Letters of Urdu, Pashto and Kurdish that have no sound of their own in the other languages.
    | {**dict.fromkeys("ٹټ", "ت"), **dict.fromkeys("ڈډ", "د"), **dict.fromkeys("ڑړڕ", "ر"), **dict.fromkeys("ںڼ", "ن")}
    | {
        **dict.fromkeys("ےێۍ", "ی"),
        **dict.fromkeys("ګڭ", "گ"),
        "څ": "س",
        "ځ": "ز",
        "ږ": "ژ",
        "ښ": "ش",
        "ڵ": "ل",
        "ۆ": "و",
    }
    | {"ڤ": "ف"}
)
_HEARD = str.maketrans(
    {"ا": "", "ع": "", "و": "", "ی": "", "ب": "b", "پ": "b", "ت": "t", "ط": "t", "ث": "t", "ج": "g", "گ": "g", "غ": "g"}
    | {"چ": "s", "س": "s", "ش": "s", "ص": "s", "ح": "h", "ه": "h", "خ": "k", "ق": "k", "ک": "k", "د": "d", "ض": "d"}
    | {"ذ": "d", "ظ": "z", "ز": "z", "ژ": "z", "ر": "r", "ف": "f", "ل": "l", "م": "m", "ن": "n"}
)
_TOGETHER = (
    # X before a letter marks it as another one in passports (ICAO Doc 9303-3, 6.C): XH is ح, XSH ش, XDZ ض.
    (re.compile(r"xdz"), "d"),
    (re.compile(r"x(?=sh|kh|th|dh|ss|tt|zz|h(?![aeiou])|a[aehy]|ta$)"), ""),
    (re.compile(r"^ou(?=[aeiouy])"), "w"),
    (re.compile(r"sch|tch|sh|ch|ts|ç"), "s"),
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
_JOINED_ARABIC = re.compile(r"(?<=..)ال(?=(دین|له)$)")
_JOINED_LATIN = re.compile(r"(?<=..)[aeou]l(?=d+[ie]+ne?$)")
_ASSIMILATED = re.compile(r"[aeu]([rstdnz])\1[aeiou]..")
_SUN = frozenset({"ar", "as", "ash", "ad", "an", "at", "az", "er", "es", "ed", "en", "et", "ez", "ur", "us"})
_BOUND = (
    {"allah": "allah", "ullah": "allah", "ollah": "allah", "ulla": "allah", "الله": "الله", "لله": "الله"}
    | dict.fromkeys(("din", "deen", "dine", "eddin", "eddine", "uddin", "addin", "aldin"), "din")
    | {"الدین": "الدین"}
)
"""Second halves of names that are written apart or not, such as Nour Eddine and Habib Ullah."""
_SERVANT = re.compile(r"abd([aeou]{1,2}[lrnstdz]?)?")


def is_arabic(word: str) -> bool:
    """Tell whether a word is written in Arabic script."""
    return "\u0600" <= word[:1] <= "\u06ff"


def _plain(text: str) -> str:
    """Return a text in lower case without marks, in Arabic or in Latin letters; at most `TEXT_LETTERS` of them."""
    text = unicodedata.normalize("NFKD", text[:TEXT_READ])
    text = "".join(one for one in text if unicodedata.category(one) not in ("Mn", "Me"))
    text = _INSIDE.sub("", unicodedata.normalize("NFC", text).translate(_SAME))
    letters = chain.from_iterable(one if is_arabic(one) else anyascii(one) for one in text.casefold())
    return "".join(islice(letters, TEXT_LETTERS)).lower()


def words(text: str) -> list[str]:
    """Return the words of a name in their order, in the form that is compared; articles are left out.

    `Abd` and what follows is one word, however it is written. A machine-readable zone is read as it stands. Of a longer
    word its first `WORD_LETTERS` are kept.
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
        if kept and not servant and word in _BOUND and is_arabic(kept[-1]) == is_arabic(word):
            kept[-1] += _BOUND[word]
            continue
        kept.append(servant + (_without_article(word) if servant else word))
        servant = ""
    return [word[:WORD_LETTERS] for word in kept]


def _without_article(word: str) -> str:
    return word.removeprefix("ال") if is_arabic(word) else _ARTICLE.sub("", word)


@lru_cache(20_000)
def bones(word: str) -> frozenset[str]:
    """Return the bones of a word; several where an article may be part of it, or a letter is heard in two ways.

    At most five.
    """
    found = {_bones(word)}
    if (shorter := _without_article(word)) != word and len(shorter) > 2:
        found.add(_bones(shorter))
        if is_arabic(word) and shorter[0] in "اعوی":
            found.add("l" + _bones(shorter)[1:])
    if _ASSIMILATED.match(word):
        found.add(_bones(word[2:]))
    if word[0] == "v":
        found.add("w" + _bones(word)[1:])
    return frozenset(found)


def _bones(word: str) -> str:
    if is_arabic(word):
        word = _JOINED_ARABIC.sub("", re.sub(r"^عبدال(?=..)", "عبد", word)).replace("تش", "ش")
        first = {"ا": "a", "ع": "a", "و": "w", "ی": "y"}.get(word[0], "")
        found = first + (word[1:] if first else word).translate(_HEARD)
        found = found[:-1] if word[-1] == "ه" and len(found) > 1 else found
    else:
        word = _consonants(_JOINED_LATIN.sub("", word))
        first = "a" if word[0] in "aeiou" else word[0]
        rest = re.sub(r"(?<=[aeiou])h$", "", word[1:])
        found = first + re.sub(r"[aeiouwy]", "", rest)
    return re.sub(r"^abdl(?=..)", "abd", found)


def _consonants(word: str) -> str:
    """Return a Latin word with one letter for each consonant as it is heard."""
    for form, letter in _TOGETHER:
        word = form.sub(letter, word)
    return _DOUBLED.sub(r"\1", word.translate(_CLASS))


_LONG = str.maketrans({"ا": "a", "و": "u", "ی": "i"})


def long_vowels(word: str) -> str:
    """Return the bones of a word in Arabic script with the vowels that it writes: `mhmud`, where `mhmd` has none."""
    plain = _JOINED_ARABIC.sub("", _without_article(word)) or word  # the article alone is a word, as in ال سعود
    first = "a" if plain[0] in "اع" else plain[:1].translate(_LONG).translate(_HEARD)
    found = first + plain[1:].translate(_LONG).translate(_HEARD)
    return found[:-1] if plain[-1] == "ه" and len(found) > 1 else found


MOST_VOWELS = 128
"""Ways to write a word's vowels that are asked for; a word with more is found by its bones."""
_VOWELS = "aeiouwy"
_WRITTEN_AS = {"a": "a", "e": "i", "i": "i", "y": "i", "o": "u", "u": "u", "w": "u"}
_EITHER = {"d": "dz", "z": "zd", "g": "gk", "k": "kg"}


def perhaps_long(word: str) -> set[str]:
    """Return what `long_vowels` may give for a Latin word, whose vowels may each be written in Arabic script or not.

    None where there are more than `MOST_VOWELS`.
    """
    plain = re.sub(r"(?<=[aeiou])h$", "", _consonants(_JOINED_LATIN.sub("", _without_article(word))))
    plain = re.sub(r"y(?=[aeiou])", "Y", re.sub(r"w(?=[aeiou])", "W", plain))
    found = {""}
    for part in re.findall(rf"[{_VOWELS}]+|[^{_VOWELS}]", plain):
        at = "first" if found == {""} else "last" if plain.endswith(part) else "inside"
        found = {one + choice for one in found for choice in _choices(part, at)}
        if len(found) > MOST_VOWELS:  # a further part never makes it fewer
            return set()
    return found


def _choices(part: str, at: str) -> set[str]:
    """Return how Arabic script may write vowels that follow each other, or a consonant."""
    if part[0] not in _VOWELS:
        return {"W": {"u"}, "Y": {"i"}}.get(part, set(_EITHER.get(part, part)))
    written = _DOUBLED.sub(r"\1", "".join(_WRITTEN_AS[letter] for letter in part))
    if at == "first":
        return {"a", "a" + written.removeprefix("a")}
    short = {""} if len(part) == 1 or at == "last" else set()  # two letters, as in ou, are for a long one
    return {written, written[-1]} | short | ({"a", "i"} if at == "last" else set())


_HEARD_AS = {"z": "dg", "d": "z", "s": "t", "t": "s", "g": "kzyh", "k": "gh", "h": "kg", "y": "ga", "a": "y"} | {
    "b": "f",
    "f": "bw",
    "w": "f",
}
_UNHEARD = "hf"


def heard_as(found: str) -> set[str]:
    """Return the bones in which one letter is another that is heard like it."""
    return {found[:n] + letter + found[n + 1 :] for n, one in enumerate(found) for letter in _HEARD_AS.get(one, "")}


TWICE_LETTERS = 12
"""Bones in which two letters may be heard otherwise; in longer ones, one: their number grows with the square."""


@lru_cache(500)
def alike(found: str) -> frozenset[str]:
    """Return the bones that one language hears, or writes in Latin letters, where another has these.

    At most two letters apart: ض is d in Arabic and z in Persian, ق is q or gh, و is w or v, ث is th or s. In bones of
    more than `TWICE_LETTERS`, one letter.
    """
    once = heard_as(found)
    twice = {other for one in once for other in heard_as(one)} if len(found) <= TWICE_LETTERS else set()
    fewer = {found[:n] + found[n + 1 :] for n, one in enumerate(found) if n and one in _UNHEARD}
    more = {found[:n] + letter + found[n:] for n in range(1, len(found) + 1) for letter in _UNHEARD}
    return frozenset((once | twice | fewer | more) - {found})


HEARD = "abdfghklmnrstwyz"
"""The letters of bones."""


def near_bones(found: str) -> frozenset[str]:
    """Return the bones at one error: a consonant left out, put in or changed, or two that changed places."""
    return frozenset(_one_error(found, HEARD) - {""})


def _one_error(word: str, letters: str) -> set[str]:
    halves = [(word[:n], word[n:]) for n in range(len(word) + 1)]
    found = {a + b[1:] for a, b in halves if b}
    found |= {a + b[1] + b[0] + b[2:] for a, b in halves if len(b) > 1}
    found |= {a + letter + b[1:] for a, b in halves if b for letter in letters}
    found |= {a + letter + b for a, b in halves for letter in letters}
    return found - {word}


def near(word: str) -> set[str]:
    """Return the words at one typing error: a letter left out, put in, changed, or two that changed places.

    None for words of fewer than four letters, of which too many are names of others.
    """
    if len(word) < 4:
        return set()
    return _one_error(word, ARABIC if is_arabic(word) else LATIN)
