"""The README's pictures: those of the table, no others, small enough for every clone, and in no wheel or image."""

import re
from pathlib import Path

from infra.screenshots.__main__ import FOLDER, MOST_BYTES
from infra.screenshots.scenes import SHOTS

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
MOST_SHOWN = 8


def test_the_folder_has_the_pictures_of_the_table_and_nothing_else() -> None:
    names = [shot.name for shot in SHOTS]
    assert len(set(names)) == len(names)
    assert {path.name for path in FOLDER.iterdir()} == {f"{name}.webp" for name in names}


def test_each_is_a_picture_and_small() -> None:
    for path in FOLDER.iterdir():
        content = path.read_bytes()
        assert (content[:4], content[8:12]) == (b"RIFF", b"WEBP"), path.name
        assert len(content) <= MOST_BYTES, path.name


def test_the_readme_shows_them_near_its_head_each_with_words_for_those_who_see_none() -> None:
    shown = re.findall(r'<img src="([^"]+)"[^>]* alt="([^"]+)"', README)
    assert 1 <= len(shown) <= MOST_SHOWN
    assert README.count("<img ") == len(shown)
    for source, words in shown:
        assert (ROOT / source).parent == FOLDER
        assert (ROOT / source).is_file(), source
        assert len(words) > 20
    assert README.index("<img ") < README.index("\n## ")


def test_no_image_is_built_with_them() -> None:
    taken = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert "*" in taken
    assert not [line for line in taken if line.startswith(("!docs", "!infra/screenshots"))]
