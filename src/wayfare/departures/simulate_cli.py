"""`wayfare simulate`: histories with known truth, for trying things out and for load."""

from __future__ import annotations

import json
import sys
from itertools import islice
from pathlib import Path

import click
from tqdm import tqdm

from wayfare.departures import simulation


def _years(text: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    try:
        low, high = int(first), int(last or first)
    except ValueError:
        raise click.BadParameter(f"{text!r} is not a span of years; write 2015-2025") from None
    if low > high:
        raise click.BadParameter(f"{text!r} runs backwards; write the earlier year first")
    return low, high


@click.command()
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="The entries, JSON lines.")
@click.option(
    "--programmes-out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="For `programme import`."
)
@click.option(
    "--figures",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=None,
    help="A folder with returns_by_corridor.csv and age_sex_by_nationality.csv. Default: a small table of our own.",
)
@click.option("--departed-from", multiple=True, help="Only this country (alpha-3); may be repeated.")
@click.option("--years", default="1900-2100", help="Only these, such as 2015-2025.")
@click.option("--scale", type=click.FloatRange(0, 100, min_open=True), default=1.0, show_default=True)
@click.option("--trouble", type=click.FloatRange(0, 1), default=0.3, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
def simulate(
    out: Path,
    programmes_out: Path,
    figures: Path | None,
    departed_from: tuple[str, ...],
    years: str,
    scale: float,
    trouble: float,
    seed: int,
) -> None:
    """Make departure histories whose true totals are published figures, whatever the trouble."""
    if str(out) == str(programmes_out):
        raise click.UsageError("--out and --programmes-out are the same; name two files, one may be -")
    low, high = _years(years)
    try:
        published = simulation.read_figures(figures)
    except (OSError, ValueError) as problem:
        raise click.UsageError(f"--figures: {problem}") from None
    wanted = {country.upper() for country in departed_from}
    corridors = [c for c in published.corridors if low <= c.year <= high and (not wanted or c.departed_from in wanted)]
    if not corridors:
        raise click.UsageError("no figure is left; widen --departed-from or --years")
    corridors = simulation.scaled(corridors, scale)
    with click.open_file(str(programmes_out), "w", encoding="utf-8") as to:
        to.write(json.dumps(simulation.programmes(corridors), ensure_ascii=False, indent=1) + "\n")
    stream = simulation.lines(published, corridors, trouble, seed)
    with (
        click.open_file(str(out), "w", encoding="ascii") as file,
        tqdm(unit=" entries", disable=not sys.stderr.isatty()) as bar,
    ):
        while batch := list(islice(stream, 20_000)):
            file.writelines(batch)
            bar.update(len(batch))
    people = sum(c.people for c in corridors)
    click.echo(f"{people:,} departures in {len(corridors):,} figures.", err=True)
