"""The pure parts, each by its properties: no server, no clock, no socket. `make cov` holds them to full coverage."""
