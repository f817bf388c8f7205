"""The image of a load test, without building it: the release's own with an extra, by hashes, and not root."""

import json
import re
from pathlib import Path

from infra.supply.digests import base_image
from tests.images.test_dockerfile import PROJECT, ROOT, sent_to_the_builder

TEXT = (ROOT / "infra" / "images" / "load.Dockerfile").read_text(encoding="utf-8")
LINES = [
    line.split(maxsplit=1) for line in re.sub(r"\\\n\s*", " ", TEXT).splitlines() if line and line[0] != "#"
]


def values(instruction: str) -> list[str]:
    return [value for name, value in LINES if name == instruction]


def test_it_stands_on_the_same_python_as_the_release() -> None:
    assert f"PYTHON_IMAGE={base_image()}" in values("ARG")
    assert values("FROM") == ["${BELLWIRE_IMAGE} AS bellwire", "${PYTHON_IMAGE} AS build", "${PYTHON_IMAGE}"]


def test_its_sources_reach_the_builder_and_are_installed_by_hash() -> None:
    copied = [
        word for value in values("COPY") if not value.startswith("--from") for word in value.split()[:-1]
    ]
    assert {Path(source).name for source in copied} == {"uv.txt", "load.txt"}
    assert all((ROOT / source).exists() and sent_to_the_builder(source) for source in copied)
    assert all("--require-hashes" in value for value in values("RUN"))


def test_its_list_has_the_extra_and_everything_that_the_release_s_has() -> None:
    def names(file: str) -> set[str]:
        text = (ROOT / "infra" / "images" / file).read_text(encoding="utf-8")
        return set(re.findall(r"^([a-z0-9-]+)==", text, re.M))

    extra = {re.split(r"[>=<]", each)[0] for each in PROJECT["project"]["optional-dependencies"]["load"]}
    assert names("requirements.txt") | extra <= names("load.txt")


def test_it_is_not_root_and_gets_its_signals() -> None:
    assert values("USER") == ["65532:65532"]
    assert [json.loads(value) for value in values("ENTRYPOINT")] == [["bellwire-load"]]
    assert values("STOPSIGNAL") == ["SIGTERM"]
    assert "bellwire-load" in PROJECT["project"]["scripts"]
