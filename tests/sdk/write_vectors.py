"""Write `sdk/vectors/*.json` from `tests/sdk/scripts.py`: run it after a change, and read what differs."""

import json
import zlib
from pathlib import Path
from typing import Any

from bellwire_terminal.core.records import record
from tests.sdk.scripts import FILES

FOLDER = Path(__file__).resolve().parents[2] / "sdk" / "vectors"


def document(name: str) -> dict[str, Any]:
    """One file of scripts."""
    machine = "outbox" if name == "outbox" else "terminal"
    return {"machine": machine, "scripts": [script.as_json() for script in FILES[name]()]}


def text_of(content: dict[str, Any]) -> str:
    """A file's text: a line for each step, so that a difference can be read."""
    scripts = []
    for script in content["scripts"]:
        head = {name: script[name] for name in ("name", "promise", "config")}
        steps = ",\n    ".join(json.dumps(step, ensure_ascii=False) for step in script["steps"])
        scripts.append(f'{json.dumps(head, ensure_ascii=False)[:-1]}, "steps": [\n    {steps}]}}')
    body = ",\n  ".join(scripts)
    return f'{{"machine": "{content["machine"]}", "scripts": [\n  {body}\n]}}\n'


def records() -> str:
    """Lines and logs of records: what is whole, and every way in which one is cut or hurt."""
    one, two = {"offset": "1-42", "tenant": "küche", "filter": {}}, {"end": "a", "outcome": "done"}
    whole = [record(value).decode() for value in (one, two)]
    hurt = whole[0].replace("42", "43")
    cases = [
        {"log": "", "values": [], "torn": 0},
        {"log": whole[0], "values": [one], "torn": 0},
        {"log": "".join(whole), "values": [one, two], "torn": 0},
        {"log": whole[0] + whole[1][:20], "values": [one], "torn": 20},
        {"log": whole[0] + whole[1][:-1], "values": [one], "torn": len(whole[1]) - 1},
        {"log": whole[1] + hurt, "values": [two], "torn": len(hurt.encode())},
        {"log": hurt + whole[1], "damaged": True},
        {"log": "\n" + whole[1], "damaged": True},
        {"log": whole[0][:30] + "\n" + whole[1], "damaged": True},
        {"log": f"{zlib.crc32(b'{'):08x} {{\n" + whole[1], "damaged": True},
        {"log": whole[0].upper() + whole[1], "damaged": True},
    ]
    lines = ",\n  ".join(json.dumps(case, ensure_ascii=False) for case in cases)
    return f'{{"records": [\n  {lines}\n]}}\n'


def files() -> dict[str, str]:
    """Every file and its text."""
    return {f"{name}.json": text_of(document(name)) for name in FILES} | {"records.json": records()}


if __name__ == "__main__":
    for file, text in files().items():
        (FOLDER / file).write_text(text, encoding="utf-8")
