"""Arrays as we write them are read by psycopg as what they were made of."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.adapt import Transformer
from psycopg.pq import Format

from wayfare.common.postgres.arrays import BYTES, NULL, TEXTS, UUIDS, binary, item

OF_ARRAYS = {UUIDS: 2951, TEXTS: 1009, BYTES: 1001}
KINDS: dict[int, Any] = {
    UUIDS: (st.uuids(), lambda one: one.bytes),
    TEXTS: (st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), str.encode),
    BYTES: (st.binary(), bytes),
}


def read(kind, data):
    return Transformer().get_loader(OF_ARRAYS[kind], Format.BINARY).load(data)


@pytest.mark.parametrize("kind", KINDS)
@given(st.data())
def test_an_array_is_read_as_what_it_was_made_of(kind, data):
    values, as_bytes = KINDS[kind]
    every = data.draw(st.lists(st.none() | values, max_size=20))
    assert read(kind, binary(kind, [NULL if one is None else item(as_bytes(one)) for one in every])) == every
