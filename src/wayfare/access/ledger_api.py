"""The ledger's API, for whom access lets in: the ledger knows no tokens."""

from __future__ import annotations

from wayfare.access.api import Entries, Scope
from wayfare.common.web.calls import Mounted
from wayfare.ledger.api import router
from wayfare.ledger.entries import api as entries

_READERS = ("ledger:own", "ledger:read")
_WRITERS = ("ledger:write",)
entries.add_to(router, auth=Scope(*_WRITERS))
ROUTERS = (
    Mounted(
        "/ledger",
        router,
        Entries(),
        {
            "entries": {"GET": _READERS, "POST": _WRITERS},
            "entries/<int:position>/receipt": {"GET": _READERS},
        },
    ),
)
