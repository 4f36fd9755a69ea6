"""What the machine has: said before anything is installed."""

import os
import subprocess
import sys

import pytest

import lib
from lib.runtime import doctor

SUBJECTS = [
    *("Python", "compiler", "make", "git", "disk", "runs", "memory", "processor", "CUDA"),
    *("Chromium", "npm", "network"),
]


def run_doctor(*flags: str, **environment: str) -> subprocess.CompletedProcess:
    command = [sys.executable, *flags, "-m", "lib.runtime.doctor"]
    given = os.environ | environment
    return subprocess.run(command, cwd=lib.REPO, env=given, capture_output=True, text=True)


def test_it_runs_without_any_package_and_says_a_line_for_each_subject(tmp_path):
    # -S: no site-packages.
    done = run_doctor("-S", RETIMBRE_RUNS=str(tmp_path / "runs"))
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert [line[9:22].strip() for line in lines] == SUBJECTS
    assert {line.split()[0] for line in lines} <= {"ok", "note", "missing"}
    assert str(tmp_path / "runs") in done.stdout


def test_what_is_missing_is_named_with_what_to_do_and_the_status_is_1(tmp_path):
    done = run_doctor(PATH=str(tmp_path))
    assert done.returncode == 1
    assert "missing  compiler      no cc or gcc: apt install build-essential" in done.stdout
    assert "note     Chromium      no chromium: apt install chromium" in done.stdout


def test_too_small_a_disk_is_missing_and_says_how_much_is_needed(monkeypatch):
    monkeypatch.setattr(doctor, "RUNS_GB", 1e6)
    runs = {finding.subject: finding for finding in doctor.examine()}["runs"]
    assert runs.state == "missing" and runs.advice == "1e+06 GB are needed"
    assert "GB free for" in runs.found


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_to_is_named(tmp_path):
    tmp_path.chmod(0o500)
    done = run_doctor(RETIMBRE_RUNS=str(tmp_path / "runs"))
    assert f"{tmp_path / 'runs'} cannot be written to: set RETIMBRE_RUNS" in done.stdout


def test_values_of_the_environment_are_not_printed():
    assert "secret" not in run_doctor(HTTPS_PROXY="http://user:secret@proxy:80").stdout
