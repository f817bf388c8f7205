"""Logs of a run: one file a process, of this run alone, within a bound."""

from pathlib import Path

from infra.local.logbook import Logbook


def test_each_process_has_its_own_file_and_an_earlier_run_is_forgotten(tmp_path: Path) -> None:
    (tmp_path / "api-7.log").write_text("old\n")
    logbook = Logbook(tmp_path)
    logbook.write("api-1", "one")
    logbook.write("gateway-1", "two")
    logbook.close()
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "api-1.log": "one\n",
        "gateway-1.log": "two\n",
    }


def test_nobody_else_on_the_machine_reads_a_log(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir(mode=0o755)
    (folder / "api-1.log").write_text("of a run before")
    (folder / "api-1.log").chmod(0o644)
    logbook = Logbook(folder, largest_bytes=10)
    for _ in range(3):
        logbook.write("api-1", "a line that is long enough")
    logbook.close()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert len(list(folder.iterdir())) == 2


def test_a_full_log_is_set_aside_once_and_never_grows_beyond_twice_the_bound(tmp_path: Path) -> None:
    logbook = Logbook(tmp_path, largest_bytes=100)
    for number in range(100):
        logbook.write("api-1", f"line {number}")
    logbook.close()
    assert {path.name for path in tmp_path.iterdir()} == {"api-1.log", "api-1.log.1"}
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 220
    assert (tmp_path / "api-1.log").read_text().endswith("line 99\n")


def test_files_that_are_not_of_a_run_are_kept_by_the_next_one_and_at_the_end(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    (tmp_path / "precious").write_text("mine")
    (folder / "my-notes.log").write_text("mine")
    (folder / "api-1.log.backup").write_text("mine")
    (folder / "api-2.log").symlink_to(tmp_path / "precious")
    logbook = Logbook(folder)
    logbook.write("api-1", "one")
    logbook.remove()
    assert {path.name for path in folder.iterdir()} == {"my-notes.log", "api-1.log.backup", "api-2.log"}
    assert (tmp_path / "precious").read_text() == "mine"


def test_an_empty_folder_goes_with_its_logs(tmp_path: Path) -> None:
    logbook = Logbook(tmp_path / "logs")
    logbook.write("valkey", "one")
    logbook.remove()
    assert list(tmp_path.iterdir()) == []
