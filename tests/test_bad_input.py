"""Bad input by file and by API: what is refused, and that what stands beside it is taken.

| input | by file | by API |
| --- | --- | --- |
| malformed JSON, deep nesting, half a surrogate | `test_files.py` BAD_LINES | `test_api.py` test_a_bad_body |
| a 50 MB line | `test_files.py` test_a_line_of_50_megabytes… | here; `test_api.py` for 16 and 33 MB |
| bad UTF-8 | `test_files.py` BAD_LINES, BAD_ROWS | `test_api.py` test_a_bad_body |
| NUL, raw and escaped | `test_files.py` BAD_LINES, BAD_ROWS | here |
| huge numbers | `test_files.py` BAD_LINES | here |
| no offset; in 2090 | `test_files.py` BAD_LINES | here; `test_api.py` for 25 hours ahead |
| conflicting `entry_id` | `test_files.py` test_refused_lines… | `test_api.py` test_duplicate_and_conflict |
| empty file or body | `test_files.py` test_empty_files… | `test_api.py` test_a_bad_body |
| a directory | `test_files.py` test_directory_is_named | – |
| no permission | here, as another user; `test_files.py` when not root | – |
| a pipe closed early, to read or to write | `test_files.py`, `test_import_interrupted.py` | here: a body that breaks off |
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.test_api import ENTRIES, client, enrolled, office, post, refused  # noqa: F401 - fixtures
from tests.test_api_race import ask, server  # noqa: F401 - fixture


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("kind", '"a\\u0000b"'),
        ("source", '"office\\u0000"'),
        ("sex", "1e999"),
        ("sex", "9" * 400),
        ("sex", "-1"),
        ("sex", "1.5"),
        ("occurred_at", '"2026-07-01T12:00:00"'),
        ("occurred_at", '"2090-07-01T12:00:00Z"'),
        ("occurred_at", "1e300"),
        ("birth_date", "[]"),
    ],
)
def test_a_bad_value_never_breaks_the_door_nor_the_entry_beside_it(office, field, text):  # noqa: F811
    bad = json.dumps(enrolled(**{field: "MARK"})).replace('"MARK"', text)
    response = post(office, f"[{bad}, {json.dumps(enrolled())}]".encode())
    if response.status_code == 400:  # it is no JSON at all, to those who read JSON strictly
        refused(response, "malformed_json")
        return
    first, second = response.json()
    assert (first["status"], second["status"]) == ("rejected", "accepted")
    assert first["field"] == field
    assert first["reason"]


@pytest.mark.parametrize("body", [b'{"kind":"a\0b"}', b"\0"])
def test_a_body_that_is_no_json(office, body):  # noqa: F811
    refused(post(office, body), "malformed_json")


@pytest.mark.slow
def test_a_body_of_50_megabytes_is_refused_by_the_real_server_which_goes_on(server):  # noqa: F811
    port, token = server
    status, answer = ask(port, token, "POST", ENTRIES, b'{"reason":"' + b"x" * 50_000_000 + b'"}')
    assert (status, json.loads(answer)["code"]) == (413, "body_too_large")
    assert ask(port, token, "GET", "/api/v1/health")[0] == 200


def test_a_body_that_breaks_off_leaves_nothing_and_the_server_goes_on(server):  # noqa: F811
    port, token = server
    before = ask(port, token, "GET", ENTRIES)[1]
    body = json.dumps([enrolled()]).encode()
    head = f"POST {ENTRIES} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body) + 50}\r\n\r\n"
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", port)) as half:
            half.sendall(head.encode() + body)
    assert ask(port, token, "GET", "/api/v1/health")[0] == 200
    assert ask(port, token, "GET", ENTRIES)[1] == before


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("setpriv") is None, reason="needs root, to become somebody who is not"
)
def test_a_file_without_permission_is_named_to_who_is_not_root():
    program = (
        "import sys; sys.path[:0] = sys.argv[2:]\n"
        "from wayfare.ledger.entries.sources import BadFile, Source, open_bytes\n"
        "try:\n    open_bytes(Source(sys.argv[1], sys.argv[1], 'jsonl', 0))\n"
        "except BadFile as problem:\n    print(problem)\n"
    )
    with tempfile.TemporaryDirectory(prefix="wf") as folder:
        Path(folder).chmod(0o755)
        file = Path(folder) / "a.jsonl"
        file.write_text("{}\n")
        file.chmod(0o600)

        nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable, "-c"]
        reach = "import sys; sys.path[:0] = sys.argv[1:]; import wayfare"
        if subprocess.run([*nobody, reach, *sys.path], capture_output=True, check=False, cwd="/").returncode:
            pytest.skip("this checkout, or its Python, is closed to others")
        done = subprocess.run([*nobody, program, str(file), *sys.path], capture_output=True, text=True, cwd="/")
        assert f"{file}: may not be read by this user; give read permission to it" in done.stdout, done.stderr
