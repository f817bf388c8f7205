"""Which secrets sign a webhook's messages, as its endpoint's row says it. A value alone."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Signing:
    """Those of an endpoint's secrets that sign: its `generation`, while `rotating` the one before too.

    `secret_id` and `previous_secret_id` name the pods' secrets from which those two are derived; None is the first one,
    where no pod has told which that was.
    """

    generation: int
    rotating: bool
    secret_id: bytes | None
    previous_secret_id: bytes | None
