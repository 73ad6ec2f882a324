"""Print what documentation is made from the code.

`python -m wayfare.site.describe > docs/openapi.json` and `python -m wayfare.site.describe entries > docs/entries.md`.
"""

from __future__ import annotations

import sys

from wayfare.site import runtime

if __name__ == "__main__":
    runtime.set_up_django()
    from wayfare.ledger import registry
    from wayfare.ledger.entries.docs import page
    from wayfare.site.api import description

    made = page(registry.kinds.values()).encode() if sys.argv[1:] == ["entries"] else description()
    sys.stdout.buffer.write(made)
