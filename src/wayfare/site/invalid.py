"""What is wrong with a parameter of the API, and the mend, in our own words and the reader's language."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

_WHOLE = _("is not a whole number; write digits, such as 120")
_WORDS = {
    "int_parsing": _WHOLE,
    "int_parsing_size": _WHOLE,
    "int_from_float": _WHOLE,
    "int_type": _WHOLE,
    "greater_than_equal": _("is too small; the least is %(ge)s"),
    "less_than_equal": _("is too large; the most is %(le)s"),
    "literal_error": _("has a value that is not one of these: %(choices)s"),
    "named_twice": _("stands twice; send it once"),
    "unknown_parameter": _("is not a parameter of this call; leave it out, or use one of these: %(names)s"),
    "no_parameters": _("is not a parameter of this call, which has none; leave it out"),
}
_ELSE = _("has a value that cannot be used; /api/v1/docs says which can")


def reason(error: Mapping[str, Any]) -> str:
    """Return a sentence without its subject, the field: the problem and the mend. `error`: as Pydantic tells it."""
    facts = dict(error.get("ctx") or {})
    kind = error.get("type", "")
    if kind == "unknown_parameter" and not facts["names"]:
        kind = "no_parameters"
    facts["choices"] = ", ".join(re.findall(r"'([^']*)'", str(facts.get("expected", ""))))
    return str(_WORDS.get(kind, _ELSE)) % facts
