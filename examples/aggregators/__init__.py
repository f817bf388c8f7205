"""Orders of other platforms, brought to a Bellwire shop: see README.md."""
