"""Print the API's description: `python -m wayfare.site.describe > docs/openapi.json`."""

from __future__ import annotations

import sys

from wayfare.site import runtime

if __name__ == "__main__":
    runtime.set_up_django()
    from wayfare.site.api import description

    sys.stdout.buffer.write(description())
