"""`bellwire …`: run the pods, migrate the database, make an operator key, tail a shop, place an order.

Whatever goes wrong is told in one sentence; a traceback means a bug.
"""

import asyncio
import os
import sys
from pathlib import Path

import click

from backbone.contract.errors import BellwireError
from backbone.runtime.settings import InvalidSettings
from bellwire.client import Peer, Trouble

URL = click.option(
    "--url",
    envvar="BELLWIRE_URL",
    default="http://127.0.0.1:8080",
    show_default=True,
    help="The cluster's address.",
)
KEY = click.option(
    "--key",
    envvar="BELLWIRE_KEY",
    required=True,
    help="The key; better given as BELLWIRE_KEY than in a command line.",
)
TENANT = click.option("--tenant", help="The shop's slug; by default the one that the key belongs to.")


class OneSentence(click.Group):
    """A group whose commands fail with a sentence."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; translate what may happen into click's own way of failing."""
        try:
            return super().invoke(ctx)
        except InvalidSettings as exc:
            lines = str(exc).splitlines()
            raise click.ClickException("\n  ".join([f"{len(lines)} settings are wrong:", *lines])) from exc
        except (BellwireError, Trouble) as exc:
            raise click.ClickException(str(exc)) from exc
        except BrokenPipeError:
            # Whoever read our output is gone (`| head`); there is nobody left to tell.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise click.exceptions.Exit(0) from None
        except OSError as exc:
            raise click.ClickException(exc.strerror or type(exc).__name__) from exc


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
def gateway(host: str | None, port: int | None) -> None:
    """Run a gateway pod: terminals' sockets in, their tenants' events out."""
    from gateway.app import run

    _warn_of_typing_errors()
    run(listen_host=host, listen_port=port)


def _warn_of_typing_errors() -> None:
    from bellwire.settings_page import unknown

    for name in unknown(os.environ):
        click.echo(f"warning: nothing reads {name}; `bellwire settings` lists what there is", err=True)


DATABASE = click.option(
    "--database-url", envvar="BELLWIRE_DATABASE_URL", required=True, help="PostgreSQL's address."
)


@main.command()
@DATABASE
def migrate(database_url: str) -> None:
    """Bring the database's schema up to date. Safe to run from many pods at once."""
    from api.db.migrate import migrate as run

    applied = asyncio.run(run(database_url))
    click.echo(f"applied {', '.join(applied)}" if applied else "nothing to apply")


@main.command()
def settings() -> None:
    """Print every setting of the pods, with its default and its meaning."""
    from bellwire.settings_page import page

    click.echo(page(), nl=False)


@main.command("role-settings")
@DATABASE
@click.option("--role", help="The role that the pods connect as; by default the one of the address.")
@click.option(
    "--timeout-seconds",
    envvar="BELLWIRE_DATABASE_TIMEOUT_SECONDS",
    type=click.FloatRange(0.1, 30),
    default=3.0,
    show_default=True,
    help="Bound of every statement, the same as the pods'.",
)
def role_settings(database_url: str, role: str | None, timeout_seconds: float) -> None:
    """Store the pods' session settings with their role; once, for pods behind a pooler."""
    from api.db.role_settings import give_role_settings

    try:
        found = asyncio.run(give_role_settings(database_url, role, timeout_seconds))
    except LookupError as exc:
        raise click.ClickException(str(exc)) from exc
    click.echo(f"sessions of {found} that begin from now on have them; let the pooler reconnect (RECONNECT)")


@main.command("operator-key")
@DATABASE
def operator_key(database_url: str) -> None:
    """Make an operator key and print it, this once."""
    from api.db.operator_keys import create_operator_key

    click.echo(asyncio.run(create_operator_key(database_url)))


@main.command()
@URL
@KEY
@TENANT
@click.option(
    "--after", help="Start right behind this offset; 0 is everything retained. Default: live from the head."
)
@click.option("--types", help="Only these event types, comma-separated.")
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
    as_json: bool,
    count: int | None,
    state: Path | None,
    no_ack: bool,
) -> None:
    """Be a terminal in the console: print every event, acknowledge it, come back and resume after any cut."""
    from bellwire.tail import Tail

    Tail(Peer(url, key, tenant), after, types, as_json, count, state, ack=not no_ack).run()


@main.command()
@URL
@KEY
@click.option("--name", default="Ada Lovelace", show_default=True, help="The customer's name.")
@click.option(
    "--item", "items", multiple=True, metavar="NAME:QUANTITY:PRICE", help="An item; may be repeated."
)
@click.option(
    "--source", default="online", show_default=True, help="The order's source; only online ones make events."
)
@click.option("--idempotency-key", help="Send this Idempotency-Key; by default a new one.")
def order(
    url: str, key: str, name: str, items: tuple[str, ...], source: str, idempotency_key: str | None
) -> None:
    """Place a sample order with a storefront's or a terminal's key."""
    from bellwire.order import place

    answer = place(Peer(url, key, None), name, items, source, idempotency_key)
    click.echo(
        f"{answer['orderNumber']}  {answer['totalAmount']:.2f}  offset {answer['offset']}  id {answer['orderId']}"
    )


if __name__ == "__main__":
    main(prog_name="bellwire")
