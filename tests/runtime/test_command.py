"""What a command says in one line: the interpreter lacks a package."""

import subprocess
import sys

import pytest

from lib import REPO
from lib.runtime.command import importing


@pytest.mark.parametrize("command", ["restore", "sweep", "train"])
def test_without_the_environment_a_command_says_how_to_get_it(command):
    # -S: nothing but Python itself, as in a shell whose environment was forgotten.
    words = [sys.executable, "-S", "-m", f"lib.{command}", "noisy.wav", "restored.wav"]
    done = subprocess.run(words, cwd=REPO, capture_output=True, text=True)
    assert done.returncode == 1 and done.stdout == ""
    assert " is missing in " in done.stderr and "`source .venv/bin/activate`" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("name, module", [("lib.restore", "not_installed"), ("__main__", "lib.no")])
def test_a_module_that_is_imported_and_a_module_of_ours_keep_their_error(name, module):
    with pytest.raises(ModuleNotFoundError, match=module), importing(name):
        __import__(module)
