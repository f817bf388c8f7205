"""Connections as bytes: the WebSocket protocol, event streams, the queue of handshakes. Knows no room."""
