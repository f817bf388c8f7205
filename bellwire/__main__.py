"""`bellwire …`: run the pods, migrate the database, tail a shop, place an order; other files hold the other commands.

An error is one sentence; a traceback means a bug. Each command imports what it needs by itself: a pod loads no client.
"""

import asyncio
import os
from pathlib import Path

import click

from bellwire.doctor.command import doctor
from bellwire.key_commands import KEY_COMMANDS
from bellwire.one_sentence import OneSentence
from bellwire.options import DATABASE, KEY, TENANT, URL
from bellwire.plan.command import plan_command
from bellwire.questions import QUESTIONS
from bellwire.roles import role_settings
from bellwire.verify_command import verify


@click.group(cls=OneSentence, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="bellwire")
def main() -> None:
    """Every order on every till within a tenth of a second."""


@main.command()
@click.option("--host", help="Address to listen on. [BELLWIRE_LISTEN_HOST]")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on. [BELLWIRE_LISTEN_PORT]")
def api(host: str | None, port: int | None) -> None:
    """Run an API pod: HTTP in, PostgreSQL and Redis out."""
    from api.app import run

    _warn_of_typing_errors()
    run(listen_host=host, listen_port=port)


@main.command()
@click.option("--host", help="Address to listen on. [BELLWIRE_LISTEN_HOST]")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on. [BELLWIRE_LISTEN_PORT]")
@click.option(
    "--workers", type=click.IntRange(1, 64), help="Processes that share the port. [BELLWIRE_WORKERS]"
)
def gateway(host: str | None, port: int | None, workers: int | None) -> None:
    """Run a gateway pod: terminals' sockets in, their tenants' events out."""
    from gateway.app import run

    _warn_of_typing_errors()
    run(listen_host=host, listen_port=port, workers=workers)


def _warn_of_typing_errors() -> None:
    from bellwire.settings_page import unknown

    for name in unknown(os.environ):
        click.echo(f"warning: nothing reads {name}; `bellwire settings` lists what there is", err=True)


@main.command()
@DATABASE
@click.option(
    "--post", is_flag=True, help="Also what no older pod could live with; refused while one is connected."
)
@click.option("--force", is_flag=True, help="Do not look for older pods.")
@click.option("--adopt", is_flag=True, help="First take over a schema that has an earlier numbering.")
@click.option(
    "--patience",
    type=click.FloatRange(1),
    default=600.0,
    show_default=True,
    help="Seconds to wait for a lock, or for another run. A migration may take any time.",
)
def migrate(database_url: str, post: bool, force: bool, adopt: bool, patience: float) -> None:
    """Bring the database's schema up to date, before the new release's pods. Safe to run from many pods at once.

    When the new release is everywhere, `--post` does the rest.
    """
    from api.db.adopt import adopt as take_over
    from api.db.migrate import migrate as run

    def say(text: str) -> None:
        click.echo(f"migrate: {text}", err=True)

    async def work() -> list[str]:
        if adopt:
            await take_over(database_url, say)
        return await run(database_url, post=post, force=force, say=say, patience_seconds=patience)

    applied = asyncio.run(work())
    click.echo(f"applied {', '.join(applied)}" if applied else "nothing to apply")


@main.command("new-epoch")
@DATABASE
def new_epoch(database_url: str) -> None:
    """Say that this database was restored in a way that it does not show: with --data-only, or from a template.

    Run it as the tables' owner, before the pods start. Terminals that hold an event which is no more are reset then.
    After any other restore or a failover the pods notice by themselves.
    """
    from api.db.new_epoch import new_epoch as enter

    before, now = asyncio.run(enter(database_url))
    click.echo(f"epoch {now} (before: {before})")


@main.command()
def settings() -> None:
    """Print every setting of the pods, with its default and its meaning."""
    from bellwire.settings_page import page

    click.echo(page(), nl=False)


@main.command()
def metrics() -> None:
    """Print every metric of the pods, with its labels, its meaning and the alerts that use it."""
    from bellwire.metrics_page import page

    click.echo(page(), nl=False)


@main.command()
@DATABASE
def audit(database_url: str) -> None:
    """Check that everything adds up: ledgers, totals, numbers, events. Changes nothing; 1 when something is wrong.

    Counts what stands under which secret, and names the setting of each that is set here.
    """
    from api.db.audit import audit as run
    from api.db.secret_uses import count_uses
    from bellwire.audit import missing, secrets_table, settings_of, table

    try:
        known = settings_of(os.environ)
    except ValueError as exc:
        raise click.ClickException(f"a secret {exc}") from None
    findings = asyncio.run(run(database_url))
    uses = asyncio.run(count_uses(database_url))
    click.echo(table(findings))
    if uses or known:
        click.echo(secrets_table(uses, known))
    if missing(uses, known):
        click.echo(
            "MISSING      a secret that is in use is not set here: see docs/operations.md, secrets that change"
        )
    if missing(uses, known) or any(finding.broken for finding in findings):
        raise click.exceptions.Exit(1)


@main.command()
@DATABASE
@click.option("--redis-url", envvar="BELLWIRE_REDIS_URL", required=True, help="Redis' address.")
@click.option("--tenant", required=True, help="The shop's slug.")
@click.option("--phone", required=True, help="The customer's phone number, however it is grouped.")
def forget(database_url: str, redis_url: str, tenant: str, phone: str) -> None:
    """Erase a customer of a shop: orders, account and old events stay, and say nothing of who it was."""
    from bellwire.forget import forget as run

    click.echo(asyncio.run(run(database_url, redis_url, tenant, phone)))


DEMO_FILE = click.option(
    "--file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file that the demo wrote; by default .bellwire/demo.json, or demo-PORT.json of the BELLWIRE_PORT.",
)


@main.command("demo-pids")
@click.argument("roles", nargs=-1, required=True, metavar="ROLE…")
@DEMO_FILE
def demo_pids(roles: tuple[str, ...], file: Path | None) -> None:
    """Print the process ids of the running demo's api, gateway, valkey, postgres or loadbalancer processes."""
    from bellwire.demo_key import pids, read

    click.echo(" ".join(map(str, pids(read(file, os.environ.get("BELLWIRE_PORT")), roles))))


@main.command("demo-key")
@click.argument("shop", default="kitchen")
@click.option("--terminal", metavar="NAME", help="A terminal by its name; by default the first one.")
@click.option("--store", "kind", flag_value="store", help="The shop's storefront key instead.")
@click.option("--operator", "kind", flag_value="operator", help="The operator's key instead.")
@DEMO_FILE
def demo_key(shop: str, terminal: str | None, kind: str | None, file: Path | None) -> None:
    """Print a key of the running demo: of the shop's first terminal, of another, of its storefront, the operator's."""
    from bellwire.demo_key import find, read

    click.echo(find(read(file, os.environ.get("BELLWIRE_PORT")), shop, terminal, kind))


@main.command()
@URL
@KEY
@TENANT
@click.option(
    "--after",
    help="Start right behind this offset; 0 is everything retained. Default: behind this terminal's last ack.",
)
@click.option("--types", help="Only these event types, comma-separated.")
@click.option("--stations", help="Only orders of these stations, comma-separated; in any case.")
@click.option("--categories", help="Only orders with something of these categories, likewise.")
@click.option("--json", "as_json", is_flag=True, help="Print each event as it came, one JSON object a line.")
@click.option("--count", type=click.IntRange(1), help="End after so many events.")
@click.option(
    "--state", type=click.Path(dir_okay=False, path_type=Path), help="Keep the offset in this file."
)
@click.option("--no-ack", is_flag=True, help="Do not acknowledge what was printed.")
def tail(
    url: str,
    key: str,
    tenant: str | None,
    after: str | None,
    types: str | None,
    stations: str | None,
    categories: str | None,
    as_json: bool,
    count: int | None,
    state: Path | None,
    no_ack: bool,
) -> None:
    """Be a terminal in the console: print every event, acknowledge it, come back and resume after any cut."""
    from bellwire.client import Peer
    from bellwire.tail import Tail

    asked = {"types": types, "stations": stations, "categories": categories}
    filters = {name: value for name, value in asked.items() if value is not None}
    Tail(Peer(url, key, tenant), after, filters, as_json, count, state, ack=not no_ack).run()


@main.command()
@URL
@KEY
@click.option("--name", help="The customer's name.")
@click.option(
    "--sample",
    type=click.Choice(["lunch", "catering", "scheduled"]),
    help="A full order: at a table with modifiers, for an office with an address, or for three hours later.",
)
@click.option(
    "--item", "items", multiple=True, metavar="NAME:QUANTITY:PRICE", help="An item; may be repeated."
)
@click.option(
    "--source", default="online", show_default=True, help="One of the shop's sources; not each makes events."
)
@click.option("--idempotency-key", help="Send this Idempotency-Key; by default a new one.")
def order(
    url: str,
    key: str,
    name: str | None,
    sample: str | None,
    items: tuple[str, ...],
    source: str,
    idempotency_key: str | None,
) -> None:
    """Place a sample order with a storefront's or a terminal's key: a small one, one of these items, or a full one."""
    from bellwire.amounts import amount_text
    from bellwire.client import Peer
    from bellwire.order import place

    answer = place(Peer(url, key, None), name, items, source, idempotency_key, sample)
    total = amount_text(answer["totalAmount"])
    click.echo(f"{answer['orderNumber']}  {total}  offset {answer['offset']}  id {answer['orderId']}")


for command in (*KEY_COMMANDS, role_settings, doctor, plan_command, verify, *QUESTIONS):
    main.add_command(command)


if __name__ == "__main__":
    main(prog_name="bellwire")
