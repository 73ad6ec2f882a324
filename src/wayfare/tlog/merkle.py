"""Merkle tree hashing and proofs (RFC 6962, section 2.1), also of subtrees (draft-ietf-plants-merkle-tree-certs, 4).

Pure. Hashes are 32 bytes (SHA-256); indices count leaves from 0; a range `[start, end)` holds its first leaf and not
its last. A *node* (level, number) is the root of the full subtree of `2**level` leaves from `number * 2**level` on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256

from wayfare.tlog.refusals import LogRefusal

HASH_SIZE = 32
LARGEST = 2**63 - 1
"""No tree is larger; sizes and indices above are refused."""
EMPTY = sha256(b"").digest()
"""The root of the tree without leaves."""

Nodes = Callable[[int, int], bytes]
"""Returns the hash of a node by (level, number)."""


class Unproven(LogRefusal):
    """A proof does not hold."""


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return sha256(b"\x01" + left + right).digest()


def full_root(hashes: Sequence[bytes]) -> bytes:
    """Return the root over hashes whose number is a power of two."""
    row = list(hashes)
    while len(row) > 1:
        row = [sha256(b"\x01" + left + right).digest() for left, right in zip(row[::2], row[1::2], strict=True)]
    return row[0]


def split(start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the nodes (level, number), left to right, that a range falls into; the largest that fit."""
    while start < end:
        level = (end - start).bit_length() - 1
        if start:
            level = min(level, (start & -start).bit_length() - 1)
        yield level, start >> level
        start += 1 << level


def range_root(start: int, end: int, nodes: Nodes) -> bytes:
    """Return the hash of a range that is a subtree; of an empty one, that of the empty tree."""
    hashes = [nodes(*node) for node in split(start, end)]
    if not hashes:
        return EMPTY
    root = hashes.pop()
    while hashes:
        root = node_hash(hashes.pop(), root)
    return root


def _largest_power_below(size: int) -> int:
    return 1 << ((size - 1).bit_length() - 1)


def inclusion_proof(index: int, start: int, end: int, nodes: Nodes) -> list[bytes]:
    """Return the proof that a leaf is in a subtree; `start` is 0 for a whole tree of size `end`.

    Raises: Unproven, when it is not in it.
    """
    if not 0 <= start <= index < end:
        raise Unproven("index_beyond_tree", f"index {index} is not in a tree of leaves {start} to {end - 1}")
    siblings: list[tuple[int, int]] = []
    while end - start > 1:
        middle = start + _largest_power_below(end - start)
        if index < middle:
            siblings.append((middle, end))
            end = middle
        else:
            siblings.append((start, middle))
            start = middle
    return [range_root(*sibling, nodes) for sibling in reversed(siblings)]


def is_subtree(start: int, end: int) -> bool:
    """Tell whether a range is a subtree of some tree: it starts at a multiple of the power of two that holds it."""
    return 0 <= start < end and start % (1 << (end - start - 1).bit_length()) == 0


def consistency_proof(start: int, end: int, size: int, nodes: Nodes) -> list[bytes]:
    """Return the proof that a subtree is part of the tree of a size; `start` is 0 for the tree of size `end`.

    Raises: Unproven, when no proof says anything.
    """
    _check_is_subtree(start, end, size)
    proof: list[tuple[int, int]] = []
    low, high, whole = 0, size, start == 0
    while (low, high) != (start, end):
        middle = low + _largest_power_below(high - low)
        if end <= middle:
            proof.append((middle, high))
            high = middle
        elif start >= middle:
            proof.append((low, middle))
            low = middle
            whole = whole or start == low
        else:
            proof.append((low, middle))
            low, start, whole = middle, middle, False
    hashes = [range_root(*part, nodes) for part in reversed(proof)]
    return hashes if whole else [range_root(low, high, nodes), *hashes]


def _check_is_subtree(start: int, end: int, size: int) -> None:
    if size > LARGEST:
        raise Unproven("size_beyond_limit", f"a tree of {size} leaves is beyond 2^63 - 1")
    if end > size:
        raise Unproven("old_tree_larger", f"the older tree of {end} leaves is larger than the newer of {size}")
    if not is_subtree(start, end):
        raise Unproven("not_a_subtree", f"leaves {start} to {end - 1} are not a subtree")


def _check_hashes(*hashes: bytes) -> None:
    if any(len(one) != HASH_SIZE for one in hashes):
        raise Unproven("hash_length", "a hash is not 32 bytes long")


def check_inclusion(leaf: bytes, index: int, start: int, end: int, proof: Sequence[bytes], root: bytes) -> None:
    """Check that a leaf's hash stands at an index of a subtree; `start` is 0 for a whole tree of size `end`.

    Raises: Unproven.
    """
    if not 0 <= end <= LARGEST:
        raise Unproven("size_beyond_limit", f"a tree of {end} leaves is beyond 2^63 - 1")
    if not 0 <= start <= index < end:
        raise Unproven("index_beyond_tree", f"index {index} is not in a tree of leaves {start} to {end - 1}")
    if not is_subtree(start, end):
        raise Unproven("not_a_subtree", f"leaves {start} to {end - 1} are not a subtree")
    _check_hashes(leaf, *proof)
    at, last = index - start, end - start - 1
    found = leaf
    for sibling in proof:
        if last == 0:
            raise Unproven("proof_too_long", "the inclusion proof is longer than the tree is high")
        if at & 1 or at == last:
            found = node_hash(sibling, found)
            while not at & 1 and at:
                at >>= 1
                last >>= 1
        else:
            found = node_hash(found, sibling)
        at >>= 1
        last >>= 1
    if last:
        raise Unproven("proof_too_short", "the inclusion proof ends below the root")
    if found != root:
        raise Unproven("root_differs", "the inclusion proof leads to another root")


def check_consistency(old_size: int, size: int, proof: Sequence[bytes], old_root: bytes, root: bytes) -> None:
    """Check that the tree of one size with its root is the beginning of the tree of another with its root.

    Raises: Unproven; also for an older tree without leaves, with which every tree is consistent.
    """
    if old_size == 0:
        raise Unproven("empty_old_tree", "every tree is consistent with the empty one, so a proof of it says nothing")
    check_subtree(0, old_size, size, proof, old_root, root)


def check_subtree(start: int, end: int, size: int, proof: Sequence[bytes], part_root: bytes, root: bytes) -> None:
    """Check that a subtree with its root is part of the tree of a size with its root; an empty one is part of any.

    Raises: Unproven.
    """
    if 0 <= start == end <= size <= LARGEST:
        if proof:
            raise Unproven("proof_too_long", "there is nothing to prove of an empty subtree")
        if part_root != EMPTY:
            raise Unproven("old_root_differs", "the root of an empty subtree is not that of the empty tree")
        return
    _check_is_subtree(start, end, size)
    _check_hashes(*proof)
    first, last, total = start, end - 1, size - 1
    while first != last and (last & 1 or last == total):
        first, last, total = first >> 1, last >> 1, total >> 1
    rest = list(proof)
    if first == last:
        old = new = part_root
    elif rest:
        old = new = rest.pop(0)
    else:
        raise Unproven("proof_too_short", "the consistency proof is empty")
    for sibling in rest:
        if total == 0:
            raise Unproven("proof_too_long", "the consistency proof is longer than the tree is high")
        if last & 1 or last == total:
            if first < last:
                old = node_hash(sibling, old)
            new = node_hash(sibling, new)
            while not last & 1 and last:
                first, last, total = first >> 1, last >> 1, total >> 1
        else:
            new = node_hash(new, sibling)
        first, last, total = first >> 1, last >> 1, total >> 1
    if total:
        raise Unproven("proof_too_short", "the consistency proof ends below the root")
    if old != part_root:
        raise Unproven("old_root_differs", "the consistency proof leads to another older root")
    if new != root:
        raise Unproven("root_differs", "the consistency proof leads to another root")
