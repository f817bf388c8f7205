"""Keys and processes of a demo, out of what it wrote: the right one, or a sentence that says what there is."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bellwire.__main__ import main

DEMO: dict[str, Any] = {
    "url": "http://127.0.0.1:8080",
    "operatorKey": "bw_op_1",
    "tenants": {
        "kitchen": {
            "storefrontKey": "bw_store_1",
            "terminals": [{"name": "counter", "key": "bw_term_1"}, {"name": "bar", "key": "bw_term_2"}],
        },
        "bistro": {"storefrontKey": "bw_store_2", "terminals": [{"name": "counter", "key": "bw_term_3"}]},
    },
    "processes": [{"role": "gateway", "pid": 7}, {"role": "gateway", "pid": 8}, {"role": "valkey", "pid": 9}],
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BELLWIRE_PORT", raising=False)
    (tmp_path / ".bellwire").mkdir()
    (tmp_path / ".bellwire/demo.json").write_text(json.dumps(DEMO))
    return tmp_path


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["demo-key"], "bw_term_1"),
        (["demo-key", "kitchen"], "bw_term_1"),
        (["demo-key", "kitchen", "--terminal", "bar"], "bw_term_2"),
        (["demo-key", "bistro"], "bw_term_3"),
        (["demo-key", "bistro", "--store"], "bw_store_2"),
        (["demo-key", "--operator"], "bw_op_1"),
        (["demo-pids", "gateway"], "7 8"),
        (["demo-pids", "valkey", "gateway"], "7 8 9"),
    ],
)
def test_it_is_printed_alone_on_a_line(words: list[str], said: str) -> None:
    assert CliRunner().invoke(main, words).output == f"{said}\n"


def test_the_second_demo_of_a_folder_is_found_by_its_port(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / ".bellwire/demo-8090.json").write_text(json.dumps({**DEMO, "operatorKey": "bw_op_2"}))
    monkeypatch.setenv("BELLWIRE_PORT", "8090")
    assert CliRunner().invoke(main, ["demo-key", "--operator"]).output == "bw_op_2\n"
    monkeypatch.setenv("BELLWIRE_PORT", "8091")
    assert CliRunner().invoke(main, ["demo-key", "--operator"]).output == "bw_op_1\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["demo-key", "cafe"], "no shop cafe; it has kitchen, bistro"),
        (["demo-key", "kitchen", "--terminal", "x"], "no terminal x; it has counter, bar"),
        (["demo-pids", "redis"], "no process redis; it has gateway, valkey"),
        (["demo-key", "--file", "nowhere.json"], "There is no nowhere.json here"),
    ],
)
def test_what_is_not_there_is_said_with_what_there_is(words: list[str], said: str) -> None:
    done = CliRunner().invoke(main, words)
    assert (done.exit_code, type(done.exception)) == (1, SystemExit)
    assert said in done.output


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "x", '{"tenants": []}', '{"tenants": {"kitchen": {}}}', '{"tenants": {"kitchen": null}}',
     '{"tenants": {"kitchen": {"terminals": []}}}', '{"tenants": {"kitchen": {"terminals": [1]}}}',
     '{"tenants": {}, "processes": [1]}', "\xff"],
)  # fmt: skip
def test_a_file_that_no_demo_wrote_is_one_sentence(folder: Path, text: str) -> None:
    (folder / ".bellwire/demo.json").write_bytes(text.encode("latin-1"))
    for words in (["demo-key"], ["demo-key", "--store"], ["demo-key", "--operator"], ["demo-pids", "api"]):
        done = CliRunner().invoke(main, words)
        assert (done.exit_code, type(done.exception)) == (1, SystemExit), (words, done.exception)


def test_a_file_that_may_not_be_read_is_one_sentence(folder: Path) -> None:
    file = folder / ".bellwire/demo.json"
    file.unlink()
    file.mkdir(mode=stat.S_IRWXU)
    done = CliRunner().invoke(main, ["demo-key"])
    assert (done.exit_code, type(done.exception)) == (1, SystemExit)
