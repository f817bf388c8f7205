"""`bellwire verify`: its options, and the sentence for the extra that is not installed."""

import secrets
from pathlib import Path

import click

from bellwire.options import URL

VERIFY_PACKAGES = ("aiohttp", "httpx_sse")
"""Installed by the extra `verify`."""


@click.command()
@URL
@click.option("--operator-key", envvar="BELLWIRE_KEY", required=True, help="Better given as BELLWIRE_KEY.")
@click.option(
    "--seconds", type=click.FloatRange(1), default=30.0, show_default=True, help="Length of the load."
)
@click.option("--tenants", type=click.IntRange(1), default=5, show_default=True, help="Shops to register.")
@click.option("--terminals", type=click.IntRange(1), default=4, show_default=True, help="Terminals a shop.")
@click.option(
    "--rate", type=click.FloatRange(0), default=10.0, show_default=True, help="Writes a second, all shops."
)
@click.option(
    "--seed", type=int, default=1, show_default=True, help="Seed of everything that is left to chance."
)
@click.option(
    "--polling", type=click.FloatRange(0, 1), default=0.1, show_default=True, help="Share that polls."
)
@click.option(
    "--reconnect",
    type=click.FloatRange(0),
    default=15.0,
    show_default=True,
    help="Mean seconds until a terminal leaves and comes back; 0 is never.",
)
@click.option(
    "--streaming",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    help="Share of terminals on server-sent events.",
)
@click.option(
    "--joins", type=click.IntRange(0), default=0, help="Terminals that join the first shop in mid-load."
)
@click.option(
    "--hot-rate", type=click.FloatRange(0), default=0.0, help="Orders a second on top at the first shop."
)
@click.option(
    "--crash", type=click.FloatRange(0, 1), default=0.0, help="Chance that a handler dies of an event."
)
@click.option(
    "--settle", type=click.FloatRange(1), default=60.0, show_default=True, help="Seconds to catch up in."
)
@click.option("--run", "run_name", help="Part of the shops' slugs; by default a new one.")
@click.option(
    "--estate",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File that keeps the shops and their keys for further runs; made when it is not there.",
)
@click.option("--until-signal", is_flag=True, help="The load ends at SIGUSR1, not after --seconds.")
@click.option("--terminal-url", help="Where terminals connect, when that is not --url.")
@click.option(
    "--json",
    "json_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write JSON; - only JSON.",
)
@click.option("--samples", is_flag=True, help="Put every delay into the JSON.")
def verify(
    url: str,
    operator_key: str,
    seconds: float,
    tenants: int,
    terminals: int,
    rate: float,
    seed: int,
    polling: float,
    streaming: float,
    reconnect: float,
    joins: int,
    hot_rate: float,
    crash: float,
    settle: float,
    run_name: str | None,
    estate: Path | None,
    until_signal: bool,
    terminal_url: str | None,
    json_file: Path | None,
    samples: bool,
) -> None:
    """Prove a running cluster from outside: load, reconnects, retries, then every event accounted for.

    Opens test tenants of its own (verify-…), and deletes them at its end, however it ends. Those of an --estate stay.
    Ends with 0 when every promise was kept, with 1 when one was broken.
    """
    from bellwire.verify.settings import Load

    try:
        from bellwire.verify.command import verify as check
    except ModuleNotFoundError as exc:
        if exc.name not in VERIFY_PACKAGES:
            raise
        raise click.ClickException(
            f"bellwire verify needs {exc.name}, which is not installed: pip install 'bellwire[verify]'"
        ) from exc

    load = Load(
        url.rstrip("/"),
        operator_key,
        run_name or secrets.token_hex(4),
        (terminal_url or url).rstrip("/"),
        seconds,
        tenants,
        terminals,
        rate,
        polling,
        streaming,
        reconnect,
        joins,
        hot_rate,
        crash,
        settle,
        seed,
        estate,
        until_signal,
    )
    if not check(load, json_file, samples=samples):
        raise click.exceptions.Exit(1)
