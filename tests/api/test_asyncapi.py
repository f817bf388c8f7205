"""`/asyncapi.json` is an AsyncAPI 3.0 document by the official schema, whole, and of one piece with `/openapi.json`."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from jsonschema_rs import Draft7Validator

from gateway.routes import event_stream, websocket
from infra.local.pods import Pod
from tests.conftest import ROOT
from tests.schemas import faults

OFFICIAL = Draft7Validator(json.loads((ROOT / "tests/api/asyncapi/3.0.0.json").read_bytes()))


@pytest.fixture(scope="module")
async def document(http: httpx.AsyncClient) -> dict[str, Any]:
    """As a pod serves it."""
    response = await http.get("/asyncapi.json")
    assert response.headers["content-type"] == "application/json"
    found: dict[str, Any] = response.json()
    return found


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for inner in part.values():
            yield from references(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from references(inner)


def target(document: dict[str, Any], reference: str) -> Any:
    found: Any = document
    for name in reference.removeprefix("#/").split("/"):
        found = found[name]
    return found


async def test_it_is_an_asyncapi_document_by_the_official_schema(document: dict[str, Any]) -> None:
    assert document["asyncapi"] == "3.0.0"
    assert [error.message for error in OFFICIAL.iter_errors(document)] == []


@pytest.mark.parametrize(
    "break_it",
    [
        lambda document: document["channels"]["socket"].update(adress="/ws"),
        lambda document: document["operations"]["hearAck"].update(action="hear"),
        lambda document: document["servers"]["socket"].pop("host"),
        lambda document: document["components"]["messages"]["hello"].update(payload={"type": "text"}),
    ],
)
async def test_the_official_schema_finds_what_is_no_asyncapi(
    document: dict[str, Any], break_it: Callable[[dict[str, Any]], Any]
) -> None:
    broken = json.loads(json.dumps(document))
    break_it(broken)
    assert not OFFICIAL.is_valid(broken)


async def test_every_reference_leads_somewhere_and_no_schema_is_left_over(document: dict[str, Any]) -> None:
    found = set(references(document))
    for reference in found:
        target(document, reference)
    schemas = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert schemas - found == set()


async def test_an_operation_speaks_of_its_own_channel_and_every_message_of_a_channel_is_in_one(
    document: dict[str, Any],
) -> None:
    spoken = set()
    for operation in document["operations"].values():
        messages = [*operation["messages"], *operation.get("reply", {}).get("messages", [])]
        for reference in messages:
            assert reference["$ref"].startswith(f"{operation['channel']['$ref']}/messages/")
            spoken.add(reference["$ref"])
    channels = document["channels"].items()
    assert spoken == {
        f"#/channels/{name}/messages/{m}" for name, channel in channels for m in channel["messages"]
    }


async def test_an_event_has_one_schema_in_both_documents(
    http: httpx.AsyncClient, document: dict[str, Any]
) -> None:
    openapi = (await http.get("/openapi.json")).json()["components"]["schemas"]
    here = document["components"]["schemas"]
    events = {name for name in here if name.endswith("Event")}
    assert len(events) >= 7
    assert {
        name for name in events | {"NewOrderData", "OrderItem"} if here[name] != openapi.get(name)
    } == set()
    page = openapi["EventPage"]["properties"]["events"]["items"]
    assert {one["$ref"].rpartition("/")[2] for one in page["oneOf"]} == events


async def test_doors_and_queries_are_the_gateways(document: dict[str, Any], gateway: Pod) -> None:
    async with httpx.AsyncClient(base_url=gateway.url) as door:
        paths = (await door.get("/openapi.json")).json()["paths"]
    queries = {
        "socket": document["channels"]["socket"]["bindings"]["ws"]["query"],
        "stream": document["operations"]["sendToStream"]["bindings"]["http"]["query"],
    }
    understood = {"socket": websocket.PARAMETERS, "stream": event_stream.PARAMETERS}
    for name, query in queries.items():
        assert query["properties"].keys() == understood[name]
        parameters = paths[document["channels"][name]["address"]]["get"]["parameters"]
        assert {one["name"] for one in parameters if one["in"] == "query"} == query["properties"].keys()


async def test_the_examples_are_what_they_are_examples_of(document: dict[str, Any]) -> None:
    examples = [
        example["payload"]
        for message in document["components"]["messages"].values()
        for example in message.get("examples", [])
    ]
    assert len(examples) >= 5
    assert [fault for example in examples for fault in faults("socket", example)] == []
