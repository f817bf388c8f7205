"""`bellwire role-settings`: the database roles that pods connect as, and the settings that a pooler cannot pass on."""

import asyncio
import os

import click

from bellwire.options import DATABASE

PASSWORDS = {
    "--migrate-role": "BELLWIRE_MIGRATE_ROLE_PASSWORD",
    "--api-role": "BELLWIRE_API_ROLE_PASSWORD",
    "--gateway-role": "BELLWIRE_GATEWAY_ROLE_PASSWORD",
}


@click.command("role-settings")
@DATABASE
@click.option("--role", help="The role that all pods connect as; by default the one of the address.")
@click.option("--api-role", help="Make a role for API pods alone; together with --gateway-role.")
@click.option("--gateway-role", help="Make a role for gateways alone; together with --api-role.")
@click.option(
    "--migrate-role",
    help="Make a role for `bellwire migrate`, and give it the tables; by default they stay whose they are.",
)
@click.option(
    "--timeout-seconds",
    envvar="BELLWIRE_DATABASE_TIMEOUT_SECONDS",
    type=click.FloatRange(0.1, 30),
    default=3.0,
    show_default=True,
    help="Bound of every statement, the same as the pods'.",
)
def role_settings(
    database_url: str,
    role: str | None,
    api_role: str | None,
    gateway_role: str | None,
    migrate_role: str | None,
    timeout_seconds: float,
) -> None:
    """Store the pods' session settings with their role, for pods behind a pooler; or make a role for each kind of pod.

    With --api-role and --gateway-role each kind gets what it needs and nothing else, now and with each `bellwire
    migrate` to come. Roles that exist already are taken as they are. Passwords come from the environment:
    BELLWIRE_API_ROLE_PASSWORD, BELLWIRE_GATEWAY_ROLE_PASSWORD, BELLWIRE_MIGRATE_ROLE_PASSWORD; a role that is made
    without one can log in by other means only. The address is that of the tables' owner, or of a superuser. Safe to
    run again.
    """
    if (api_role is None) != (gateway_role is None) or (migrate_role and not api_role):
        raise click.UsageError("--api-role and --gateway-role are given together.")
    if api_role is None or gateway_role is None:
        click.echo(_settings_alone(database_url, role, timeout_seconds))
        return
    if role is not None:
        raise click.UsageError("--role is for one role of all pods: leave it out.")
    _separate(database_url, api_role, gateway_role, migrate_role, timeout_seconds)


def _settings_alone(database_url: str, role: str | None, timeout_seconds: float) -> str:
    from api.db.role_settings import give_role_settings

    try:
        found = asyncio.run(give_role_settings(database_url, role, timeout_seconds))
    except LookupError as exc:
        raise click.ClickException(str(exc)) from exc
    return f"sessions of {found} that begin from now on have them; let the pooler reconnect (RECONNECT)"


def _separate(database_url: str, api: str, gateway: str, migrate: str | None, timeout_seconds: float) -> None:
    from api.db.privileges import PodKind
    from api.db.separate_roles import Wanted, check_password, separate_roles

    def wanted(option: str, name: str) -> Wanted:
        variable = PASSWORDS[option]
        password = os.environ.get(variable) or None
        if password is not None:
            check_password(variable, password)
        return Wanted(name, password)

    asyncio.run(
        separate_roles(
            database_url,
            {PodKind.API: wanted("--api-role", api), PodKind.GATEWAY: wanted("--gateway-role", gateway)},
            owner=wanted("--migrate-role", migrate) if migrate else None,
            timeout_seconds=timeout_seconds,
            say=lambda text: click.echo(f"role-settings: {text}", err=True),
        )
    )
    click.echo(
        f"API pods connect as {api} and gateways as {gateway}; `bellwire migrate` keeps their privileges"
    )
