"""The lock for numba: one for all folders of runs, held by one process at a time."""

import os
import subprocess
import sys

import pytest
from filelock import Timeout

from lib import REPO
from lib.runtime.compile_lock import compile_lock

ASK = """
from filelock import Timeout
from lib.runtime.compile_lock import compile_lock
try:
    with compile_lock().acquire(timeout=0.1):
        print("free")
except Timeout:
    print("held")
"""


def ask(runs):
    environment = os.environ | {"RETIMBRE_RUNS": str(runs)}
    command = [sys.executable, "-c", ASK]
    return subprocess.run(command, cwd=REPO, env=environment, capture_output=True, text=True).stdout


def test_a_process_with_another_folder_of_runs_waits_for_it(tmp_path):
    with compile_lock():
        assert ask(tmp_path / "a") == "held\n"
    assert ask(tmp_path / "b") == "free\n"


def test_it_is_held_once(tmp_path):
    with compile_lock(), pytest.raises(Timeout):
        compile_lock().acquire(timeout=0.05)
