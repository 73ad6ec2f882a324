"""The log's page: what it says, and that a receipt is checked alike in the browser and on the server."""

from __future__ import annotations

import html
import random
import re
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import NamedTuple

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, connections
from django.test import Client

from tests import test_live_page
from tests.test_log_doors import record
from wayfare.ledger import queries as ledger
from wayfare.ledger.source import LEDGER
from wayfare.ledger.web import words
from wayfare.tlog import keys, merkle, notes, queries, receipts
from wayfare.tlog import operations as log
from wayfare.tlog.writers import writing

LANGUAGES = [code for code, _ in settings.LANGUAGES]
NAME = "wayfare.example/ledger"
LIMIT = 1 << 20
server = test_live_page.server


def held_in(folder: Path, name: str = NAME) -> keys.Keys:
    return keys.opened(folder, name)


def receipt_of(position: int) -> str:
    (entry,) = ledger.entries(position - 1, 1)
    return str(queries.receipt("ledger", position - 1, entry.body.encode()))


def flipped(text: str, at: int) -> str:
    """Return a text with one letter of its base64 changed to another that is as good."""
    return text[:at] + ("B" if text[at] != "B" else "C") + text[at + 1 :]


def grown_in(folder: Path) -> keys.Keys:
    held = held_in(folder / "keys")
    record(7)
    log.keep_up(LEDGER, held)
    return held


class Case(NamedTuple):
    """A receipt, perhaps with a key, and the code it is refused with; None if it is true."""

    given: str
    key: str
    code: str | None


def cases(good: str, own: str, stranger: str) -> dict[str, Case]:
    root = good.index("\n", good.index("\n\n") + 2 + len(NAME) + 1) + 1
    signature = good.index(f"{NAME} ", root) + len(NAME) + 1
    line = next(line for line in good.split("\n") if line.startswith("index "))
    return {
        "good": Case(good, "", None),
        "own key": Case(good, own, None),
        "flipped byte of the entry": Case(flipped(good, good.index("extra ") + 66), "", "root_differs"),
        "flipped byte of the signature": Case(flipped(good, signature + 20), "", "wrong_signature"),
        "other root": Case(flipped(good, root + 9), "", "root_differs"),
        "truncated by a letter": Case(good[:-1], "", "truncated"),
        "truncated in the proof": Case(good[: good.index("\n\n")], "", "truncated"),
        "without signatures": Case(good[: good.index("\n\n", good.index("\n\n") + 2) + 2], "", "truncated"),
        "Windows lines": Case(good.replace("\n", "\r\n"), "", "carriage_return"),
        "base64": Case(good.replace("=\n", "\n", 1), "", "base64"),
        "stale index": Case(good.replace(line, "index 4"), "", "root_differs"),
        "index beyond": Case(good.replace(line, "index 7777"), "", "index_beyond_tree"),
        "wrong key": Case(good, stranger, "no_known_signature"),
        "key of another name": Case(good, own.replace(NAME, "other.example"), "key_id"),
        "half a key": Case(good, own[:-4], "key_length"),
        "another text": Case("Dear reader,\n\nthis is a letter.\n", "", "proof_header"),
        "no proof": Case(re.sub("(?m)^[A-Za-z0-9+/=]{44}\n", "", good, count=1), "", "proof_too_short"),
        "without its entry": Case(re.sub("extra .*\n", "", good), "", "no_entry"),
        "with an empty entry": Case(re.sub("extra .*\n", "extra \n", good), "", "no_entry"),
        "with a nonce alone": Case(re.sub("(extra .{42}).*\n", "\\1A=\n", good), "", "no_entry"),
        "nothing": Case("", "", "nothing_given"),
    }


@pytest.fixture
def grown(db, tmp_path) -> keys.Keys:
    return grown_in(tmp_path)


@pytest.fixture
def visitor(db) -> Client:
    return Client(HTTP_HOST="localhost")


def posted(visitor: Client, text: str, key: str = "") -> str:
    """Return the page's answer to a file."""
    form: dict[str, object] = {"key": key}
    if text:
        form["file"] = SimpleUploadedFile("a.tlog-proof", text.encode())
    response = visitor.post("/log/", form)
    assert response.status_code == 200
    found = re.search(r'<div id="result".*?</div>', response.content.decode(), re.DOTALL)
    assert found
    return found[0]


def refused_as(result: str) -> str | None:
    found = re.search(r'data-v="code">([a-z0-9_]+)<', result)
    return found[1] if found else None


# Without JavaScript


@pytest.fixture
def table(grown, tmp_path) -> dict[str, Case]:
    stranger = held_in(tmp_path / "stranger").verifiers[0]
    return cases(receipt_of(3), str(grown.verifiers[0]), str(stranger))


def test_a_receipt_is_checked_on_the_server(table, visitor):
    for name, case in table.items():
        result = posted(visitor, case.given, case.key)
        assert refused_as(result) == case.code, name
        assert ("Proved" in result) == (case.code is None), name
        assert ("office" in result) == (case.code is None), name
        if case.code:
            assert words.refusal(case.code) in html.unescape(result), name
    good = posted(visitor, table["good"].given)
    assert 'data-v="position">3<' in good
    assert 'data-v="size">7<' in good
    assert "<bdi>entry_id</bdi>" in good


def test_what_is_pasted_loses_what_forms_add_and_gains_what_selections_lack(grown, visitor):
    pasted = receipt_of(3).rstrip("\n").replace("\n", "\r\n")
    response = visitor.post("/log/", {"text": pasted})
    assert b'data-v="position">3<' in response.content
    refused = visitor.post("/log/", {"text": pasted.replace("\r\n", "\r", 1)})
    assert refused_as(refused.content.decode()) == "carriage_return"


def test_both_signatures_count_and_each_key_alone(grown, visitor):
    good = receipt_of(1)
    both = posted(visitor, good)
    assert "Ed25519" in both
    assert "ML-DSA-44" in both
    assert "Proved" in posted(visitor, good, str(grown.verifiers[1]))
    last = flipped(good, len(good) - 40)
    assert refused_as(posted(visitor, last)) == "wrong_signature"
    assert "Proved" in posted(visitor, last, str(grown.verifiers[0]))


def test_a_receipt_of_a_key_that_signs_no_more_says_so(grown, visitor):
    good = receipt_of(2)
    record(1)
    log.keep_up(LEDGER, keys.rotated(grown.folder))
    assert "This key was retired on" in posted(visitor, good)
    assert "was retired on" not in posted(visitor, receipt_of(2))
    assert "Retired keys" in visitor.get("/log/").content.decode()


def test_what_an_entry_says_is_shown_as_text(db, visitor, tmp_path):
    bodies = [b'{"a":"<script>x</script>","n":[1,{"b":null}]}', b"no JSON", b"[1]"]
    log.keep_up(log.Source("ledger", lambda after, limit: bodies[after : after + limit]), held_in(tmp_path / "keys"))
    results = [posted(visitor, str(queries.receipt("ledger", n, body))) for n, body in enumerate(bodies)]
    assert "&lt;script&gt;x&lt;/script&gt;" in results[0]
    assert "[1,{&quot;b&quot;:null}]" in results[0]
    for result in results:
        assert "Proved" in result
        assert "<script>" not in result
    assert ["<table" in result for result in results] == [True, False, False]


def test_what_is_too_long_is_not_read(grown, visitor):
    response = visitor.post("/log/", {"file": SimpleUploadedFile("a", b"x" * LIMIT)})
    assert response.status_code == 413
    assert refused_as(response.content.decode()) == "too_long"
    assert refused_as(posted(visitor, "x" * (LIMIT - 10_000))) == "too_long"


# What it says


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_in_each_language(grown, visitor, language):
    visitor.cookies["language"] = language
    response = visitor.get("/log/")
    text = response.content.decode()
    assert f'lang="{language}"' in text
    assert len(response.content) < 20_000
    note = queries.latest("ledger")
    assert note is not None
    for wanted in (note.text.split("\n")[2], str(grown.verifiers[0]), "wayfare log audit http://localhost/log --key "):
        assert wanted in text
    assert ("What this proves" in text) == (language == "en")
    assert "csrf" not in text
    assert not response.cookies


def test_before_the_first_checkpoint_the_page_says_so(visitor):
    text = visitor.get("/log/").content.decode()
    assert "There is none yet" in text
    assert "--key KEY" in text


def test_witnesses_are_named(grown, visitor, tmp_path):
    assert "No witness has signed" in visitor.get("/log/").content.decode()
    note = queries.latest("ledger")
    assert note is not None
    line = held_in(tmp_path / "witness", "witness.example").signers[1].sign(note.text, 1_800_000_000).line()
    with writing(), connection.cursor() as cursor:
        cursor.execute("insert into log_cosignature (log, size, witness, line) values ('ledger', 7, 'w', %s)", [line])
    text = visitor.get("/log/").content.decode()
    assert "<bdi>witness.example</bdi>" in text
    assert "No witness has signed" not in text
    assert "witness.example" not in posted(visitor, receipt_of(1))


def test_every_refusal_has_words():
    sentences = [sentence for _, sentence in words.refusals()]
    assert len(set(sentences)) == len(sentences)
    assert words.refusal("utf8") == words.refusal("other")
    assert words.refusal("truncated") != words.refusal("other")


# In a browser


@pytest.mark.browser
@pytest.mark.skipif(shutil.which("chromium") is None, reason="Chromium is not installed")
class TestInABrowser:
    @pytest.fixture
    def grown(self, server, tmp_path) -> keys.Keys:
        """The log of the real web process."""
        return grown_in(tmp_path)

    @pytest.fixture
    def browser(self, table) -> Iterator:
        from playwright.sync_api import sync_playwright

        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
            yield browser
            browser.close()

    @pytest.fixture
    def check(self) -> Callable:
        """Give a receipt to a page as a file, and wait for what it says."""

        def check(page, case: Case) -> str | None:
            file = {"name": "a.tlog-proof", "mimeType": "text/plain", "buffer": case.given.encode()}
            page.set_input_files("#file", file if case.given else [])
            page.evaluate("document.querySelector('details:has(#key)').open = true")
            page.fill("#key", case.key)
            page.click("[data-receipt] .wf-button")
            page.wait_for_selector("#result .wf-tag")
            code = page.locator("#result [data-v=code]")
            return code.inner_text() if code.count() else None

        return check

    def test_a_receipt_is_checked_without_asking_anybody(self, server, browser, table, check):
        page = browser.new_page()
        page.goto(f"{server}/log/", wait_until="networkidle")
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        for name, case in table.items():
            assert check(page, case) == case.code, name
            said = page.locator("#result").inner_text()
            assert ("Proved" in said) == (case.code is None), name
            assert ("Checked in this browser; nothing was sent." in said) == (case.code is None), name
            assert ("office" in said) == (case.code is None), name
        check(page, table["good"])
        assert page.evaluate("document.activeElement.id") == "result"
        assert page.locator("#result [data-v=position]").inner_text() == "3"
        assert "signs no more" not in page.locator("#result").inner_text()
        assert asked == []
        page.evaluate("fetch('/log/keys')")
        assert asked == [f"{server}/log/keys"]  # a request would have been seen

    def test_what_is_pasted_is_checked_too(self, server, browser, table):
        page = browser.new_page()
        page.goto(f"{server}/log/")
        page.fill("#text", table["good"].given.rstrip("\n"))
        page.keyboard.press("Tab")
        page.click("[data-receipt] .wf-button")
        page.wait_for_selector("#result .wf-tag--good")

    def test_browser_and_server_agree_on_anything(self, server, browser, table, grown):
        """Receipts with one byte changed, left out or put in are told apart alike, in Python and JavaScript."""
        seeded = random.Random(3)
        good = table["good"].given.encode()
        good = good[: good.index(b"\n", good.index("— ".encode())) + 1]  # the browser checks the first signature alone
        tried = [good]
        for _ in range(600):
            at, byte = seeded.randrange(len(good)), bytes([seeded.choice(b"A=+/ \n\r\t0919\x00\xff\xe2extra")])
            tried.append(good[:at] + byte * seeded.randrange(2) + good[at + seeded.randrange(2) :])
        expected = []
        for data in tried:
            try:
                receipts.check(data, grown.verifiers)
                expected.append("")
            except (notes.Malformed, notes.Unverified, merkle.Unproven) as problem:
                expected.append(problem.code)
        assert len(set(expected)) >= 12
        page = browser.new_page()
        page.goto(f"{server}/log/")
        found = page.evaluate(
            """async ([tried, key]) => {
                const keys = [await verifierOf(key)], codes = [];
                for (const one of tried)
                    codes.push(await check(Uint8Array.from(one), keys).then(() => "", (problem) => problem.message));
                return codes;
            }""",
            [[list(data) for data in tried], str(grown.verifiers[0])],
        )
        assert [one for one in zip(tried, expected, found, strict=True) if one[1] != one[2]] == []

    def test_a_key_that_signs_no_more_is_told(self, server, browser, table, grown, check):
        def rotate() -> None:
            record(1)
            log.keep_up(LEDGER, keys.rotated(grown.folder))
            connections.close_all()

        with ThreadPoolExecutor(1) as pool:
            pool.submit(rotate).result()
        page = browser.new_page()
        page.goto(f"{server}/log/")
        assert check(page, table["good"]) is None
        assert "This key was retired on" in page.locator("#result").inner_text()

    def test_a_browser_without_ed25519_says_so_and_offers_the_server(self, server, browser, table, check):
        page = browser.new_page()
        page.add_init_script(
            "SubtleCrypto.prototype.importKey = () => Promise.reject(new DOMException('', 'NotSupportedError'))"
        )
        page.goto(f"{server}/log/")
        assert check(page, table["good"]) is None
        said = page.locator("#result").inner_text()
        assert "Signature not checked" in said
        assert "Proved" not in said
        assert check(page, table["other root"]) == "root_differs"
        check(page, table["good"])
        page.click("[data-server]")
        page.wait_for_selector("#result .wf-tag--good")
        assert "Checked by this server" in page.locator("#result").inner_text()

    @pytest.mark.parametrize("script", [False, True])
    def test_without_javascript_or_webcrypto_the_server_checks(self, server, browser, table, script):
        page = browser.new_context(java_script_enabled=script).new_page()
        page.add_init_script("Object.defineProperty(Crypto.prototype, 'subtle', {value: undefined})")
        page.goto(f"{server}/log/")
        assert "sent to this server" in page.locator("#check").inner_text()
        page.fill("#text", table["good"].given)
        page.click("[data-receipt] .wf-button")
        page.wait_for_selector("#result .wf-tag--good")
        assert "Checked by this server" in page.locator("#result").inner_text()

    def test_first_load_is_light(self, server, browser):
        page = browser.new_page()
        sizes: list[int] = []
        page.on("response", lambda response: sizes.append(len(response.body())))
        page.goto(f"{server}/log/", wait_until="networkidle")
        assert 3 <= len(sizes) <= 6
        assert sum(sizes) <= 50_000
        script = Path(test_live_page.asgi.__file__).parent / "static" / "receipt.js"
        assert script.stat().st_size < 10_000

    def test_axe_finds_nothing_and_nothing_overflows(self, server, browser, table, check):
        from axe_playwright_python.sync_playwright import Axe

        for language, scheme, width in product(LANGUAGES, ("light", "dark"), (390, 1280)):
            context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
            page = context.new_page()
            page.goto(f"{server}/language?to={language}&back=/log/")
            for name in ("good", "other root"):
                check(page, table[name])
                page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
                found = Axe().run(page)
                assert found.violations_count == 0, (language, scheme, width, name, found.generate_report())
                assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (language, width, name)
            context.close()
