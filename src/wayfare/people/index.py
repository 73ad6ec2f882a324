"""The index of who is found by which text, of which a copy of the database tells nothing: no two rows in it are alike.

Each text of an office has numbered slots. A person whom the text finds has a row of their own in one of them, of which
the database knows a token: the text's block (its HMAC under the index key, cut to 12 bytes) with the slot's number,
enciphered as one block of AES-256 under a key of the epoch and the office. That no number comes twice makes all tokens
distinct; the cipher makes them random to whoever has no key. (Π_bas of Cash et al., "Dynamic searchable encryption in
very-large databases", NDSS 2014, whose counters are here what is free.)

Slots come in levels: level 0 is slot 0, level n the slots from 2^(n-1) to before 2^n. A level is begun when those
before it are about full, and then has a *sign*: a row of nobody's, which tells who searches that there is more. A new
row takes a free slot at random, also one that an erasure left: where free ones are tells nothing, even with the key.
That a level was begun for people who are gone, the key's holder sees until the next epoch, in which there is none.

An epoch's rows become the next epoch's by their blocks, without a name being opened. Pure, apart from its randomness.
"""

from __future__ import annotations

import hmac
import secrets
import struct
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from hashlib import sha256
from random import Random
from typing import NamedTuple
from uuid import UUID

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

from wayfare.common.macs import pads

TOKEN_BYTES = 16
BLOCK_BYTES = 12
PADDED_TO = 8
"""A person has a multiple of so many rows, the last of which find nobody: how many names they have is not told."""
LEVELS = 26
"""As many as there ever are: a text that 60 million people of one office have."""
TRIES = 4
"""Slots of a text, for each level that it has, that are looked at before one more is begun: most are then taken."""
_SIGN = 1 << 31
_NUMBER = struct.Struct(">I")

Placed = tuple[bytes, int]
"""A text's block, and the number of a slot or a sign."""
There = Callable[[Sequence[bytes]], Collection[int]]
"""Tells which of some tokens are stored, by their number from 0."""


def sign(level: int) -> int:
    """Return the number of the sign that a level is begun."""
    return _SIGN + level


class Keyed:
    """Makes the tokens of one epoch and office."""

    def __init__(self, index_key: bytes, epoch_key: bytes, office: str) -> None:
        self._inner, self._outer = map(sha256, pads(index_key))
        key = hmac.digest(epoch_key, b"office " + office.encode(), "sha256")
        self._cipher = Cipher(AES(key), ECB())  # noqa: S305 - single blocks, no two of them alike

    def block(self, text: str) -> bytes:
        """Return the HMAC (RFC 2104) of a text, cut: with both hashes begun ahead, it takes less than half as long."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(text.encode())
        outer.update(inner.digest())
        return outer.digest()[:BLOCK_BYTES]

    def tokens(self, places: Iterable[Placed]) -> list[bytes]:
        """Return the token of each place."""
        number = _NUMBER.pack
        whole = self._cipher.encryptor().update(b"".join([block + number(n) for block, n in places]))
        return [whole[at : at + TOKEN_BYTES] for at in range(0, len(whole), TOKEN_BYTES)]

    def blocks(self, tokens: bytes) -> list[bytes]:
        """Return the blocks of which tokens, one after the other, were made; the texts stay unknown."""
        whole = self._cipher.decryptor().update(tokens)
        return [whole[at : at + BLOCK_BYTES] for at in range(0, len(whole), TOKEN_BYTES)]


class Rows(NamedTuple):
    """Rows to be stored: for each person their tokens, and the signs of levels that were begun."""

    tokens: list[list[bytes]]
    signs: list[bytes]


class Slots:
    """Finds free slots of an office's texts; for one transaction, which has locked the office's index."""

    def __init__(self, keyed: Keyed, there: There) -> None:
        self._keyed, self._there = keyed, there
        self._level = dict[bytes, int]()
        self._free = dict[bytes, list[int]]()
        self._random = Random()  # noqa: S311 - which slot is no secret from who has the key; seeded by the system

    def rows(self, many: Sequence[Collection[bytes]]) -> Rows:
        """Return the rows of several people, each of whom is found by some blocks."""
        wanted = Counter(block for some in many for block in some)
        signs = self._make_room(wanted)
        found = iter(self._keyed.tokens((block, self._free[block].pop()) for some in many for block in some))
        tokens = [[next(found) for _ in some] for some in many]
        for block in wanted:  # of the many texts that one person alone has, nothing is kept
            if block not in self._level:
                del self._free[block]
        return Rows(tokens, self._keyed.tokens(signs))

    def _make_room(self, wanted: Counter[bytes]) -> list[Placed]:
        """See that so many slots of each block are known to be free; return the signs of levels begun for that."""
        new = [block for block in wanted if block not in self._level]
        taken = self._stored([(block, 0) for block in new])
        self._free |= {block: [] if n in taken else [0] for n, block in enumerate(new)}
        short = [block for block, number in wanted.items() if len(self._free[block]) < number]
        self._look_at({block: wanted[block] for block in short if block not in self._level})
        return [begun for block in short for begun in self._begun(block, wanted[block])]

    def _look_at(self, blocks: Mapping[bytes, int]) -> None:
        """Find out how many levels some blocks have, and of those slots that are free: about as many as are wanted."""
        signs = [(block, sign(level)) for block in blocks for level in range(1, LEVELS + 1)]
        begun = self._stored(signs)
        for at, block in enumerate(blocks):
            self._level[block] = sum(at * LEVELS + n in begun for n in range(LEVELS))
        tried = [(block, slot) for block, number in blocks.items() for slot in self._tries(self._level[block], number)]
        taken = self._stored(tried)
        for n, (block, slot) in enumerate(tried):
            if n not in taken:
                self._free[block].append(slot)

    def _tries(self, level: int, number: int) -> list[int]:
        """Return some slots of so many levels, but for slot 0, of which as many as are wanted may be free."""
        slots = range(1, 1 << level)
        return self._random.sample(slots, min(TRIES * level + 2 * number, len(slots)))

    def _begun(self, block: bytes, number: int) -> list[Placed]:
        """Begin levels of a block until so many of its slots are free; return their signs."""
        free, signs = self._free[block], list[Placed]()
        while len(free) < number:
            slots = list(range(1 << self._level[block], 2 << self._level[block]))
            self._random.shuffle(slots)
            free[:0] = slots
            self._level[block] += 1
            signs.append((block, sign(self._level[block])))
        return signs

    def _stored(self, places: Sequence[Placed]) -> Collection[int]:
        return self._there(self._keyed.tokens(places)) if places else ()


def padded(tokens: Sequence[bytes]) -> list[bytes]:
    """Return a new person's tokens, and as many that find nobody as make their number tell little."""
    return [*tokens, *(secrets.token_bytes(TOKEN_BYTES) for _ in range(-len(tokens) % PADDED_TO))]


Of = tuple[int, bytes]
"""An epoch and a text's block."""


class Reading:
    """Reads who is found by some texts, level by level."""

    def __init__(
        self,
        keyed: Mapping[int, Keyed],
        texts: Iterable[str],
        found: Callable[[Sequence[bytes]], Iterable[tuple[int, UUID | None]]],
    ) -> None:
        """`keyed`: by epoch. `found`: gives of some tokens those that are stored, by their number from 0, and whose."""
        self._keyed, self._found = keyed, found
        self._texts = {making.block(text): text for making in list(keyed.values())[:1] for text in texts}
        self.hits = defaultdict[UUID, set[str]](set)
        """The texts by which each person was found."""

    def read(self, most: int) -> bool:
        """Read what the first levels hold, at most so many; return whether there are more of a text."""
        every = [(epoch, block) for epoch in self._keyed for block in self._texts]
        begun = self._look([(of, n) for of in every for n in (0, sign(1))])
        signs = [sign(level) for level in range(2, most + 2)]
        levels = Counter(begun)
        levels.update(self._look([(of, n) for of in begun for n in (1, *signs)]))
        self._look([(of, n) for of, level in levels.items() for n in range(2, 1 << min(level, most))])
        return max(levels.values(), default=0) > most

    def _look(self, places: Iterable[tuple[Of, int]]) -> list[Of]:
        """Note whom some places hold; return for each sign that is there of which text it is."""
        wanted = defaultdict[int, list[tuple[bytes, int]]](list)
        for (epoch, block), n in places:
            wanted[epoch].append((block, n))
        of = dict[bytes, Of]()
        for epoch, mine in wanted.items():
            of |= {
                token: (epoch, block) for token, (block, _) in zip(self._keyed[epoch].tokens(mine), mine, strict=True)
            }
        asked, signs = sorted(of), list[Of]()  # as they lie in the index
        for n, person in self._found(asked) if asked else ():
            text = of[asked[n]]
            if person is None:
                signs.append(text)
            else:
                self.hits[person].add(self._texts[text[1]])
        return signs

    def texts_of(self, rows: Iterable[tuple[int, UUID, bytes]]) -> Mapping[UUID, set[str]]:
        """Return which of the texts some people have. `rows`: all of their tokens, one after the other, by epoch."""
        hits = defaultdict[UUID, set[str]](set)
        for epoch, person, tokens in rows:
            if epoch in self._keyed:
                blocks = self._keyed[epoch].blocks(bytes(tokens))
                hits[person].update(self._texts[block] for block in blocks if block in self._texts)
        return hits
