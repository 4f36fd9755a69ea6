"""Jobs: which files a command will write, what is refused before any work, and the report."""

import os
from pathlib import Path

import pytest
from signals import voiced, write

from lib.audio import files
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
        Job(source / "a/one.wav", target / "a/one.wav", resumes=True),
        Job(source / "two.flac", target / "two.flac", resumes=True),
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


def test_a_folder_around_the_source_gets_its_tree(folder):
    """It was "no audio files": all of them lie below the target."""
    assert [job.target.relative_to(folder) for job in jobs.find_jobs(folder / "in", folder)] == [
        Path("a/one.wav"),
        Path("two.flac"),
    ]


def test_a_target_that_is_another_recording_is_refused(folder):
    write(folder / "in" / "in" / "a" / "one.wav", voiced(0.1, 1))
    with pytest.raises(ValueError, match=r"in/a/one\.wav: is one of the recordings"):
        jobs.find_jobs(folder / "in", folder)


def test_a_target_that_is_a_noisy_original_is_refused(folder):
    """It took the originals for targets that an earlier run had written, or replaced them."""
    enhanced, noisy = folder / "in", folder / "noisy"
    for name in ("a/one.wav", "two.flac"):
        write(noisy / name, voiced(0.1, 1))
    (folder / "link").symlink_to(noisy)
    for target in (noisy, folder / "link"):
        with pytest.raises(ValueError, match=r"a/one\.wav: is one of the recordings"):
            jobs.find_jobs(enhanced, target, noisy)
    [single] = jobs.find_jobs(enhanced / "two.flac", noisy, noisy / "two.flac")
    for job in (
        single,
        Job(enhanced / "a/one.wav", folder / "link/a/one.wav", noisy / "a/one.wav"),
    ):
        with pytest.raises(ValueError, match="is the noisy original itself; name another target"):
            jobs.check_job(job, overwrite=True)


def test_links_count_and_one_to_nothing_is_named(folder):
    (folder / "in" / "linked").symlink_to("a")
    (folder / "in" / "a" / "loop").symlink_to("..")
    (folder / "in" / "gone.wav").symlink_to("nowhere.wav")
    (folder / "in" / "self.wav").symlink_to("self.wav")
    todo = jobs.find_jobs(folder / "in", folder / "out")
    names = [job.target.relative_to(folder / "out").as_posix() for job in todo]
    assert names == ["a/one.wav", "gone.wav", "linked/one.wav", "self.wav", "two.flac"]
    for job in (todo[1], todo[3]):
        with pytest.raises(files.AudioError, match="there is no such file"):
            jobs.check_job(job, overwrite=False)


@pytest.mark.parametrize(
    "seconds, later, is_done", [(0.1, True, True), (0.1, False, False), (0.05, True, False)]
)
def test_a_target_is_done_if_it_is_as_long_as_its_source_and_newer(folder, seconds, later, is_done):
    job = jobs.find_jobs(folder / "in", folder / "out")[0]
    write(job.target, voiced(seconds, 1))
    now = job.source.stat().st_mtime
    os.utime(job.target, (now, now + (1 if later else -1)))
    info = files.info(job.source)
    assert jobs.is_done(job, info) == is_done
    assert not jobs.is_done(job._replace(resumes=False), info)
    if not is_done:
        with pytest.raises(ValueError, match="exists; --overwrite or"):
            jobs.check_job(job, overwrite=False)


def test_a_target_that_is_a_folder_is_refused(folder):
    job = Job(folder / "one.wav", folder / "in")
    with pytest.raises(ValueError, match="in: is a folder"):
        jobs.check_job(job, overwrite=True)


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
        ("in", "new.wav", None, "new.wav: is named like a file, expected a folder"),
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
    there = Outcome("d.wav", "x/d.wav", seconds=30.0, existed=True)
    assert jobs.report([*outcomes, there]).splitlines()[-2:] == [
        "2 of 4 restored, 90.0 s in 6.0 s",
        "restored by an earlier command, maybe with other options: 1;"
        " --overwrite or -p overwrite true does them again",
    ]
    assert jobs.report([]) == "0 of 0 restored"


def test_a_report_can_be_printed_whatever_the_names():
    job = Job(Path("caf\udce9.wav"), Path("x/caf\udce9.wav"))
    outcomes = [jobs.failed(job, ValueError("broken")), Outcome("", str(job.target), n_clipped=1)]
    lines = jobs.report(outcomes).encode().decode().splitlines()
    assert lines[0] == r"not restored: caf\xe9.wav: broken" and lines[1].startswith(
        r"x/caf\xe9.wav: 1"
    )
