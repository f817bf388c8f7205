"""`python -m chaos`: a cluster of its own, fault after fault under load, a table, and 1 when a promise was broken."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from chaos.measure import Result
from chaos.place import Place
from chaos.record import NoPlace, Record
from chaos.rows import ROWS, SHORT
from chaos.runner import NoVerdict, Scale, run_row
from chaos.town import FaultMissed
from infra.local.workdir import Workdir


@click.command()
@click.argument("rows", nargs=-1)
@click.option("--short", is_flag=True, help=f"Only {', '.join(SHORT)}.")
@click.option("--list", "list_rows", is_flag=True, help="Show the names of the rows.")
@click.option("--seeds", default=1, show_default=True, help="Runs of each row.")
@click.option("--first-seed", default=1, show_default=True)
@click.option("--tenants", default=20, show_default=True)
@click.option("--terminals", default=5, show_default=True, help="A tenant.")
@click.option("--rate", default=30.0, show_default=True, help="Writes a second.")
@click.option("--reconnect", default=15.0, show_default=True, help="Mean seconds of a terminal's stay.")
@click.option(
    "--keep", type=click.Path(path_type=Path, exists=True), help="Folder for the checker's reports."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path(".bellwire/chaos"),
    show_default=True,
    help="Where results are kept; what is in there, of the same load, is not run again.",
)
@click.option("--again", is_flag=True, help="Run everything, whatever is there.")
@click.option("--page", type=click.Path(path_type=Path, exists=True), help="Write the table into this page.")
def main(
    rows: tuple[str, ...], short: bool, list_rows: bool, seeds: int, first_seed: int, tenants: int, terminals: int,
    rate: float, reconnect: float, keep: Path | None, out: Path, again: bool, page: Path | None,
) -> None:  # fmt: skip
    """Run ROWS (all by default), each with every seed; an interrupted run goes on where it was."""
    if list_rows:
        click.echo("\n".join(ROWS))
        return
    chosen = rows or tuple(SHORT if short else ROWS)
    if unknown := [name for name in chosen if name not in ROWS]:
        raise click.ClickException(f"no such row: {', '.join(unknown)}; --list shows all")
    scale = Scale(tenants, terminals, rate, reconnect=reconnect)
    record = Record(out.with_suffix(".json"), scale.in_words())
    # Seed after seed: whatever ends the run early, the table is whole.
    wanted = [(name, seed) for seed in range(first_seed, first_seed + seeds) for name in chosen]
    if again:
        record.results = [result for result in record.results if (result.row, result.seed) not in wanted]
    try:
        run([each for each in wanted if not record.has(*each)], scale, record, keep, out.with_suffix(".log"))
    finally:
        click.echo(f"\n{record.title}\n\n{record.table(list(ROWS))}")
        if page is not None:
            put(record, page)
    results = [result for result in record.results if (result.row, result.seed) in wanted]
    if record.failures or any(result.violations for result in results):
        sys.exit(1)


def run(
    wanted: Sequence[tuple[str, int]], scale: Scale, record: Record, keep: Path | None, log_file: Path
) -> None:
    """Run what is left to run in one place, whose shops serve all of it."""
    if not wanted:
        return
    log_file.parent.mkdir(parents=True, exist_ok=True)
    with (
        log_file.open("w") as log,
        Workdir("chaos") as folder,
        Place(sink=lambda name, line: print(name, line, file=log)) as place,
    ):
        for name, seed in wanted:
            try:
                record.add(run_row(place, ROWS[name], seed, scale, folder.path / "estate.json", keep))
                tell(record.results[-1])
            except (NoVerdict, FaultMissed, TimeoutError) as exc:
                record.failures.append(f"{name} seed {seed}: {exc}")
                record.save()
                click.echo(f"! {record.failures[-1]}", err=True)


def put(record: Record, page: Path) -> None:
    """Write the table into a page."""
    try:
        record.write_to(page, list(ROWS))
    except NoPlace as exc:
        raise click.ClickException(str(exc)) from exc


def tell(result: Result) -> None:
    """One line as it happens, and what was wrong."""
    worst = "-" if result.worst is None else f"{result.worst:.2f}"
    click.echo(
        f"{result.row:<26} seed {result.seed}  violations {result.violations}  5xx {result.http_5xx}  "
        f"no answer {result.no_answer}  back after {result.recovery:.1f} s  worst {worst} s"
    )
    for example in result.examples:
        click.echo(f"    ! {example}")


if __name__ == "__main__":
    main(prog_name="chaos")
