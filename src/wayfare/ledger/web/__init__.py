"""The log's doors: what anyone may fetch to check the ledger without trusting us, and the page that explains it."""

from wayfare.ledger.web.page import page
from wayfare.ledger.web.served import checkpoint, keys, tile

__all__ = ["checkpoint", "keys", "page", "tile"]
