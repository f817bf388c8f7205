"""The commands for operator keys. They speak to the database alone: no pod has to run."""

import asyncio

import click

from bellwire.one_sentence import OneSentence
from bellwire.options import DATABASE


@click.command("operator-key")
@DATABASE
def operator_key(database_url: str) -> None:
    """Make an operator key and print it, this once."""
    from api.db.operator_keys import create_operator_key

    click.echo(asyncio.run(create_operator_key(database_url)))


@click.group("keys", cls=OneSentence)
def keys() -> None:
    """Operator keys: list them, make one, end one. Storefronts' and terminals' keys are the API's business."""


@keys.command("list")
@DATABASE
def list_keys(database_url: str) -> None:
    """Show the operator keys that are valid: never themselves, but the names that they go by."""
    from api.db.operator_keys import list_operator_keys

    for key in asyncio.run(list_operator_keys(database_url)):
        used = f"last used {key['last_used_at']}" if key["last_used_at"] else "never used"
        click.echo(f"{key['key_id']}  made {key['created_at']}  {used}  {key['name'] or '(without a name)'}")


@keys.command("add")
@DATABASE
@click.option("--name", required=True, help="The person or program that it is for.")
def add_key(database_url: str, name: str) -> None:
    """Make an operator key and print it, this once."""
    from api.db.operator_keys import create_operator_key

    name = name.strip()
    if not name.isprintable() or not 0 < len(name) <= 256:
        raise click.ClickException("--name has to be 1 to 256 visible characters.")
    click.echo(asyncio.run(create_operator_key(database_url, name)))


@keys.command("revoke")
@DATABASE
@click.argument("key_id")
def revoke_key(database_url: str, key_id: str) -> None:
    """End the operator key that goes by KEY_ID (see `bellwire keys list`); pods refuse it within 2 s."""
    from api.db.operator_keys import revoke_operator_key

    asyncio.run(revoke_operator_key(database_url, key_id))
    click.echo(f"{key_id} has ended")


KEY_COMMANDS = (operator_key, keys)
