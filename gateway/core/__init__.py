"""What a gateway decides, as plain values: no socket, no clock, no randomness, no environment."""
