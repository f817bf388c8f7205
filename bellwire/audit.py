"""`bellwire audit`: the findings as a table, and what stands under which of the pods' secrets."""

from collections.abc import Mapping, Sequence

from api.core.secret_ring import id_of
from api.db.audit import Finding
from api.db.secret_uses import Use
from backbone.runtime.settings import secrets_in

SETTINGS = ("CARD_SECRET", "CARD_SECRET_BEFORE", "WEBHOOK_SECRET", "WEBHOOK_SECRET_BEFORE")


def table(findings: Sequence[Finding]) -> str:
    """One line a rule, and below a broken one some of what it is broken for."""
    lines = []
    for finding in findings:
        state = "ok" if finding.broken == 0 else f"BROKEN {finding.broken}"
        lines.append(f"{state:<12} {finding.rule}")
        lines += [f"{'':<12}   {example}" for example in finding.examples]
    return "\n".join(lines)


def settings_of(environment: Mapping[str, str]) -> dict[bytes, str]:
    """Return the names of the secrets that are set here, with the setting of each.

    Raises:
        ValueError: one is not as it should be.
    """
    found: dict[bytes, str] = {}
    for setting in (f"BELLWIRE_{word}" for word in SETTINGS):
        value = environment.get(setting, "")
        for secret in secrets_in(value) if setting.endswith("BEFORE") else filter(None, [value]):
            found.setdefault(id_of(secret.encode()), setting)
    return found


def secrets_table(uses: Sequence[Use], known: Mapping[bytes, str]) -> str:
    """One line a secret; those that are set here and have nothing under them too: they may go."""
    lines = []
    idle = [
        Use(secret_id, 0, 0, 0) for secret_id in known if secret_id not in {use.secret_id for use in uses}
    ]
    for use in [*uses, *idle]:
        name = "the first one" if use.secret_id is None else use.secret_id.hex()
        setting = known.get(use.secret_id or b"", "not set here")
        lines.append(
            f"{'secret':<12} {name:<16}  {setting}: {use.cards} gift cards ({use.with_balance} with a balance), "
            f"{use.endpoints} endpoints"
        )
    return "\n".join(lines)


def missing(uses: Sequence[Use], known: Mapping[bytes, str]) -> bool:
    """Whether something stands under a secret that is not set here, or cards under one that is for webhooks."""
    if not known:
        return False
    settings = [(use, known.get(use.secret_id, "")) for use in uses if use.secret_id is not None]
    return any(not found or (use.cards and "_CARD_" not in found) for use, found in settings)
