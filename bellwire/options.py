"""The options that commands share."""

import os

import click


def _demo_url() -> str:
    return f"http://127.0.0.1:{os.environ.get('BELLWIRE_PORT') or 8080}"


DATABASE = click.option(
    "--database-url",
    envvar="BELLWIRE_DATABASE_URL",
    required=True,
    help="PostgreSQL's address; better given as BELLWIRE_DATABASE_URL than in a command line.",
)
URL = click.option(
    "--url",
    envvar="BELLWIRE_URL",
    default=_demo_url,
    show_default="the demo's: http://127.0.0.1:8080, or its BELLWIRE_PORT",
    help="The cluster's address.",
)
KEY = click.option(
    "--key",
    envvar="BELLWIRE_KEY",
    required=True,
    help="The key; better given as BELLWIRE_KEY than in a command line.",
)
TENANT = click.option("--tenant", help="The shop's slug; by default the one that the key belongs to.")
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
