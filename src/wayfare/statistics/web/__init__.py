"""The table builder: any table of a programme, by choosing; its files, and the command that makes the same."""

from __future__ import annotations

import shlex
from contextlib import AbstractContextManager, nullcontext
from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone, translation
from django.views.decorators.http import require_safe

from wayfare.access.purposes import FIGURE_READERS
from wayfare.access.rules import reader
from wayfare.access.signin.web import StaffRequest, needs
from wayfare.common.web.formats import number
from wayfare.departures import queries as departures
from wayfare.departures.rules import Programme
from wayfare.departures.web.chart import Bar, Drawing, chart
from wayfare.departures.web.words import month_letter
from wayfare.ledger import queries as ledger
from wayfare.statistics.web import words
from wayfare.statistics.web.forms import TableForm
from wayfare.statistics.web.wide import Totals, Wide, added, wide

FORMATS = {
    "csv": ("CSV", "text/csv; charset=utf-8"),
    "parquet": ("Parquet", "application/vnd.apache.parquet"),
    "json": ("JSON", "application/json"),
    "sdmx-csv": ("SDMX-CSV 2.0", "application/vnd.sdmx.data+csv; version=2.0.0; charset=utf-8"),
}
"""The files of a table: what each is called, and its type."""
TIMES = ("year", "quarter", "month", "day")
MOST_BARS = 62
"""Rows over time are drawn as a chart, up to so many; each row of another dimension has a bar of its own."""


@require_safe
@needs(*FIGURE_READERS)
def tables(request: StaffRequest) -> HttpResponse:
    """Show the form, and the table that it asks for; at first departures of this year by month."""
    programmes, form = _form(request)
    language = translation.get_language() or "en"
    well = bool(programmes) and form.is_valid()
    errors = {name: f"{form[name].label}: {said[0]}" for name, said in form.errors.items()} if programmes else {}
    context: dict[str, Any] = {"form": form, "errors": errors, "office": request.actor.office, "programmes": programmes}
    if well:
        context |= _result(request, form, programmes, language)
    response = render(request, "statistics/builder.html", context, status=200 if well or not programmes else 422)
    response.headers["Cache-Control"] = "no-store"
    return response


@require_safe
@needs(*FIGURE_READERS)
def table_file(request: StaffRequest, kind: str) -> HttpResponse:
    """Give the whole table as a file. Its name says that its figures are exact, and as of which entry."""
    from wayfare.statistics import queries  # Ibis takes a second to load; only tables need it

    programmes, form = _form(request)
    if kind not in FORMATS or not programmes or not form.is_valid():
        raise Http404
    table = _table(request, form, form.by)
    response = HttpResponse(queries.render(table, kind), content_type=FORMATS[kind][1])
    ending = "csv" if kind == "sdmx-csv" else kind
    name = f"{table.measure}-by-{'-'.join(table.by)}-entry-{table.position}-exact-not-for-publication.{ending}"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = "no-store"
    return response


def _form(request: StaffRequest) -> tuple[dict[str, Programme], TableForm]:
    programmes, _ids = departures.readable(reader(request.actor))
    titles = {key: one.title or key for key, one in programmes.items()}
    first = {"measure": "departures", "rows": "month", "since": str(timezone.now().year)}
    return programmes, TableForm(request.GET or first, titles, ledger.head())


def _table(request: StaffRequest, form: TableForm, by: list[str]) -> Any:
    from wayfare.statistics import queries

    asked = form.cleaned_data
    return queries.table(
        programmes=[asked["programme"]] if asked["programme"] else None, by=by, measure=asked["measure"],
        as_of=asked["as_of"], period=asked["period"], reader=reader(request.actor),
    )  # fmt: skip


def _one_moment(form: TableForm) -> AbstractContextManager[None]:
    """Let the tables of a page stand as of one entry: the one that was asked for, or the last one there is now."""
    return ledger.one_look() if form.cleaned_data["as_of"] is None else nullcontext()


def _totals(request: StaffRequest, form: TableForm, table: Any) -> Totals:
    """Return the numbers at the edges of a table. Persons do not add up: each row, each column and all are counted."""
    if table.measure == "departures":
        return added(table.rows)
    rows, columns = table.rows, {}
    if len(form.by) > 1:
        rows, columns = _table(request, form, form.by[:1]).rows, dict(_table(request, form, form.by[1:]).rows)
    return Totals(dict(rows), columns, sum(n for (n,) in _table(request, form, []).rows))


def _result(request: StaffRequest, form: TableForm, programmes: dict[str, Programme], language: str) -> dict[str, Any]:
    asked = form.cleaned_data
    with _one_moment(form):
        table = _table(request, form, form.by)
        found = wide(table.rows, _totals(request, form, table))
    shown, columns = [number(found.totals.columns.get(name, 0), language) for name in found.columns], asked["columns"]
    picked = [programmes[asked["programme"]]] if asked["programme"] else list(programmes.values())
    return {
        "result": {
            "measure": words.measure(asked["measure"]),
            "dimensions": [words.dimension(name) for name in form.by],
            "programme": picked[0].title or picked[0].key if len(picked) == 1 else "",
            "position": number(table.position, language),
            "zones": table.zones,
            "columns": [words.value(columns, name, language, programmes) for name in found.columns],
            "rows": _rows(found, asked["rows"], language, programmes),
            "sums": shown,
            "whole": number(found.totals.whole, language),
            "left_rows": number(found.left_rows, language) if found.left_rows else "",
            "left_columns": number(found.left_columns, language) if found.left_columns else "",
            "chart": _chart(found, asked["rows"], language, programmes),
            "files": [(kind, name) for kind, (name, _type) in FORMATS.items()],
            "query": urlencode(_asked(form) | {"as_of": str(table.position)}),
            "command": _command(form, table.position, list(programmes)),
        }
    }


def _rows(found: Wide, dimension: str, language: str, programmes: dict[str, Programme]) -> list[dict[str, Any]]:
    most = max(found.totals.rows.values(), default=1)
    return [
        {
            "name": words.value(dimension, key, language, programmes),
            "numbers": [number(line.get(name, 0), language) for name in found.columns],
            "all": number(found.totals.rows[key], language),
            "bar": f"{100 * found.totals.rows[key] / most:.1f}%",
        }
        for key, line in found.rows.items()
    ]


def _chart(found: Wide, dimension: str, language: str, programmes: dict[str, Programme]) -> dict[str, Any] | None:
    """Return the chart of rows over time; None for other rows, for one, and for more than fit side by side."""
    if dimension not in TIMES or not 1 < len(found.rows) <= MOST_BARS:
        return None
    bars = [
        Bar(found.totals.rows[key], words.value(dimension, key, language, programmes), _tick(dimension, key, language))
        for key in found.rows
    ]
    mirrored = translation.get_language_bidi()
    return chart(bars, Drawing(len(bars), mirrored, lambda value: number(value, language), 0))


def _tick(dimension: str, key: str, language: str) -> str:
    """Return what stands under a bar: a month's letter, a year, the first day of a month."""
    if dimension == "month":
        return month_letter(date.fromisoformat(f"{key}-01"), language)
    if dimension == "day":
        return str(int(key[8:])) if key[8:] in ("01", "15") else ""
    return key if dimension == "year" else key[5:]


def _asked(form: TableForm) -> dict[str, str]:
    """Return what the address says of a table, without what is left out."""
    names = ("programme", "measure", "rows", "columns", "since", "until")
    return {name: str(form.cleaned_data[name]) for name in names if form.cleaned_data[name]}


def _command(form: TableForm, position: int, readable: list[str]) -> str:
    """Return the command that makes the same file; it names each programme, since it may read more than the reader."""
    asked = form.cleaned_data
    picked = [asked["programme"]] if asked["programme"] else readable
    parts = ["wayfare", "stats", "table"]
    for key in picked:
        parts += ["--programme", key]
    parts += ["--by", ",".join(form.by), "--measure", asked["measure"]]
    parts += ["--from", asked["since"]] if asked["since"] else []
    parts += ["--to", asked["until"]] if asked["until"] else []
    return shlex.join([*parts, "--as-of", str(position), "--format", "csv"])
