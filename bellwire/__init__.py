"""The `bellwire` command. Wiring only: it starts pods and speaks to a cluster as any client does."""
