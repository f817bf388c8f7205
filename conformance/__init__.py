"""The gateway's WebSocket protocol class before the Autobahn testsuite: `make conformance`."""
