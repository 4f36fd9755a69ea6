"""Progress in a log: few lines, the last one when it is done. (Notebooks: tests/tracking.)"""

import io
import re
from types import SimpleNamespace

import pytest

from lib.runtime import progress as progress_module
from lib.runtime.progress import echo, progress


def test_a_log_gets_one_line_when_it_is_done(capsys):
    assert list(progress(range(3), "letters")) == [0, 1, 2]
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("letters: 3/3 [00:00<00:00")


def test_a_bar_within_another_leaves_no_line(capsys):
    for _ in progress(range(2), "outer"):
        list(progress(range(2), "inner"))
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("outer: 2/2")


def test_a_long_loop_writes_a_line_now_and_then(capsys, monkeypatch):
    monkeypatch.setattr(progress_module, "LINE_PERIOD", 0.0)
    list(progress(iter("abc"), "letters", total=3))
    lines = capsys.readouterr().err.splitlines()
    assert [line.split()[1] for line in lines] == ["1/3", "2/3", "3/3"]


def test_items_of_before_count_and_a_note_stands_beside(capsys):
    list(progress("ab", "letters", total=5, n_done=3, note=lambda: "loss 0.5"))
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("letters: 5/5") and "loss 0.5" in line


class Screen(io.StringIO):
    def isatty(self):
        return True


def estimates(monkeypatch, file, seconds):
    """What a bar of items that take `seconds` shows: (done, elapsed, remaining) each time."""
    now = [0.0]

    def items():
        for duration in seconds:
            now[0] += duration
            yield duration

    monkeypatch.setattr("tqdm.std.time", lambda: now[0])
    monkeypatch.setattr(progress_module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(progress_module, "terminal", lambda: file)
    list(progress(items(), "scores", len(seconds)))
    return re.findall(r" (\d+)/\d+ \[([\d:]+)<([\d:?]+)", file.getvalue())


@pytest.mark.parametrize("file", [Screen, io.StringIO])
def test_a_slow_first_item_of_many_promises_no_hours(monkeypatch, file):
    """A minute to compile and to load, then 99 items in 99 s."""
    *between, last = estimates(monkeypatch, file(), [60.0] + [1.0] * 99)
    between = [shown for shown in between if shown[2] != "?" and int(shown[0]) < 90]
    assert last == ("100", "02:39", "00:00") and len(between) > 4
    for done, _, remaining in between:
        minutes, seconds = remaining.split(":")
        assert 0.4 <= (60 * int(minutes) + int(seconds)) / (100 - int(done)) <= 1.1


@pytest.mark.parametrize("file", [Screen, io.StringIO])
def test_the_first_of_few_items_gives_an_estimate(monkeypatch, file):
    shown = estimates(monkeypatch, file(), [60.0] * 12)
    assert ("1", "01:00", "11:00") in shown and shown[-1] == ("12", "12:00", "00:00")


def test_an_error_in_the_loop_closes_the_bar(capsys):
    with pytest.raises(ZeroDivisionError):
        for _ in progress(range(3), "letters"):
            _ = 1 / 0
    assert progress_module._open_bars == []
    assert "letters: 0/3" in capsys.readouterr().err


def test_of_several_processes_the_first_alone_prints(capsys, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    echo("hello")
    assert list(progress("abc", "letters")) == ["a", "b", "c"]
    assert capsys.readouterr() == ("", "")
    monkeypatch.setenv("RANK", "0")
    echo("hello")
    assert capsys.readouterr().out == "hello\n"
