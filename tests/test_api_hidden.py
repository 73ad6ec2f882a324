"""The API tells who may not read nothing of what there is: its refusal is that of what is not there."""

from __future__ import annotations

import pytest

from tests.test_doors import CALLERS, callers, secrets
from tests.test_matrix import bare

callers, secrets = callers, secrets


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize(
    ("there", "absent"),
    [
        ("/api/v1/programmes/fra/table", "/api/v1/programmes/nowhere/table"),
        ("/api/v1/ledger/entries/1/receipt", "/api/v1/ledger/entries/999999/receipt"),
    ],
)
def test_the_api_tells_who_may_not_read_nothing_of_what_there_is(callers, caller, there, absent):
    answers = [callers[caller].get(path) for path in (there, absent)]
    if caller in (("exact",) if there.endswith("table") else ("own", "every")):
        assert [one.status_code for one in answers] == [200, 404]
        return
    assert bare(answers[0]) == bare(answers[1])
    assert answers[0].status_code in (401, 403)
