"""The answer to a terminal that claims an order."""

from typing import Literal

from pydantic import Field

from api.http.documents.values import Moment
from backbone.runtime.openapi import Answer


class Claimed(Answer):
    """A claim that this terminal holds."""

    claimed: Literal[True]
    fence: int = Field(description="One more with each holder. Name it at `done`.", examples=[1])
    expires_at: Moment = Field(description="By the database's clock.")
