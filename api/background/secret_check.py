"""Say aloud when something stands under a secret that this pod does not have: at its start, and hourly.

Such a card is not found, and such an endpoint is left to pods that have its secret. The first pod of this release also
tells the database which secret was the first; rows that name none stand under that one.

Why: docs/decisions/0107-secrets-that-change.md
"""

import asyncio
import logging

from api.core.secret_ring import SecretRing
from api.db.secrets_in_use import secrets_in_use, tell_first_secret
from backbone.contract.errors import Unavailable
from backbone.eventlog.postgres import Database

log = logging.getLogger("bellwire.secrets")

EVERY_SECONDS = 3600.0
RETRY_SECONDS = 1.0
HINT = (
    "cards or webhooks stand under secrets that this pod does not have: those cards are not found, those webhooks "
    "wait; give it the old secret in BELLWIRE_CARD_SECRET_BEFORE or BELLWIRE_WEBHOOK_SECRET_BEFORE, until "
    "`bellwire audit` counts nothing under it"
)


async def check_secrets(database: Database, cards: SecretRing, webhooks: SecretRing) -> None:
    """Do it for ever; ends by cancellation only. While PostgreSQL is away it is tried each second."""
    log.info("secrets.known", extra={"cards": names(cards.ids), "webhooks": names(webhooks.ids)})
    while True:
        try:
            missing = await check_secrets_once(database, cards, webhooks)
        except Unavailable:
            await asyncio.sleep(RETRY_SECONDS)
            continue
        if missing:
            log.error("secrets.missing", extra={"secrets": missing, "hint": HINT})
        await asyncio.sleep(EVERY_SECONDS)


async def check_secrets_once(database: Database, cards: SecretRing, webhooks: SecretRing) -> list[str]:
    """Do it once; returns the names of the secrets that are missing here.

    Raises:
        Unavailable: PostgreSQL.
    """
    # The last one is the oldest.
    await tell_first_secret(database, cards.ids[-1])
    under_cards, under_webhooks = await secrets_in_use(database)
    return names(under_cards.difference(cards.ids) | under_webhooks.difference(webhooks.ids))


def names(ids: list[bytes] | set[bytes]) -> list[str]:
    """Secrets as logs and the audit call them."""
    return [secret_id.hex() for secret_id in (ids if isinstance(ids, list) else sorted(ids))]
