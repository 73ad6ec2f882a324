"""The lock files name one version of each package, so that what an extra brings runs what the tests ran."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
LOCKS = {file.name: file.read_text() for file in sorted(ROOT.glob("requirements*.lock"))}
BASE = "requirements.lock"


def pins(lock: str) -> dict[str, frozenset[tuple[str, str]]]:
    """Return the versions of each package that a lock file names, each with its marker."""
    lines = [line for line in re.sub(r" \\\n\s+--hash=\S+", "", lock).splitlines() if line and not line.startswith("#")]
    found: dict[str, frozenset[tuple[str, str]]] = {}
    for requirement in map(Requirement, lines):
        (exact,) = requirement.specifier
        assert exact.operator == "=="
        one = frozenset({(exact.version, str(requirement.marker))})
        found[requirement.name] = found.get(requirement.name, frozenset()) | one
    return found


def disagreements(locks: dict[str, str]) -> list[str]:
    """Return, for each package that two lock files name differently, what each names."""
    named: dict[str, dict[frozenset[tuple[str, str]], list[str]]] = {}
    for name, lock in locks.items():
        for package, pin in pins(lock).items():
            named.setdefault(package, {}).setdefault(pin, []).append(name)
    return [f"{package}: {found}" for package, found in named.items() if len(found) > 1]


def loaded(name: str, file: Path) -> ModuleType:
    spec = importlib.util.spec_from_loader(name, importlib.machinery.SourceFileLoader(name, str(file)))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_no_two_lock_files_disagree_on_a_version():
    assert len(pins(LOCKS[BASE])) > 40
    assert disagreements(LOCKS) == []
    ((version, _),) = pins(LOCKS[BASE])["duckdb"]
    other = LOCKS["requirements-pkcs11.lock"].replace(f"duckdb=={version}", "duckdb==2.0.1000")
    assert len(disagreements(LOCKS | {"requirements-pkcs11.lock": other})) == 1, "control"


def test_the_lock_of_an_extra_holds_all_that_runs_without_it():
    extras = {name for name in LOCKS if name not in (BASE, "requirements-uv.lock")}
    assert extras == {"requirements-pkcs11.lock", "requirements-spark.lock", "requirements-test.lock"}
    for name in extras:
        assert pins(LOCKS[name]).items() > pins(LOCKS[BASE]).items(), name


def test_each_package_has_hashes_and_no_lock_file_names_an_address():
    for name, lock in LOCKS.items():
        packages = re.findall(r"^[a-z0-9].*?(?=^[a-z0-9]|\Z)", lock, re.MULTILINE | re.DOTALL)
        assert len(packages) == sum(map(len, pins(lock).values()))
        assert all(re.search(r"--hash=sha256:[0-9a-f]{64}$", package.strip()) for package in packages), name
        assert "://" not in lock, name


def test_the_audit_asks_about_every_lock_file(monkeypatch, capsys):
    audit = loaded("audit", ROOT / ".ci" / "audit.py")
    asked = []

    def answer(lock: Path, known: tuple[dict[str, object], ...] = ()) -> dict[str, object]:
        asked.append(lock.name)
        return {"dependencies": [{"name": "duckdb", "version": "2.0.0", "vulns": list(known)}]}

    monkeypatch.setattr(audit, "answer", answer)
    with pytest.raises(SystemExit) as ended:
        audit.main()
    assert ended.value.code == 0
    assert asked == sorted(LOCKS)
    monkeypatch.setattr(audit, "answer", lambda lock: answer(lock, ({"id": "CVE-1", "fix_versions": []},)))
    with pytest.raises(SystemExit) as ended:
        audit.main()
    assert ended.value.code == 1, "one that is known fails"
    assert "CVE-1" in capsys.readouterr().out


def test_the_image_has_every_lock_file_that_the_launcher_installs():
    copied = set(re.findall(r"\S+\.lock", (ROOT / "deploy" / "Containerfile").read_text()))
    installed = set(re.findall(r"requirements\S*\.lock", (ROOT / "wayfare").read_text()))
    assert installed - {"requirements-test.lock"} == copied
