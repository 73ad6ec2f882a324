"""What references connect to some entries, found in the database by the index, is what a plain search of all finds."""

from __future__ import annotations

import pytest
from django.db import transaction
from hypothesis import given
from hypothesis import strategies as st

from wayfare.ledger import operations, queries, registry
from wayfare.ledger.entries.parsing import parse
from wayfare.statistics.tests.histories import PROGRAMMES, history

from .test_append_ways import LATEST, configure

SCOPE = registry.scope("departures")


def touching(entry, other):
    """Tell whether one entry names what the other speaks of, each id in a role it may have."""
    naming = {"confirmation_retracted": "departure_confirmed", "persons_unlinked": "persons_linked"}
    if entry.kind in naming and other.entry_id == entry.subject:
        return True
    if entry.kind in naming.values() and other.subject == entry.entry_id and other.kind in naming:
        return True
    mine = {id_ for id_ in (None if entry.kind in naming else entry.subject, entry.object) if id_}
    its = {id_ for id_ in (None if other.kind in naming else other.subject, other.object) if id_}
    return bool(mine & its)


def connected(entries, after, upto):
    """Return the positions of a range of entries and of all they are connected to, by asking each pair."""
    found = set(range(after + 1, upto + 1))
    ahead = list(found)
    while ahead:
        entry = entries[ahead.pop() - 1]
        near = {n for n, other in enumerate(entries, 1) if touching(entry, other)} - found
        found |= near
        ahead.extend(near)
    return found


@pytest.mark.django_db
@given(seed=st.integers(0, 2**32), cut=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_the_database_finds_what_a_plain_search_finds(seed, cut):
    raws = history(seed, people=6, length=30)
    entries = [parse(raw, programmes=PROGRAMMES, latest_us=LATEST) for raw in raws]
    after, upto = sorted(round(part * len(entries)) for part in cut)
    with transaction.atomic():
        configure()
        assert {result.status for result in operations.append(entries)} == {"accepted"}
        head = queries.head()
        base = head - len(entries)
        found = {row.position - base for row in queries.connected(base + after, base + upto, SCOPE)}
        transaction.set_rollback(True)
    assert found == connected(entries, after, upto)
