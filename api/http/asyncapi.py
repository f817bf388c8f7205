"""The AsyncAPI 3.0 document: a terminal's socket and stream, and webhooks, with every message. Pure.

Its schemas are those of `api/http/documents`, and the events' are in `/openapi.json` too, by the same names.

Why: docs/decisions/0128-asyncapi.md
"""

from collections.abc import Mapping
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from api.http.documents import messages
from api.http.documents.events import AnyEvent, EventDocument
from backbone.contract.frames import CODES_SUBPROTOCOL, MAX_INBOUND_BYTES, SUBPROTOCOL
from backbone.contract.tickets import PARAMETER
from backbone.runtime.routes import Query
from backbone.runtime.stream_query import SOCKET_QUERY, STREAM_QUERY

EVENTS: Mapping[str, type[EventDocument]] = {
    get_args(model.model_fields["type"].annotation)[0]: model for model in get_args(get_args(AnyEvent)[0])
}
"""The model of each event type."""
_SOCKET: Mapping[str, type[BaseModel]] = {
    "hello": messages.Hello,
    "caught_up": messages.CaughtUp,
    "heartbeat": messages.Heartbeat,
    "reset": messages.ResetMessage,
    "error": messages.ErrorMessage,
    "pong": messages.Pong,
}
_STREAM: Mapping[str, type[BaseModel]] = {
    **{name: _SOCKET[name] for name in ("hello", "caught_up", "heartbeat", "reset")},
    "close": messages.Close,
}
_TERMINAL: Mapping[str, type[BaseModel]] = {"ack": messages.Ack, "ping": messages.Ping}
_WEBHOOK: Mapping[str, type[BaseModel]] = {
    "webhook_reset": messages.WebhookReset,
    "webhook_ping": messages.WebhookPing,
}
_SCHEMAS = "#/components/schemas/{model}"

INTRODUCTION = """\
A tenant's events, in order and exactly once, at four doors: WebSocket, server-sent events, webhooks, and polling, which
is in `/openapi.json` with everything else that is asked over HTTP. One event is the same bytes at each of them.

Members and event types are added as releases come: pass over what you do not know. An event that an earlier release
wrote may lack members that are required here. Amounts are numbers as exact as the currency.
"""
_SOCKET_SAYS = f"""\
Text frames of JSON; from the terminal at most {MAX_INBOUND_BYTES} bytes each. Offer the subprotocol `{SUBPROTOCOL}`; a
page that cannot send a header offers `bearer.<key>` beside it, and `{CODES_SUBPROTOCOL}` to be refused by a close code.
A terminal that says nothing is a full terminal.
"""
_STREAM_SAYS = """\
`event:` is the message's type, `id:` an event's offset; control messages have no `id:`. Acks go to
`POST /api/tenant/{tenant}/acks`.
"""
_TENANT = {"tenant": {"description": "The shop's slug.", "examples": ["kitchen"]}}
_HEADERS = {
    "type": "object",
    "required": ["webhook-id", "webhook-timestamp", "webhook-signature"],
    "properties": {
        "webhook-id": {
            "type": "string",
            "description": "The event's offset; the same when it is sent again.",
        },
        "webhook-timestamp": {"type": "string", "description": "Seconds since 1970."},
        "webhook-signature": {
            "type": "string",
            "description": "One signature a valid secret, as Standard Webhooks has it.",
            "examples": ["v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="],
        },
    },
}


def document(version: str, event_examples: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document. `event_examples` has an event, as it was sent, of some types."""
    models = {**EVENTS, **_SOCKET, **_STREAM, **_TERMINAL, **_WEBHOOK}
    wanted = sorted(set(models.values()), key=lambda model: model.__name__)
    names, definitions = models_json_schema(
        [(model, "validation") for model in wanted], ref_template=_SCHEMAS
    )
    schemas = {model: schema for (model, _), schema in names.items()}
    written = {
        name: _message(name, model, schemas[model], event_examples.get(name))
        for name, model in models.items()
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Bellwire events",
            "version": version,
            "description": INTRODUCTION,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "socket": _server("wss", "Sockets."),
            "stream": _server("https", "Streams of server-sent events."),
        },
        "channels": {
            "socket": {
                "address": "/ws/pos/{tenant}",
                "summary": "A terminal's WebSocket.",
                "description": _SOCKET_SAYS,
                "servers": [{"$ref": "#/servers/socket"}],
                "parameters": _TENANT,
                "messages": _of([*EVENTS, *_SOCKET, *_TERMINAL]),
                "bindings": {
                    "ws": {"method": "GET", "query": _query(SOCKET_QUERY), "bindingVersion": "0.1.0"}
                },
                "x-close-codes": _close_codes(),
            },
            "stream": {
                "address": "/sse/pos/{tenant}",
                "summary": "The same stream as server-sent events.",
                "description": _STREAM_SAYS,
                "servers": [{"$ref": "#/servers/stream"}],
                "parameters": _TENANT,
                "messages": _of([*EVENTS, *_STREAM]),
                "x-close-codes": _close_codes(),
            },
            "webhook": {
                "address": None,
                "summary": "A shop's own HTTPS endpoint.",
                "description": "One after another, in order, at least once, until the answer is 2xx.",
                "messages": {
                    name: {**written[name], "traits": [{"$ref": "#/components/messageTraits/signed"}]}
                    for name in (*EVENTS, *_WEBHOOK)
                },
            },
        },
        "operations": {
            "sendToSocket": _operation(
                "send", "socket", [*EVENTS, *_SOCKET], "Everything that a terminal hears."
            ),
            "hearAck": _operation("receive", "socket", ["ack"], "A terminal has stored what came so far."),
            "hearPing": {
                **_operation("receive", "socket", ["ping"], "A terminal asks whether we are there."),
                "reply": {"channel": {"$ref": "#/channels/socket"}, "messages": _refs("socket", ["pong"])},
            },
            "sendToStream": {
                **_operation("send", "stream", [*EVENTS, *_STREAM], "Everything that a terminal hears."),
                "bindings": {
                    "http": {"method": "GET", "query": _query(STREAM_QUERY), "bindingVersion": "0.3.0"}
                },
            },
            "sendToWebhook": {
                **_operation("send", "webhook", [*EVENTS, *_WEBHOOK], "Everything that an endpoint is sent."),
                "bindings": {"http": {"method": "POST", "bindingVersion": "0.3.0"}},
            },
        },
        "components": {
            "schemas": definitions["$defs"],
            "messages": {name: message for name, message in written.items() if name not in _WEBHOOK},
            "messageTraits": {"signed": {"headers": _HEADERS}},
            "securitySchemes": {
                "terminalKey": {"type": "http", "scheme": "bearer", "description": "`bw_term_…`"},
                "ticket": {
                    "type": "httpApiKey",
                    "in": "query",
                    "name": PARAMETER,
                    "description": "`bw_ticket_…`: one stream of one terminal, for a page that cannot send a key",
                },
            },
        },
    }


def _server(protocol: str, says: str) -> dict[str, Any]:
    return {
        "host": "{host}",
        "protocol": protocol,
        "description": says,
        "variables": {
            "host": {"description": "Where the installation is.", "examples": ["bellwire.example.com"]}
        },
        "security": [{"$ref": f"#/components/securitySchemes/{name}"} for name in ("terminalKey", "ticket")],
    }


def _of(names: list[str]) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/messages/{name}"} for name in names}


def _refs(channel: str, names: list[str]) -> list[dict[str, str]]:
    return [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in names]


def _operation(action: str, channel: str, names: list[str], says: str) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "summary": says,
        "messages": _refs(channel, names),
    }


def _message(name: str, model: type[BaseModel], schema: Any, example: Any) -> dict[str, Any]:
    message = {
        "name": name,
        "title": model.__name__,
        "summary": " ".join((model.__doc__ or "").split()),
        "payload": schema,
    }
    if example is not None:
        message["examples"] = [{"payload": example}]
    return message


def _query(query: tuple[Query, ...]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {one.name: {**one.schema, "description": one.says} for one in query},
    }


def _close_codes() -> list[dict[str, Any]]:
    return [
        {"code": int(code), "description": says, "retry": code.retry}
        for code, says in messages.CLOSE_CODES.items()
    ]
