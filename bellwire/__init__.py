"""The `bellwire` command. Wiring only: it starts pods and speaks to a cluster as any client does."""

from importlib.metadata import version

__version__ = version("bellwire")
