"""A till's files: cut at every byte they are an error that names the file, or the last good state; never a skip."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bellwire_terminal import Damaged, DeadLetters, FileCursor, InUse, Outbox, Terminal
from bellwire_terminal.fake import FakeBellwire
from bellwire_terminal.files import AppendLog

KEPT = {"tenant": "küche", "filter": {"types": ["new_order"]}, "offset": "1-42"}


def test_a_cursor_cut_at_any_byte_is_an_error_and_stays_for_a_person_to_look_at(tmp_path: Path) -> None:
    path = tmp_path / "cursor"
    FileCursor(path).save(KEPT)
    whole = path.read_bytes()
    assert FileCursor(path).load() == KEPT
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(Damaged, match="cursor"):
            FileCursor(path).load()
        assert path.read_bytes() == whole[:size]


@given(st.data())
@settings(deadline=None)
def test_a_cursor_with_any_other_byte_in_it_is_an_error(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("cursor") / "cursor"
    FileCursor(path).save(KEPT)
    whole = path.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda value: value != whole[at]))
    path.write_bytes(whole[:at] + bytes([other]) + whole[at + 1 :])
    with pytest.raises(Damaged):
        FileCursor(path).load()


def test_a_crash_while_a_cursor_is_written_leaves_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "cursor"
    cursor = FileCursor(path)
    cursor.save(KEPT)
    # The cursor is the file of that name, whatever a crash leaves of the draft.
    for size in range(0, 80, 7):
        (tmp_path / "cursor.draft").write_bytes(path.read_bytes()[:size])
        assert FileCursor(path).load() == KEPT
    cursor.save({**KEPT, "offset": "1-43"})
    assert FileCursor(path).load() == {**KEPT, "offset": "1-43"}


def test_no_file_is_no_cursor_and_an_empty_one_is_damage(tmp_path: Path) -> None:
    assert FileCursor(tmp_path / "cursor").load() is None
    (tmp_path / "cursor").touch()
    with pytest.raises(Damaged):
        FileCursor(tmp_path / "cursor").load()


def test_an_outbox_cut_at_any_byte_has_the_records_before_the_cut_and_takes_more(tmp_path: Path) -> None:
    path = tmp_path / "outbox"
    records: list[Any] = [
        {"add": {"id": "ä"}, "wall": 1},
        {"try": "ä", "wall": 2},
        {"end": "ä", "outcome": "done"},
    ]
    log, ends = AppendLog(path), [0]
    for one in records:
        log.append(one)
        ends.append(path.stat().st_size)
    whole = path.read_bytes()
    for size in range(len(whole) + 1):
        cut = tmp_path / "cut"
        cut.write_bytes(whole[:size])
        again = AppendLog(cut)
        good = max(number for number, end in enumerate(ends) if end <= size)
        assert again.load() == records[:good]
        assert again.torn == size - ends[good]
        again.append({"end": "b"})
        assert AppendLog(cut).load() == [*records[:good], {"end": "b"}]


def test_an_outbox_that_is_hurt_in_its_midst_is_an_error_that_says_where(tmp_path: Path) -> None:
    path = tmp_path / "outbox"
    log = AppendLog(path)
    for number in range(3):
        log.append({"end": str(number)})
    whole = path.read_bytes()
    path.write_bytes(whole[:12] + b"#" + whole[13:])
    with pytest.raises(Damaged, match="0 bytes from the beginning"):
        AppendLog(path).load()
    assert len(path.read_bytes()) == len(whole)


def test_a_disk_that_does_not_take_a_record_has_the_log_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "outbox"
    log = AppendLog(path)
    log.append({"end": "a"})

    def full(_: int) -> None:
        raise OSError(28, "no space left on device")

    monkeypatch.setattr("bellwire_terminal.files.os.fsync", full)
    with pytest.raises(OSError, match="no space"):
        log.append({"end": "b"})
    monkeypatch.undo()
    assert AppendLog(path).load() == [{"end": "a"}]


def test_dead_letters_are_read_in_order_and_taken_away_one_by_one(tmp_path: Path) -> None:
    letters = DeadLetters(tmp_path / "dead")
    assert letters.entries() == []
    for number in (1, 2, 3):
        letters.add({"event": {"offset": f"1-{number}"}, "attempts": 3, "error": "no paper"})
    letters.remove("1-2")
    assert [one["event"]["offset"] for one in DeadLetters(tmp_path / "dead").entries()] == ["1-1", "1-3"]
    shutil.rmtree(tmp_path)


HOLDER = """
import sys
from bellwire_terminal.files import AppendLog
AppendLog(sys.argv[1]).hold()
print("held", flush=True)
sys.stdin.read()
"""


def test_an_outbox_that_another_process_has_is_an_error_that_names_it_until_that_one_is_killed(
    tmp_path: Path,
) -> None:
    path = tmp_path / "outbox"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        log = AppendLog(path)
        with pytest.raises(InUse, match="outbox"):
            log.hold()
        holder.kill()
    log.hold()
    log.release()


async def test_two_terminals_with_one_outbox_are_an_error_and_one_after_the_other_are_none(
    tmp_path: Path,
) -> None:
    path = tmp_path / "outbox"

    def a_till(fake: FakeBellwire) -> Terminal:
        return Terminal(fake.url, fake.tenant, fake.key, outbox=Outbox(path))

    async with FakeBellwire() as fake:
        async with a_till(fake):
            with pytest.raises(InUse):
                await a_till(fake).__aenter__()
        path.write_bytes(b"00000000 {}\n00000000 {}\n")
        for _ in range(2):
            # An outbox that could not be read is not held either.
            with pytest.raises(Damaged):
                await a_till(fake).__aenter__()
        path.unlink()
        async with a_till(fake):
            pass


def letter(number: int) -> dict[str, Any]:
    return {
        "event": {"offset": f"1-{number}"},
        "attempts": 3,
        "error": "no paper",
        "at": "2026-11-28T12:00:00Z",
    }


def test_a_crash_while_a_letter_is_put_aside_costs_none_of_the_others(tmp_path: Path) -> None:
    path = tmp_path / "dead"
    DeadLetters(path).add(letter(1))
    one = path.read_bytes()
    DeadLetters(path).add(letter(2))
    whole = path.read_bytes()
    for size in range(len(one), len(whole)):
        path.write_bytes(whole[:size])
        DeadLetters(path).add(letter(3))
        assert DeadLetters(path).entries() == [letter(1), letter(3)]


def test_a_log_that_is_damaged_takes_letters_all_the_same_and_says_so_when_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "dead"
    for number in (1, 2):
        DeadLetters(path).add(letter(number))
    damaged = b"x" + path.read_bytes()
    path.write_bytes(damaged)
    DeadLetters(path).add(letter(3))
    assert path.read_bytes().startswith(damaged)
    with pytest.raises(Damaged, match="dead"):
        DeadLetters(path).entries()
