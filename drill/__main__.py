"""`python -m drill`: faults before a real Prometheus, a table, and 1 when an alert was not as it has to be."""

import sys
from pathlib import Path

import click

from drill.exercises import EXERCISES
from drill.faults import FAULTS, UNDRIVEN
from drill.place import Place
from drill.record import NoPlace, Record, put, table
from drill.runner import run_fault
from infra.local.failure import CannotStart
from infra.local.interrupt import Stopped, raise_on_signals

ALERTS = "alerts"


@click.command()
@click.argument("names", nargs=-1)
@click.option("--list", "list_names", is_flag=True, help="Show the names of faults and exercises.")
@click.option("--factor", default=1.0, show_default=True, help="Divide all times of the rules by this.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path(".bellwire/drill.json"),
    show_default=True,
    help="Where rows are kept.",
)
@click.option(
    "--page", type=click.Path(path_type=Path, exists=True), help="Write what was found into this page."
)
@click.option("--only-page", is_flag=True, help="Run nothing; write what is kept.")
def main(
    names: tuple[str, ...], list_names: bool, factor: float, out: Path, page: Path | None, only_page: bool
) -> None:
    """Run the faults and exercises NAMES, all by default."""
    known = {
        **{name: each.says for name, each in FAULTS.items()},
        **{name: each.says for name, each in EXERCISES.items()},
    }
    if list_names:
        for name, says in known.items():
            click.echo(f"{name:<24} {says}")
        return
    if unknown := [name for name in names if name not in known]:
        raise click.ClickException(f"no such fault or exercise: {', '.join(unknown)}; --list shows all")
    chosen = [] if only_page else [name for name in known if name in (names or known)]
    record = Record(out)
    raise_on_signals()
    wrong: list[str] = []
    try:
        wrong += run_faults(
            [name for name in chosen if name in FAULTS], record, factor, out.with_suffix(".log")
        )
        wrong += run_exercises([name for name in chosen if name in EXERCISES], page)
    except (CannotStart, TimeoutError, NoPlace) as exc:
        raise click.ClickException(str(exc)) from exc
    except Stopped:
        sys.exit(130)
    if page is not None:
        try:
            put(page, ALERTS, record.table(list(FAULTS)) + not_brought_about())
        except NoPlace as exc:
            raise click.ClickException(str(exc)) from exc
    if wrong:
        sys.exit(1)


def not_brought_about() -> str:
    """The alerts that no fault brings, each with why, for the page."""
    lines = "".join(f"- `{name}`: {why}.\n" for name, why in UNDRIVEN.items())
    return f"\nNo fault here brings these about; promtool's series drive each of them:\n\n{lines}"


def run_faults(names: list[str], record: Record, factor: float, log_file: Path) -> list[str]:
    """Run them in one place, say each as it ends; returns what was wrong."""
    wrong: list[str] = []
    if not names:
        return wrong
    log_file.parent.mkdir(parents=True, exist_ok=True)
    with (
        log_file.open("w") as log,
        Place(factor, sink=lambda name, line: print(name, line, file=log, flush=True)) as place,
    ):
        for name in names:
            row = run_fault(place, FAULTS[name], click.echo)
            record.add(row)
            click.echo(table([row]))
            wrong += row.wrong
    return wrong


def run_exercises(names: list[str], page: Path | None) -> list[str]:
    """Run one after the other; returns what was wrong."""
    wrong: list[str] = []
    for name in names:
        exercise = EXERCISES[name]
        click.echo(f"{name}: {exercise.says}")
        findings = exercise.run(click.echo)
        click.echo(findings.text)
        for each in findings.wrong:
            click.echo(f"! {each}", err=True)
        wrong += findings.wrong
        if page is not None:
            put(page, name, findings.text)
    return wrong


if __name__ == "__main__":
    main(prog_name="drill")
