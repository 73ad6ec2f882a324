"""Search without opening: the texts by which a name is found, and who is found best.

What a name gives (`of_names`, `of_birth`) and what a search asks for (`asked`) are texts such as `word:maria`;
`people/index.py` makes tokens of them, of which alone the database knows. Typing errors are spread out on the asking
side alone, so that little is stored. Pure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import timedelta
from itertools import combinations, pairwise
from typing import NamedTuple
from uuid import UUID

from wayfare.people.births import Birth, Told, days
from wayfare.people.names import Names
from wayfare.people.spelling import (
    alike,
    bones,
    heard_as,
    is_arabic,
    long_vowels,
    near,
    near_bones,
    perhaps_long,
    words,
)

WORD_LIMIT = 8
"""Words of one written name, or of a search, that count; the rest are left out."""
AROUND_LIMIT = 4
"""Words of a search whose pairs are asked for with errors too; the rest as they are."""
LONGEST = 8
"""Bones that are asked for with errors; longer ones are rare enough as they are."""
TEXTS_LIMIT = 20_000
"""Texts that one search asks for; it stops where it has as many, those of the greatest worth first."""
WORD_TEXTS_LIMIT = 2_000
"""Of those, the texts by which one word is found."""
NAME_TEXTS_LIMIT = 900
"""Texts that one written name gives, whose words and bones are few."""
WEIGHTS = {"word": 4.0, "joined": 4.0, "near": 3.0, "bones": 2.6, "alike": 2.2, "long": 3.2}
"""What a word of the search is worth by how it was found: the best of these counts, once."""
INITIAL = 1.0
"""What a single letter is worth, which is found only where it was enrolled so."""
BIRTH_WEIGHTS = {"day": 4.0, "swapped": 2.5, "month": 2.5, "year": 1.5}
NEAR_YEARS = 2
"""Years by which a birth may be told otherwise when somebody is registered again."""
NEAR_YEAR, UNKNOWN_YEAR = 1.0, 0.5
"""Worth of a year near the one told, and of a file without any, when a person is compared with the files there are."""
SAME_NAME, SAME_PART = 0.8, 0.5
"""Of a name, as it is heard: what makes two people perhaps one; and what does where the month of birth is the same."""
LEAST = 0.3
"""Of what a search could score; who scores less is no result."""
BESIDE = 0.7
"""Of the best score; who scores less beside it is no result."""


def _of_words(found: list[str]) -> dict[str, list[set[str]]]:
    """Return, by kind, what each word gives."""
    return {
        "word": [{word} for word in found],
        "bones": [set(bones(word)) if len(word) > 1 else set() for word in found],
        "long": [{long_vowels(word)} if is_arabic(word) else set() for word in found],
    }


def _pairs(bones_of: list[set[str]]) -> set[str]:
    """Return each two words of a name together, in no order: common names meet in few people."""
    return {_pair(a, b) for one, other in combinations(bones_of, 2) for a in one for b in other}


def _pair(one: str, other: str) -> str:
    return "+".join(sorted((one, other)))


def _years(birth: Birth) -> set[str]:
    if birth.told is None:
        return set()
    first, last = days(birth.told)
    return {f"{year:04}" for year in range(first.year, last.year + 1)}


def of_names(names: Names, birth: Birth) -> set[str]:
    """Return the texts of which tokens are kept for a person's names."""
    found: set[str] = set()
    for name in names.names:
        for written in name.written:
            parts = [part.text for part in written.parts if part.kind != "title"]
            here = words(" ".join(parts))[:WORD_LIMIT]
            by_kind = _of_words(here)
            found |= {f"{kind}:{one}" for kind, each in by_kind.items() for some in each for one in some}
            found |= {f"word:{a}{b}" for a, b in pairwise(here)}
            found |= {f"pair:{pair}" for pair in _pairs(by_kind["bones"])}
            found |= {f"born:{one}+{year}" for some in by_kind["bones"] for one in some for year in _years(birth)}
    return found


def of_birth(birth: Birth) -> set[str]:
    """Return the texts of which tokens are kept for a birth: the days, months and years that it may mean, if few."""
    if birth.told is None:
        return {"year:unknown"}
    first, last = days(birth.told)
    every = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    months = {f"month:{day:%Y-%m}" for day in every}
    found = {f"year:{year}" for year in _years(birth)} | (months if len(months) <= 2 else set())
    return found | ({f"day:{day}" for day in every} if len(every) <= 5 else set())


class Asked(NamedTuple):
    """What a search asks for: for each word and for the birth, the texts by which somebody is found and their worth."""

    words: list[dict[str, float]]
    """For each word of the search, text → worth."""
    birth: dict[str, float]
    more: list[dict[str, float]]
    """Texts that only help to find candidates, two things at once: such as two words of a name."""

    def texts(self) -> list[str]:
        """Return every text once."""
        return list(dict.fromkeys(text for one in (*self.words, self.birth, *self.more) for text in one))

    def worths(self) -> list[tuple[str, int, float]]:
        """Return each text with the number of what it is found by, and its worth."""
        every = enumerate((*self.words, self.birth, *self.more))
        return [(text, number, worth) for number, one in every for text, worth in one.items()]

    def most(self) -> float:
        """Return the most that can be scored."""
        return sum(max(word.values()) for word in self.words) + max(self.birth.values(), default=0.0)


def asked(text: str, born: Told | None = None) -> Asked:
    """Return what a search for a name, a birth, or both asks for: at most `TEXTS_LIMIT` texts."""
    here = words(text)[:WORD_LIMIT]
    birth = Birth(born)
    by_kind = _of_words(here)
    found = [_of_word(n, here, by_kind) for n in range(len(here))]
    weights = _born(birth) if born else {}
    left = TEXTS_LIMIT - len(weights) - sum(map(len, found))
    return Asked(found, weights, _together(by_kind["bones"], _years(birth), left))


def _born(birth: Birth) -> dict[str, float]:
    return _swapped(birth.told) | {one: BIRTH_WEIGHTS[one.partition(":")[0]] for one in of_birth(birth)}


def asked_again(name: str, birth: Birth) -> Asked:
    """Return what asks for the files that somebody may have already, under this name: births near theirs too."""
    found = asked(name, birth.told)
    if birth.told is None:
        return found
    years = {int(year) for year in _years(birth)}
    near = {f"{year:04}" for year in range(min(years) - NEAR_YEARS, max(years) + NEAR_YEARS + 1)}
    weights = {"year:unknown": UNKNOWN_YEAR} | {f"year:{year}": NEAR_YEAR for year in near} | found.birth
    exact = [bones(word) for word in words(name)[:WORD_LIMIT] if len(word) > 1]
    born = [{f"born:{one}+{year}": WEIGHTS["bones"] for one in some for year in near} for some in exact]
    return Asked(found.words, weights, [*found.more, *born])


def perhaps_same(search: Asked, hits: Mapping[UUID, Collection[str]]) -> dict[UUID, Found]:
    """Return those who may be the person that `asked_again` was asked for. `hits`: as `ranked`."""
    most, birth = search.most(), len(search.words)
    by = _found_by([one for one in search.worths() if one[1] <= birth], hits)
    return {
        who: Found(who, round(_sum(of) / most, 3), _match(search, of)) for who, of in by.items() if _is_same(search, of)
    }


def _is_same(search: Asked, of: Worths) -> bool:
    """Tell whether a name is heard as another, of somebody born about then; or half of it, in the same month."""
    birth = len(search.words)
    names = sum(max(word.values()) for word in search.words)
    part = _heard_score(search, {n: worth for n, worth in of.items() if n < birth}) / names if names else 0.0
    born = of.get(birth, 0.0)
    if part >= SAME_NAME and (born or not search.birth):
        return True
    return part >= SAME_PART and born >= BIRTH_WEIGHTS["month"]


def _limited(found: Iterable[tuple[str, float]], limit: int) -> dict[str, float]:
    """Return at most so many texts, each with the best of its worths; read no further once there are as many."""
    best: dict[str, float] = {}
    for text, worth in found:
        if len(best) >= limit:
            break
        best[text] = max(worth, best.get(text, worth))
    return best


def _of_word(n: int, here: list[str], by_kind: dict[str, list[set[str]]]) -> dict[str, float]:
    """Return the texts by which the search's word `n` is found, the best worth of each; at most `WORD_TEXTS_LIMIT`."""
    found = _limited(_exact(n, here, by_kind), WORD_TEXTS_LIMIT)
    heard = ((text, WEIGHTS["alike"]) for text in _heard(n, here, by_kind["bones"]))
    found = _limited(heard, WORD_TEXTS_LIMIT - len(found)) | found
    return found if len(here[n]) > 1 else dict.fromkeys(found, INITIAL)


def _exact(n: int, here: list[str], by_kind: dict[str, list[set[str]]]) -> Iterator[tuple[str, float]]:
    """Give the texts of a word of the search as it stands, and of typing errors in it."""
    word = here[n]
    yield from ((f"word:{here[at]}{here[at + 1]}", WEIGHTS["joined"]) for at in _joins(n, here))
    yield from ((f"{kind}:{one}", WEIGHTS[kind]) for kind, each in by_kind.items() for one in each[n])
    yield from ((f"long:{one}", WEIGHTS["long"]) for one in (() if is_arabic(word) else perhaps_long(word)))
    yield from ((f"bones:{one}", WEIGHTS["bones"]) for one in _joined_bones(n, here, by_kind["bones"]))
    yield from ((f"pair:{_pair(a, b)}", WEIGHTS["bones"]) for a, b in _apart(by_kind["bones"][n]))
    yield from ((f"word:{one}", WEIGHTS["near"]) for one in near(word))


def _heard(n: int, here: list[str], bones_of: list[set[str]]) -> Iterator[str]:
    """Give the texts of bones that one language hears where another has those of a word of the search."""
    yield from (f"bones:{one}" for some in bones_of[n] for one in alike(some))
    if is_arabic(here[n]):
        for a, b in _apart(bones_of[n]):
            yield from (f"pair:{_pair(a, other)}" for other in heard_as(b))
            yield from (f"pair:{_pair(other, b)}" for other in heard_as(a))
    yield from (f"bones:{one}" for some in _joined_bones(n, here, bones_of) for one in alike(some))


def _joins(n: int, here: list[str]) -> list[int]:
    """Return the words that may be one with the next, of which a word of the search is one."""
    return [at for at in (n - 1, n) if 0 <= at < len(here) - 1]


def _joined_bones(n: int, here: list[str], bones_of: list[set[str]]) -> set[str]:
    return {a + b for at in _joins(n, here) for a in bones_of[at] for b in bones_of[at + 1]}


def _apart(bones_of_word: Iterable[str]) -> list[tuple[str, str]]:
    """Return the two halves that bones may be of two words: Noureddine of Nour and Eddine."""
    return [(some[:at], some[at:]) for some in bones_of_word for at in range(1, len(some))]


def _together(bones_of: list[set[str]], years: set[str], limit: int) -> list[dict[str, float]]:
    """Return texts of two things at once: of each two words, of each word and the year of birth; at most so many."""
    each = [_around(some, n < AROUND_LIMIT) for n, some in enumerate(bones_of)]
    found: list[dict[str, float]] = []
    for one, other in combinations(each, 2):
        found.append(_limited(_two(one, other), limit))
        limit -= len(found[-1])
    for one in each:
        born = ((f"born:{text}+{year}", worth) for text, worth in one.items() for year in years)
        found.append(_limited(born, limit))
        limit -= len(found[-1])
    return found


def _around(some: Iterable[str], errors: bool) -> dict[str, float]:
    """Return bones and, with errors, those that may be meant by them, each with its worth."""
    exact = set(some)
    if not errors or max(map(len, exact), default=0) > LONGEST:
        return dict.fromkeys(exact, WEIGHTS["bones"])
    found = dict.fromkeys((other for one in exact for other in near_bones(one)), WEIGHTS["alike"] / 2)
    found |= dict.fromkeys((other for one in exact for other in alike(one)), WEIGHTS["alike"])
    return found | dict.fromkeys(exact, WEIGHTS["bones"])


def _two(one: Mapping[str, float], other: Mapping[str, float]) -> Iterator[tuple[str, float]]:
    """Give two words of a name together, one of them at least as it is asked."""
    exact = WEIGHTS["bones"]
    firsts, seconds = ([text for text, worth in some.items() if worth == exact] for some in (one, other))
    yield from ((f"pair:{_pair(a, b)}", exact + also) for b, also in other.items() for a in firsts)
    yield from ((f"pair:{_pair(a, b)}", worth + exact) for a, worth in one.items() for b in seconds)


def _swapped(born: Told | None) -> dict[str, float]:
    """Return the day with its month and day exchanged, as forms are often filled in."""
    if born is None or born.calendar != "gregorian" or born.day is None or born.day > 12:
        return {}
    return {f"day:{born.year:04}-{born.day:02}-{born.month:02}": BIRTH_WEIGHTS["swapped"]}


class Found(NamedTuple):
    """Somebody whom a search may mean."""

    person: UUID
    score: float
    """From LEAST to 1."""
    match: str = "exact"
    """As MATCHES."""


MATCHES = ("exact", "born", "near", "part")
"""All as it was asked; all, but another birth, part of it or none; a word in another spelling or script; not all."""


def best(search: Asked, hits: Mapping[UUID, Collection[str]], limit: int) -> list[UUID]:
    """Return the people who were found by the most, at most so many: by two things at once too. `hits`: as `ranked`."""
    scores = {person: _sum(of) for person, of in _found_by(search.worths(), hits).items()}
    return sorted(hits, key=lambda person: (-scores[person], person.int))[:limit]


Worths = dict[int, float]
"""Of each thing that was asked for and found, by its number, the worth of the best way in which it was."""


def _found_by(worths: Iterable[tuple[str, int, float]], hits: Mapping[UUID, Collection[str]]) -> dict[UUID, Worths]:
    """Return by what each person was found."""
    worth = defaultdict[str, list[tuple[int, float]]](list)
    for text, number, one in worths:
        worth[text].append((number, one))
    found = dict[UUID, Worths]()
    for person, texts in hits.items():
        of = found[person] = {}
        for text in texts:
            for number, one in worth.get(text, ()):
                of[number] = max(one, of.get(number, 0.0))
    return found


def _sum(of: Worths) -> float:
    return sum(of[number] for number in sorted(of))


def ranked(search: Asked, hits: Mapping[UUID, Collection[str]], limit: int) -> list[Found]:
    """Return who was found, best first, at most so many.

    Each word of the search counts by the best way in which it was found, so that a person with many spellings does
    not outrank one with few. Who is hidden beside the best is decided without regard to spelling too: somebody whose
    name is spelled as the search is hides nobody whose name sounds alike. `hits`: for each candidate, the asked texts
    that are theirs.
    """
    most, birth = search.most(), len(search.words)
    found_by = _found_by([one for one in search.worths() if one[1] <= birth], hits)
    scores = {who: round(_sum(of) / most, 3) for who, of in found_by.items() if most and _sum(of) / most >= LEAST}
    heard = {who: _heard_score(search, found_by[who]) for who in scores}
    least, least_heard = (max(some.values(), default=0.0) * BESIDE for some in (scores, heard))
    shown = {who: score for who, score in scores.items() if score >= least or heard[who] >= least_heard}
    found = [Found(who, score, _match(search, found_by[who])) for who, score in shown.items()]
    return sorted(found, key=lambda one: (-one.score, one.person.int))[:limit]


def _heard_score(search: Asked, of: Worths) -> float:
    """Return what a person scores where every spelling that has a word's bones is as good as the word itself."""
    words = {
        n: min(1.0, of[n] / WEIGHTS["bones"]) for n, one in enumerate(search.words) if n in of and not _initial(one)
    }
    return round(_sum(of | {n: part * max(search.words[n].values()) for n, part in words.items()}), 3)


def _initial(word: Mapping[str, float]) -> bool:
    return max(word.values()) == INITIAL


def _match(search: Asked, of: Worths) -> str:
    """Return how much of a search a person was found by; an initial that is not theirs takes nothing away."""
    every = enumerate([*search.words, *([search.birth] if search.birth else [])])
    asked_for = {n: max(one.values()) for n, one in every if not _initial(one)}
    if not asked_for.keys() <= of.keys():
        return "part"
    other = {n for n, worth in asked_for.items() if of[n] != worth}
    return "near" if other - {len(search.words)} else "born" if other else "exact"
