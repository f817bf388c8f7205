"""`python -m chaos`: a cluster of its own, fault after fault under load, a table, and 1 when a promise was broken."""

import json
import os
import platform
import sys
from pathlib import Path

import click

from chaos.measure import Result, markdown, plain
from chaos.rows import ROWS, SHORT, FaultMissed
from chaos.runner import SETTINGS, NoVerdict, Scale, run_row
from infra.local.cluster import Cluster
from infra.local.plan import Plan


@click.command()
@click.argument("rows", nargs=-1)
@click.option("--short", is_flag=True, help=f"Only {', '.join(SHORT)}.")
@click.option("--list", "list_rows", is_flag=True, help="Show the names of the rows.")
@click.option("--seeds", default=1, show_default=True, help="Runs of each row.")
@click.option("--first-seed", default=1, show_default=True)
@click.option("--tenants", default=20, show_default=True)
@click.option("--terminals", default=5, show_default=True, help="A tenant.")
@click.option("--rate", default=30.0, show_default=True, help="Writes a second.")
@click.option(
    "--keep", type=click.Path(path_type=Path, exists=True), help="Folder for the checker's reports."
)
@click.option("--out", type=click.Path(path_type=Path), default=Path(".bellwire/chaos"), show_default=True)
def main(
    rows: tuple[str, ...], short: bool, list_rows: bool, seeds: int, first_seed: int, tenants: int,
    terminals: int, rate: float, keep: Path | None, out: Path,
) -> None:  # fmt: skip
    """Run ROWS (all by default), each with every seed."""
    if list_rows:
        click.echo("\n".join(ROWS))
        return
    chosen = rows or tuple(SHORT if short else ROWS)
    if unknown := [name for name in chosen if name not in ROWS]:
        raise click.ClickException(f"no such row: {', '.join(unknown)}; --list shows all")
    scale = Scale(tenants, terminals, rate)
    results: list[Result] = []
    failures: list[str] = []
    out.parent.mkdir(parents=True, exist_ok=True)
    log = out.with_suffix(".log").open("w")
    with (
        log,
        Cluster(Plan(), settings=SETTINGS, sink=lambda name, line: print(name, line, file=log)) as cluster,
    ):
        for name in chosen:
            for seed in range(first_seed, first_seed + seeds):
                try:
                    results.append(run_row(cluster, ROWS[name], seed, scale, keep))
                    tell(results[-1])
                except (NoVerdict, FaultMissed, TimeoutError) as exc:
                    failures.append(f"{name} seed {seed}: {exc}")
                    click.echo(f"! {failures[-1]}", err=True)
                write(out, results, failures, scale)
    click.echo("\n" + markdown(results))
    if failures or any(result.violations for result in results):
        sys.exit(1)


def tell(result: Result) -> None:
    """One line as it happens, and what was wrong."""
    worst = "-" if result.worst is None else f"{result.worst:.2f}"
    click.echo(
        f"{result.row:<26} seed {result.seed}  violations {result.violations}  5xx {result.http_5xx}  "
        f"no answer {result.no_answer}  back after {result.recovery:.1f} s  worst {worst} s"
    )
    for example in result.examples:
        click.echo(f"    ! {example}")


def write(out: Path, results: list[Result], failures: list[str], scale: Scale) -> None:
    """Keep what there is so far, so that an interrupted run is not in vain."""
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    load = f"{scale.tenants} tenants × {scale.terminals} terminals, {scale.rate:g} writes/s"
    out.with_suffix(".md").write_text(f"{machine}; {load}\n\n{markdown(results)}")
    document = {"machine": machine, "load": load, "rows": plain(results), "failures": failures}
    out.with_suffix(".json").write_text(json.dumps(document, indent=2))


if __name__ == "__main__":
    main(prog_name="chaos")
