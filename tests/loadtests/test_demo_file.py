"""The load test finds the demo, or says in one sentence that there is none."""

import json
from pathlib import Path

import pytest

from loadtests.demo import NoDemo, Shop, read_demo

DEMO = {
    "url": "http://127.0.0.1:8080/",
    "operatorKey": "bw_op_x",
    "tenants": {
        "kitchen": {
            "storefrontKey": "bw_store_k",
            "terminals": [{"terminalId": "t", "name": "counter", "key": "bw_term_k"}],
        }
    },
    "databaseUrl": "postgresql://x",
    "processes": [],
}


def test_the_demo_s_address_keys_and_shops_are_read(tmp_path: Path) -> None:
    file = tmp_path / "demo.json"
    file.write_text(json.dumps(DEMO), encoding="utf-8")
    demo = read_demo(file)
    assert demo.shops == (Shop("kitchen", "bw_store_k", "bw_term_k"),)
    assert demo.url == "http://127.0.0.1:8080"
    assert demo.websocket_url == "ws://127.0.0.1:8080"


def test_a_demo_behind_tls_is_spoken_to_with_tls(tmp_path: Path) -> None:
    file = tmp_path / "demo.json"
    file.write_text(json.dumps({**DEMO, "url": "https://shop.example"}), encoding="utf-8")
    assert read_demo(file).websocket_url == "wss://shop.example"


def test_without_a_demo_one_sentence_says_what_to_type(tmp_path: Path) -> None:
    with pytest.raises(NoDemo, match="make demo") as caught:
        read_demo(tmp_path / "demo.json")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"url": "x", "operatorKey": "y", "tenants": {"a": {}}}']
)
def test_a_file_that_no_demo_wrote_is_refused(text: str, tmp_path: Path) -> None:
    file = tmp_path / "demo.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(NoDemo, match="make demo"):
        read_demo(file)
