"""Jobs: which files a command will write, what is refused before any work, and the report."""

import pytest
from signals import voiced, write

from lib.inference import jobs
from lib.inference.jobs import Job, Outcome


@pytest.fixture
def folder(tmp_path):
    """`in` with two recordings and a text, and `one.wav` beside it."""
    for name in ("in/a/one.wav", "in/two.flac", "one.wav"):
        write(tmp_path / name, voiced(0.1, 0))
    (tmp_path / "in" / "notes.txt").write_text("no audio")
    return tmp_path


def test_a_folder_keeps_its_tree(folder):
    source, target = folder / "in", folder / "out"
    assert jobs.find_jobs(source, target) == [
        Job(source / "a/one.wav", target / "a/one.wav"),
        Job(source / "two.flac", target / "two.flac"),
    ]
    noisy = folder / "in"
    assert [job.noisy for job in jobs.find_jobs(source, target, noisy)] == [
        noisy / "a/one.wav",
        noisy / "two.flac",
    ]


def test_a_target_below_the_source_is_no_source(folder):
    write(folder / "in" / "restored" / "two.flac", voiced(0.1, 1))
    found = jobs.find_jobs(folder / "in", folder / "in" / "restored")
    assert [job.source.name for job in found] == ["one.wav", "two.flac"]


def test_a_file_goes_into_a_folder_that_exists(folder):
    assert jobs.find_jobs(folder / "one.wav", folder / "in") == [
        Job(folder / "one.wav", folder / "in" / "one.wav")
    ]


@pytest.mark.parametrize(
    "source, target, noisy, message",
    [
        ("none", "out", None, "none: no such file or folder"),
        ("in", "in", None, "is the source itself; name another folder"),
        ("in", "one.wav", None, "one.wav: is a file, expected a folder"),
        ("in", "out", "one.wav", "one.wav: expected a folder, as .*in is one"),
        ("one.wav", "out.wav", "in", "in: expected a file, as .*one.wav is one"),
        ("empty", "out", None, "empty: no audio files"),
    ],
)
def test_paths_that_do_not_fit_are_refused(folder, source, target, noisy, message):
    (folder / "empty").mkdir()
    with pytest.raises(ValueError, match=message):
        jobs.find_jobs(folder / source, folder / target, noisy and folder / noisy)


def test_an_original_of_another_length_is_refused(folder):
    noisy = write(folder / "short.wav", voiced(0.05, 0))
    job = Job(folder / "one.wav", folder / "out.wav", noisy)
    with pytest.raises(ValueError, match="1 channels, 2400 samples; expected 48000 Hz, 1, 4800"):
        jobs.check_job(job, overwrite=False)


def test_a_report_names_problems_and_counts_the_rest():
    outcomes = [
        Outcome("a.wav", "x/a.wav", seconds=60.0, took_s=4.0),
        Outcome("b.wav", "x/b.wav", problem="b.wav: not readable as audio"),
        Outcome("c.wav", "x/c.wav", seconds=30.0, took_s=2.0, n_clipped=3),
    ]
    assert jobs.report(outcomes).splitlines() == [
        "not restored: b.wav: not readable as audio",
        "x/c.wav: 3 samples were beyond full scale and are clipped",
        "2 of 3 restored, 90.0 s in 6.0 s",
    ]
    assert jobs.report([]) == "0 of 0 restored"
