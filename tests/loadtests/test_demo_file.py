"""The load test finds the demo, or says in one sentence that there is none."""

import json
from pathlib import Path

import pytest

from loadtests.demo import NoDemo, Process, read_demo

DEMO = {
    "url": "http://127.0.0.1:8080/",
    "operatorKey": "bw_op_x",
    "processes": [
        {"role": "api", "pid": 11, "url": "http://127.0.0.1:9101"},
        {"role": "gateway", "pid": 12, "url": "http://127.0.0.1:9201"},
        {"role": "gateway", "pid": 13, "url": "http://127.0.0.1:9202"},
        {"role": "postgres", "pid": 14},
    ],
}


def test_the_demo_s_address_key_and_processes_are_read(tmp_path: Path) -> None:
    file = tmp_path / "demo.json"
    file.write_text(json.dumps(DEMO), encoding="utf-8")
    demo = read_demo(file)
    assert (demo.url, demo.operator_key) == ("http://127.0.0.1:8080", "bw_op_x")
    assert [name for name, _ in demo.named()] == ["api-1", "gateway-1", "gateway-2", "postgres"]
    assert demo.processes[3] == Process("postgres", 14, None)


def test_without_a_demo_one_sentence_says_what_to_type(tmp_path: Path) -> None:
    with pytest.raises(NoDemo, match="make demo") as caught:
        read_demo(tmp_path / "demo.json")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"url": "x", "operatorKey": "y", "processes": [{"role": "api"}]}']
)
def test_a_file_that_no_demo_wrote_is_refused(text: str, tmp_path: Path) -> None:
    file = tmp_path / "demo.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(NoDemo, match="make demo"):
        read_demo(file)
