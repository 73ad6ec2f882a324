"""Merkle hashing and proofs, against the recursive definition of RFC 6962 and public test vectors."""

from __future__ import annotations

import json
from base64 import b64decode
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayfare.tlog import merkle
from wayfare.tlog.tests.vectors import vectors


def cases(folder):
    where = vectors()
    return sorted((where / "merkle" / folder).rglob("*.json")) if where else []


def b64s(values):
    return [b64decode(value) for value in values or []]


def held(check, *arguments):
    try:
        check(*arguments)
    except merkle.Unproven:
        return False
    return True


@pytest.mark.parametrize("folder", ["inclusion", "subtreeinclusion", "consistency", "subtreeconsistency"])
def test_public_vectors(folder):
    """transparency-dev/merkle testdata: each says whether it must fail."""
    paths = cases(folder)
    if not paths:
        pytest.skip("the public vectors are not beside this checkout (WAYFARE_VECTORS)")
    assert len(paths) > 30
    for path in paths:
        case = json.loads(path.read_text())
        proof = b64s(case["proof"])
        if "leafHash" in case:
            index, start, end = case["leafIdx"], case.get("start", 0), case.get("end", case.get("treeSize"))
            leaf, root = b64s([case["leafHash"], case["root"]])
            good = held(merkle.check_inclusion, leaf, index, start, end, proof, root)
        else:
            roots = b64s([case["root1"], case["root2"]])
            if "size1" in case:
                good = held(merkle.check_consistency, case["size1"], case["size2"], proof, *roots)
            else:
                good = held(merkle.check_subtree, case["start"], case["end"], case["size"], proof, *roots)
        assert good is not case["wantErr"], (path, case["desc"])


LEAVES = [sha256(bytes([n])).digest() for n in range(70)]


def plain_root(leaves):
    """Return the tree hash as RFC 6962, section 2.1 defines it."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return sha256(b"\x01" + plain_root(leaves[:k]) + plain_root(leaves[k:])).digest()


def nodes(level, number):
    return plain_root(LEAVES[number << level : (number + 1) << level])


@given(st.integers(0, 70))
def test_roots(size):
    assert merkle.range_root(0, size, nodes) == plain_root(LEAVES[:size])


def test_every_subtree_of_every_small_tree_is_proven_and_no_other():
    for size in range(1, 34):
        root = plain_root(LEAVES[:size])
        for start in range(size):
            for end in range(start + 1, size + 1):
                part = plain_root(LEAVES[start:end])
                if not merkle.is_subtree(start, end):
                    with pytest.raises(merkle.Unproven, match="not a subtree"):
                        merkle.consistency_proof(start, end, size, nodes)
                    continue
                proof = merkle.consistency_proof(start, end, size, nodes)
                merkle.check_subtree(start, end, size, proof, part, root)
                for n in range(len(proof)):
                    other = [*proof[:n], LEAVES[-1], *proof[n + 1 :]]
                    assert not held(merkle.check_subtree, start, end, size, other, part, root)
                    assert not held(merkle.check_subtree, start, end, size, proof[:n], part, root)
                index = (start + end) // 2
                proof = merkle.inclusion_proof(index, start, end, nodes)
                merkle.check_inclusion(LEAVES[index], index, start, end, proof, part)


@given(st.data())
def test_a_proof_of_anything_else_does_not_hold(data):
    size = data.draw(st.integers(2, 70))
    index = data.draw(st.integers(0, size - 1))
    root = plain_root(LEAVES[:size])
    proof = merkle.inclusion_proof(index, 0, size, nodes)
    merkle.check_inclusion(LEAVES[index], index, 0, size, proof, root)
    other = data.draw(st.integers(0, size - 1).filter(lambda n: n != index))
    assert not held(merkle.check_inclusion, LEAVES[other], index, 0, size, proof, root)
    assert not held(merkle.check_inclusion, LEAVES[index], other, 0, size, proof, root)
    assert not held(merkle.check_inclusion, LEAVES[index], index, 0, size, [*proof, root], root)
    assert not held(merkle.check_inclusion, LEAVES[index], index, 0, size, proof[1:], root)


@pytest.mark.parametrize("size", [2**63, 2**64, 2**200])
def test_sizes_beyond_the_limit_are_refused_by_name(size):
    with pytest.raises(merkle.Unproven) as refused:
        merkle.check_inclusion(LEAVES[0], 0, 0, size, [], LEAVES[0])
    assert refused.value.code == "size_beyond_limit"
    with pytest.raises(merkle.Unproven) as refused:
        merkle.check_consistency(1, size, [], LEAVES[0], LEAVES[0])
    assert refused.value.code == "size_beyond_limit"
