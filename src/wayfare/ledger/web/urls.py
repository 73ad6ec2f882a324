"""The pages of the log, for everybody."""

from __future__ import annotations

from wayfare.common.web.pages import OPEN, Page
from wayfare.ledger import web

_ACCESS = {"log": "access"}
PAGES = (
    Page("log/", web.page, "log", OPEN | {"POST": 200}),
    Page("log/checkpoint", web.checkpoint, "log-checkpoint", OPEN),
    Page("log/keys", web.keys, "log-keys", OPEN),
    Page("log/tile/<path:path>", web.tile, "log-tile", OPEN),
    Page("log/access/checkpoint", web.checkpoint, "access-log-checkpoint", OPEN, arguments=_ACCESS),
    Page("log/access/keys", web.keys, "access-log-keys", OPEN, arguments=_ACCESS),
    Page("log/access/tile/<path:path>", web.tile, "access-log-tile", OPEN, arguments=_ACCESS),
)
