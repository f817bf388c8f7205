"""The address of a pod that cannot be had, in one sentence."""

from backbone.contract.errors import BellwireError


class CannotListen(BellwireError):
    """The address cannot be listened on; the text names it."""

    def __init__(self, host: str, port: int, reason: Exception) -> None:
        where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        why = reason.strerror if isinstance(reason, OSError) and reason.strerror else "this is not an address"
        super().__init__(
            f"{where} cannot be listened on: {why}. Choose another with --host and --port, "
            "or BELLWIRE_LISTEN_HOST and BELLWIRE_LISTEN_PORT."
        )
