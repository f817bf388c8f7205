"""Three primaries with a replica each, in cluster mode: what `redis+cluster://` points to.

For tests of failovers and moving slots. Keys of nodes and slots are spoken of as valkey-cli does.
"""

from redis.crc import key_slot

from infra.local.child import Child, Sink, no_sink, run_to_end
from infra.local.failure import CannotStart
from infra.local.ports import free_port
from infra.local.valkey import READY_SECONDS, Valkey, cli_binary
from infra.local.valkey_words import say
from infra.local.waiting import wait_until

CREATE_SECONDS = 60.0


class ValkeyCluster:
    """`start`, `stop`; `nodes` are its servers, `owner` and `move_slot` speak of slots.

    `node_timeout_ms`: silence after which a primary counts as gone, and its replica takes over.
    """

    def __init__(
        self, *, primaries: int = 3, replicas: int = 1, node_timeout_ms: int = 1500, sink: Sink = no_sink
    ):
        self._replicas = replicas
        self.nodes = [self._node(node_timeout_ms, sink) for _ in range(primaries * (1 + replicas))]

    @property
    def url(self) -> str:
        return "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)

    def start(self) -> None:
        """Start all and wait until every node says that the cluster is whole.

        Raises:
            CannotStart: there is no binary, or they did not find together in time.
        """
        try:
            for node in self.nodes:
                node.start()
            addresses = [f"127.0.0.1:{node.port}" for node in self.nodes]
            create = [
                "--cluster",
                "create",
                *addresses,
                "--cluster-replicas",
                str(self._replicas),
                "--cluster-yes",
            ]
            run_to_end(Child("valkey-cli", [cli_binary(), *create]), CREATE_SECONDS)
            if not wait_until(self._complete, READY_SECONDS):
                raise CannotStart("The cluster did not find together.")
        except CannotStart:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop all; a second call does nothing."""
        for node in self.nodes:
            node.stop()

    def owner(self, name: str) -> Valkey:
        """The primary that has the slot of this key or channel now, as any living node sees it."""
        slot = key_slot(name.encode())
        table = self._table()
        return next(node for node, *_, slots in table for first, last in slots if first <= slot <= last)

    def primaries(self) -> list[Valkey]:
        """The servers that have slots now."""
        return [node for node, *_, slots in self._table() if slots]

    def shard(self, name: str) -> list[Valkey]:
        """The primary that has this key or channel, and its replicas."""
        owner = self.owner(name)
        ids = {node.port: identity for node, identity, *_ in self._table()}
        return [node for node, _, primary, _ in self._table() if node is owner or primary == ids[owner.port]]

    def whole(self) -> bool:
        """Whether every node says that all is served, and every replica is in step."""
        return all(node.alive for node in self.nodes) and self._complete()

    def move_slot(self, name: str, target: Valkey) -> None:
        """Move the slot of `name`, with its keys, as `valkey-cli --cluster reshard` does, while it is in use.

        Raises:
            CannotStart: a node refused it, or the others were not told in time.
        """
        slot = str(key_slot(name.encode()))
        source = self.owner(name)
        ids = {node.port: identity for node, identity, *_ in self._table()}
        say(target.port, "cluster", "setslot", slot, "importing", ids[source.port])
        say(source.port, "cluster", "setslot", slot, "migrating", ids[target.port])
        while keys := [key for key in say(source.port, "cluster", "getkeysinslot", slot, "10") if key]:
            # REPLACE: a write that was sent on to the new owner may have made the key there already.
            say(
                source.port,
                "migrate",
                "127.0.0.1",
                str(target.port),
                "",
                "0",
                "5000",
                "replace",
                "keys",
                *keys,
            )
        for node in (target, source):
            say(node.port, "cluster", "setslot", slot, "node", ids[target.port])
        if not wait_until(lambda: self.owner(name) is target, READY_SECONDS):
            raise CannotStart(f"No server was told that slot {slot} moved.")

    def _table(self) -> list[tuple[Valkey, str, str, list[tuple[int, int]]]]:
        """Node, its id, its primary's id ("-" for a primary), its ranges of slots."""
        seen = next(node for node in self.nodes if node.alive)
        found = []
        for line in say(seen.port, "cluster", "nodes"):
            identity, address, *rest = line.split()
            port = int(address.partition("@")[0].rpartition(":")[2])
            node = next((node for node in self.nodes if node.port == port), None)
            if node is not None:
                words = [word for word in rest[6:] if not word.startswith("[")]
                ranges = [word.partition("-")[::2] for word in words]
                found.append(
                    (node, identity, rest[1], [(int(first), int(last or first)) for first, last in ranges])
                )
        return found

    def _complete(self) -> bool:
        for node in self.nodes:
            info = say(node.port, "cluster", "info")
            if "cluster_state:ok" not in info or f"cluster_known_nodes:{len(self.nodes)}" not in info:
                return False
        roles = [say(node.port, "info", "replication") for node in self.nodes]
        in_step = sum(line.startswith("slave") and "state=online" in line for role in roles for line in role)
        return in_step == len(self.nodes) - len(self.primaries())

    @staticmethod
    def _node(timeout_ms: int, sink: Sink) -> Valkey:
        options = ["--cluster-enabled", "yes", "--cluster-node-timeout", str(timeout_ms)]
        # The usual port of the bus is the port and 10,000, which may be anybody's.
        options += ["--cluster-port", str(free_port()), "--repl-diskless-sync-delay", "0"]
        return Valkey(options=options, sink=sink)
