"""A certificate for this machine's own names, made on the spot, and the authority that vouches for it.

For demos and tests: only a client that is handed the authority's file trusts it. A key lasts as long as its folder.
"""

import os
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import trustme

NAMES = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Certificate:
    """Two files: what a server shows, with its key, and what a client has to trust."""

    chain: Path
    authority: Path

    def trusting(self) -> ssl.SSLContext:
        """The TLS settings of a client that trusts it and nothing else."""
        return ssl.create_default_context(cafile=self.authority)

    def remove(self) -> None:
        """Remove both files; a second call does nothing."""
        self.chain.unlink(missing_ok=True)
        self.authority.unlink(missing_ok=True)


def make_certificate(folder: Path, authority: Path, names: Sequence[str] = NAMES) -> Certificate:
    """Make one for `names`, in `folder`; `authority` is where the file to trust goes."""
    issuer = trustme.CA(organization_name="Bellwire demo")
    issued = issuer.issue_cert(*names)
    chain = folder / "tls.pem"
    _write(chain, issued.private_key_and_cert_chain_pem.bytes())
    authority.parent.mkdir(parents=True, exist_ok=True)
    _write(authority, issuer.cert_pem.bytes())
    return Certificate(chain, authority)


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all, and for nobody else to read."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    fresh.rename(path)
