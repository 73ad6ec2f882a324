"""The pages about the API, and what is said of a bad parameter: our own words, in the reader's language."""

from __future__ import annotations

import json
import os
import re
from datetime import UTC, datetime
from itertools import product

import pytest
from django.conf import settings
from django.test import Client

from tests import test_live_page
from wayfare.access import operations as access
from wayfare.access.rules import SCOPES
from wayfare.common.web.problems import REFUSALS
from wayfare.departures import operations
from wayfare.ledger import registry
from wayfare.ledger.entries.types import fields
from wayfare.site import invalid
from wayfare.site.api import description

server = test_live_page.server
LANGUAGES = [code for code, _ in settings.LANGUAGES]
TABLE, ENTRIES = "/api/v1/programmes/fra/table", "/api/v1/ledger/entries"


@pytest.fixture
def reader(db) -> Client:
    operations.add_programme("fra", "France", "FRA", "Europe/Paris")
    _, secret = access.issue_token(source="office", scopes=tuple(SCOPES), at=datetime.now(UTC))
    return Client(HTTP_HOST="localhost", HTTP_AUTHORIZATION=f"Bearer {secret}")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("path", ["/api/", "/api/v1/docs"])
def test_the_pages_need_neither_scripts_nor_another_site(db, path, language):
    client = Client(HTTP_HOST="localhost", headers={"accept-language": language})
    answer = client.get(path)
    text = answer.content.decode()
    assert answer.status_code == 200
    assert f'lang="{language}"' in text
    assert "<script" not in text
    assert " style=" not in text
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', text)
    assert len(answer.content) < 60_000


def test_the_guide_leads_to_the_reference_and_the_front_page_to_the_guide(db):
    client = Client(HTTP_HOST="localhost")
    assert 'href="/api/"' in client.get("/").content.decode()
    guide = client.get("/api/").content.decode()
    assert 'href="/api/v1/docs"' in guide
    assert 'href="/api/v1/openapi.json"' in guide


def test_the_reference_has_every_call_parameter_kind_field_scope_and_refusal(db):
    text = Client(HTTP_HOST="localhost").get("/api/v1/docs").content.decode()
    paths = json.loads(description())["paths"]
    named = 0
    for path, methods in paths.items():
        for method, one in methods.items():
            section = text.split(f'<section class="wf-card wf-stack" id="{one["operationId"]}"')[1].split("</section>")[
                0
            ]
            assert f"{method.upper()} {path}" in section
            for parameter in one.get("parameters", ()):
                assert f"<code>{parameter['name']}</code>" in section
                named += 1
            for status in one["responses"]:
                assert str(status) in section
    assert named >= 8
    for name, type_ in registry.kinds.items():
        table = text.split(f"<caption>{name}</caption>")[1].split("</table>")[0]
        for field in (*(one.name for one in fields(type_)), "entry_id", "occurred_at", "source"):
            assert f"<code>{field}</code>" in table, (name, field)
    for word in (*SCOPES, *REFUSALS):
        assert f"<code>{word}</code>" in text


CASES = [
    (f"{TABLE}?as_of=abc", "as_of", "is not a whole number"),
    (f"{TABLE}?as_of=1.5", "as_of", "is not a whole number"),
    (f"{TABLE}?as_of=-1", "as_of", "the least is 0"),
    (f"{TABLE}?as_of={2**63}", "as_of", "the most is 9223372036854775807"),
    (f"{TABLE}?as_of=" + "9" * 5000, "as_of", "5000 characters; 300 at most"),
    (f"{TABLE}?as_of=" + "9" * 300, "as_of", "is "),  # too large, or no number: Pydantic's versions differ
    (f"{TABLE}?measure=tears", "measure", "departures, persons"),
    (f"{ENTRIES}?limit=0", "limit", "the least is 1"),
    (f"{ENTRIES}?limit=10001", "limit", "the most is 10000"),
    (f"{ENTRIES}?limti=1", "limti", "use one of these: after, limit"),
    (f"{ENTRIES}?limit=1&limit=2", "limit", "send it once"),
    ("/api/v1/health?x=1", "x", "which has none"),
]


@pytest.mark.parametrize(("path", "field", "words"), CASES)
def test_a_bad_parameter_is_told_with_field_problem_and_mend(reader, path, field, words):
    answer = reader.get(path)
    body = answer.json()
    assert (answer.status_code, body["code"]) == (422, "invalid")
    (error,) = body["errors"]
    assert error["field"] == field
    assert words in error["reason"]
    assert body["detail"].startswith(f"{field}: ")
    for foreign in ("Input should", "pydantic", "integer, unable"):
        assert foreign not in answer.content.decode()


def test_what_pydantic_says_by_itself_is_not_ours():
    """The control: an error of a kind that we have no words for gets ours all the same."""
    assert invalid.reason({"type": "never_seen", "msg": "Input should be blue", "ctx": {"x": "1"}}).startswith(
        "has a value"
    )
    assert "%" not in invalid.reason({"type": "never_seen"})


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_is_told_in_the_reader_s_language(reader, language):
    answer = reader.get(f"{TABLE}?as_of=abc", headers={"accept-language": language})
    told = {"en": "whole number", "fr": "nombre entier", "es": "número entero", "ar": "عددًا صحيحًا"}
    assert told[language] in answer.json()["errors"][0]["reason"]
    assert answer.headers["Content-Language"] == language


@pytest.mark.browser
class TestInABrowser(test_live_page.TestInABrowser):
    """The pages of this change, on a phone and a desk, from both sides, light and dark."""

    test_numbers_move_by_themselves = test_first_load_is_light = test_axe_finds_nothing = None
    test_a_reload_is_enough_without_javascript = test_a_lost_connection_is_said_and_found_again = None
    test_the_keyboard_reaches_everything_and_keeps_its_place = None

    def test_axe_finds_nothing_on_the_pages_of_the_api(self, server, browser):
        from axe_playwright_python.sync_playwright import Axe

        for language, scheme, width in product(("en", "ar"), ("light", "dark"), (390, 1280)):
            context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
            page = context.new_page()
            page.goto(f"{server}/language?to={language}&back=/")
            for address in ("/api/", "/api/v1/docs"):
                page.goto(f"{server}{address}")
                found = Axe().run(page)
                assert found.violations_count == 0, (language, scheme, width, address, found.generate_report())
                assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (language, width, address)
                if folder := os.environ.get("WAYFARE_TEST_PICTURES"):
                    name = f"{address.replace('/', '-')}{language}-{width}-{scheme}.png"
                    page.screenshot(path=f"{folder}/api{name}", full_page=True)
            context.close()
