"""The decisions of a gateway, as plain values: no socket, no clock, no randomness, no environment."""
