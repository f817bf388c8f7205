"""The routes of an API pod as it is wired, asked of the pod itself."""

from api.app import api_pod
from api.fast_path import FastPath
from api.settings import ApiSettings
from backbone.runtime.routes import DescribedRoute, described
from backbone.runtime.settings import load_settings
from tests.conftest import CARD_SECRET


async def route_table(database_url: str, redis_url: str) -> list[DescribedRoute]:
    """Return every HTTP route of a pod; one without a description is an error."""
    settings = load_settings(
        ApiSettings, database_url=database_url, redis_url=redis_url, card_secret=CARD_SECRET
    )
    async with api_pod(settings) as pod:
        assert isinstance(pod.app, FastPath)
        return described(list(pod.app.routes))
