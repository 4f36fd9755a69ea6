"""A file appears whole or not at all, and the reason is told."""

import errno
import fcntl
import os
import threading
from pathlib import Path

import pytest
from signals import file_size_limit

from lib.runtime.whole_file import remove_abandoned, whole_file


def test_a_file_appears_when_all_is_written(tmp_path):
    path = tmp_path / "new" / "a"
    with whole_file(path) as file:
        file.write(b"1234")
        file.seek(0)
        file.write(b"one")
        assert not path.exists()
    assert path.read_bytes() == b"one4"
    assert [file.name for file in path.parent.iterdir()] == ["a"]


@pytest.mark.parametrize("n_bytes", [0, 1, 4_096, 99_999])
def test_a_write_that_fails_raises_even_if_nobody_looks_at_its_result(tmp_path, n_bytes):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with pytest.raises(OSError, match=f"File too large: '{path}'") as caught:
        with file_size_limit(n_bytes), whole_file(path) as file:
            assert file.write(bytes(100_000)) == n_bytes
            # There would be room at the start, but a file with a hole is not whole.
            file.seek(0)
            assert file.write(b"header") == 0
            raise RuntimeError("what a library makes of it")
    assert caught.value.errno == errno.EFBIG
    assert path.read_bytes() == b"old" and len(list(tmp_path.iterdir())) == 1


def test_an_error_of_the_caller_is_passed_on_and_leaves_the_former_file(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with pytest.raises(ValueError, match="broken"), whole_file(path) as file:
        file.write(b"new")
        raise ValueError("broken")
    assert path.read_bytes() == b"old" and len(list(tmp_path.iterdir())) == 1


def test_two_who_write_the_same_file_do_not_mix_and_the_last_one_stays(tmp_path):
    path, barrier = tmp_path / "a", threading.Barrier(2)

    def fill(value: bytes) -> None:
        with whole_file(path) as file:
            for _ in range(100):
                file.write(value)
            barrier.wait()

    threads = [threading.Thread(target=fill, args=(value,)) for value in (b"a", b"bb")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_bytes() in (b"a" * 100, b"bb" * 100)
    assert len(list(tmp_path.iterdir())) == 1


def test_a_name_may_be_as_long_as_names_can_be(tmp_path):
    path = tmp_path / (255 * "n")
    with whole_file(path) as file:
        file.write(b"1")
    assert path.read_bytes() == b"1"


def test_an_error_names_the_file_and_not_its_hidden_part(tmp_path):
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "folder").mkdir()
    for path, kind, reason in (
        (tmp_path / "file" / "a", NotADirectoryError, f"{tmp_path / 'file'} is a file"),
        (tmp_path / "file" / "b" / "a", NotADirectoryError, "Not a directory"),
        (tmp_path / "folder", IsADirectoryError, "Is a directory"),
        (Path("/proc/self/a"), OSError, ""),
    ):
        with pytest.raises(kind) as caught, whole_file(path) as file:
            file.write(b"new")
        assert caught.value.filename == str(path) and ".part" not in str(caught.value)
        assert reason in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path):
    kept = ["a.part", ".b.part", ".1_0123456.part", ".2_01234567.part", ".3_01234567.part"]
    for name in [*kept, ".4_01234567.part"]:
        (tmp_path / name).write_bytes(b"some")
        os.utime(tmp_path / name, (0, 0))
    os.utime(tmp_path / ".2_01234567.part")  # written just now
    with open(tmp_path / ".3_01234567.part") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with whole_file(tmp_path / "new") as file:
            [own] = {path.name for path in tmp_path.iterdir()} - {*kept}
            file.write(b"1")
            os.utime(tmp_path / own, (0, 0))
            remove_abandoned.__wrapped__(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {*kept, "new"}
