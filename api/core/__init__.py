"""The rules of the shop as plain functions: no clock, no socket, no randomness, no environment."""
