"""Tiles: growth against the plain tree, paths against the specification, and a whole log that others made."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wayfare.tlog import merkle, notes, tiles
from wayfare.tlog.tests.vectors import vectors
from wayfare.tlog.tiles import Edge, Tile, TileNodes


def leaves(size):
    return [merkle.leaf_hash(n.to_bytes(4, "big")) for n in range(size)]


LEAVES = leaves(70_000)


def plain_root(hashes):
    if len(hashes) < 2:
        return hashes[0] if hashes else sha256(b"").digest()
    k = 1
    while 2 * k < len(hashes):
        k *= 2
    return merkle.node_hash(plain_root(hashes[:k]), plain_root(hashes[k:]))


def grown(sizes):
    """Return an edge and the store after growing by steps."""
    edge, store = Edge(), {}
    for step in sizes:
        store.update(edge.extend(LEAVES[edge.size : edge.size + step]))
    return edge, store


def fetch_from(store):
    return lambda tile: store[tile.level, tile.number][: tile.width * 32]


@settings(max_examples=30)
@given(st.lists(st.one_of(st.integers(0, 700), st.just(256)), max_size=6))
def test_a_tree_grown_in_any_steps_is_the_plain_tree(steps):
    edge, store = grown(steps)
    assert edge.root() == plain_root(LEAVES[: edge.size])
    assert {(tile.level, tile.number): tile.width * 32 for tile in tiles.tiles_of(edge.size)} == {
        key: len(data) for key, data in store.items()
    }
    again = Edge(
        edge.size, [tiles.hashes_in(fetch_from(store)(t), t) if t.width else [] for t in Edge.tiles(edge.size)]
    )
    assert again.root() == edge.root()
    again.extend(LEAVES[edge.size : edge.size + 300])
    assert again.root() == plain_root(LEAVES[: edge.size + 300])


def test_a_tree_of_seventy_thousand_has_the_tiles_of_the_specification():
    edge, store = grown([1000] * 70)
    found = list(tiles.tiles_of(70_000))
    by_level = [[tile.width for tile in found if tile.level == level] for level in range(3)]
    assert by_level == [[256] * 273 + [112], [256, 17], [1]]
    nodes = TileNodes(fetch_from(store), edge.size, keep=3)
    root = edge.root()
    assert merkle.range_root(0, edge.size, nodes) == root == plain_root(LEAVES)
    for index in (0, 1, 255, 256, 65_535, 65_536, 69_887, 69_888, 69_999):
        proof = merkle.inclusion_proof(index, 0, edge.size, nodes)
        merkle.check_inclusion(LEAVES[index], index, 0, edge.size, proof, root)
    for size in (1, 2, 255, 256, 257, 65_536, 69_999, 70_000):
        older = plain_root(LEAVES[:size])
        merkle.check_consistency(size, edge.size, merkle.consistency_proof(0, size, edge.size, nodes), older, root)


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 1234067), "tile/0/x001/x234/067"),
        (Tile(0, 0, 15), "tile/0/000.p/15"),
        (Tile(63, 999), "tile/63/999"),
        (Tile(None, 1000, 1), "tile/entries/x001/000.p/1"),
    ],
)
def test_paths(tile, path):
    assert tile.path() == path
    assert tiles.tile_at(path) == tile


@pytest.mark.parametrize(
    "path",
    ["tile/64/000", "tile/00/000", "tile/8/0/000", "tile/0/0", "tile/0/x000/001", "tile/0/000.p/0", "tile/0/000.p/256",
     "tile/0/000.p/01", "tile/0/001/001", "tile/0/../000", "tile/0/000\n", "tile/0/٠٠٠", "tile/entries/1000", ""],
)  # fmt: skip
def test_no_other_path_is_one(path):
    with pytest.raises(notes.Malformed) as refused:
        tiles.tile_at(path)
    assert refused.value.code == "tile_path"


def test_tiles_and_bundles_of_another_length_are_refused_by_name():
    for data, code in ((bytes(31), "truncated"), (bytes(65), "too_long"), (b"", "truncated")):
        with pytest.raises(notes.Malformed) as refused:
            tiles.hashes_in(data, Tile(0, 0, 2 if code == "too_long" else 1))
        assert refused.value.code == code
    good = tiles.bundle([b"one", b"two"])
    assert tiles.entries_in(good, Tile(None, 0, 2)) == [b"one", b"two"]
    for data, width, code in (
        (good[:-1], 2, "truncated"),
        (good, 1, "too_long"),
        (good, 3, "truncated"),
        (b"\0", 1, "truncated"),
    ):
        with pytest.raises(notes.Malformed) as refused:
            tiles.entries_in(data, Tile(None, 0, width))
        assert refused.value.code == code


def test_a_log_that_others_made():
    """transparency-dev/tessera testdata/log: its tiles lead to each of its signed checkpoints."""
    where = vectors()
    if where is None:
        pytest.skip("the public vectors are not beside this checkout (WAYFARE_VECTORS)")
    folder = where / "tessera-log"
    key = notes.parse_verifier("example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx")
    seen = {}
    for number in range(1, 16):
        note = notes.parse_note((folder / f"checkpoint.{number}").read_bytes())
        notes.verify(note, [key])
        checkpoint = notes.parse_checkpoint(note.text)
        seen[checkpoint.size] = checkpoint.root
        nodes = TileNodes(lambda tile: (folder / tile.path()).read_bytes(), checkpoint.size)
        assert merkle.range_root(0, checkpoint.size, nodes) == checkpoint.root
        whole = Tile(None, 0, checkpoint.size)
        entries = tiles.entries_in((folder / whole.path()).read_bytes(), whole)
        edge = Edge()
        edge.extend([merkle.leaf_hash(entry) for entry in entries])
        assert edge.root() == checkpoint.root
        for size, root in seen.items():
            proof = merkle.consistency_proof(0, size, checkpoint.size, nodes)
            merkle.check_consistency(size, checkpoint.size, proof, root, checkpoint.root)
    assert len(seen) == 15
