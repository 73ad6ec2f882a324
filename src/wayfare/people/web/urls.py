"""The pages of people's files."""

from __future__ import annotations

from wayfare.access.purposes import ASKERS, ENROLLERS, OPENERS
from wayfare.common.web.pages import SIGN_IN, SIGN_IN_FORM, SIGN_IN_POST, Page
from wayfare.people.web import correct, erasing, files, register, shown, team

_ASKING = {"supervisor": "any", "data_protection_officer": "any"}
_DECIDING = {"supervisor": "office", "data_protection_officer": "any"}
PAGES = (
    Page("files/", files.search, "files", SIGN_IN_FORM, OPENERS, forms=()),
    Page("files/new", register.register, "file-enrol", SIGN_IN_FORM, ENROLLERS, forms=()),
    Page("files/<uuid:person>", files.file, "file", SIGN_IN, OPENERS, shows=dict.fromkeys(OPENERS, "any")),
    Page("files/<uuid:person>/work", files.take_up, "file-take-up", SIGN_IN_POST, OPENERS, forms=()),
    Page(
        "files/<uuid:person>/team",
        team.team,
        "file-team",
        SIGN_IN_FORM,
        ENROLLERS,
        shows=dict.fromkeys(ENROLLERS, "any"),
        forms=(),
    ),
    Page("files/work/<uuid:task>", files.work, "file-work", SIGN_IN_FORM, OPENERS, forms=()),
    Page("files/<uuid:person>/looks", shown.looks, "file-looks", SIGN_IN, OPENERS, shows=_ASKING),
    Page("files/<uuid:person>/erase", erasing.ask, "file-erase", SIGN_IN_FORM, ASKERS, shows=_ASKING, forms=()),
    Page(
        "files/erasure/<uuid:erasure>", erasing.erasure, "file-erasure", SIGN_IN_FORM, ASKERS, shows=_DECIDING, forms=()
    ),
    Page(
        "files/work/<uuid:task>/correct/<str:group>", correct.correct, "file-correct", SIGN_IN_FORM, OPENERS, forms=()
    ),
    Page("files/work/<uuid:task>/programme", files.programme, "file-programme", SIGN_IN_POST, ENROLLERS, forms=()),
    Page("files/work/<uuid:task>/seal", files.seal, "file-seal", SIGN_IN_POST, OPENERS, forms=()),
)
