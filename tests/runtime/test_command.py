"""What a command says in one line: the interpreter lacks a package, or Ctrl-C while it imports."""

import signal
import subprocess
import sys
from functools import partial

import pytest

from lib import REPO
from lib.runtime.command import STOPPED, importing

COMMANDS = ["restore", "sweep", "train", "inference.logged_model", "training.release"]


@pytest.mark.parametrize("command", COMMANDS)
def test_without_the_environment_a_command_says_how_to_get_it(command):
    # -S: nothing but Python itself, as in a shell whose environment was forgotten.
    words = [sys.executable, "-S", "-m", f"lib.{command}", "noisy.wav", "restored.wav"]
    done = subprocess.run(words, cwd=REPO, capture_output=True, text=True)
    assert done.returncode == 1 and done.stdout == ""
    assert " is missing in " in done.stderr and "`source .venv/bin/activate`" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", ["restore", "sweep", "train"])
def test_ctrl_c_during_the_imports_is_one_line_and_the_status_of_shells(command):
    # Python names each module on standard error when it has been imported.
    words = [sys.executable, "-X", "importtime", "-m", f"lib.{command}", "noisy.wav", "out.wav"]
    # As in a terminal, also where these tests run in the background, which ignores Ctrl-C.
    options = {"preexec_fn": partial(signal.signal, signal.SIGINT, signal.SIG_DFL)}
    process = subprocess.Popen(words, cwd=REPO, stderr=subprocess.PIPE, text=True, **options)
    for line in process.stderr:
        if line.split()[-1] == "lib.runtime.command":
            break
    # Another module: now the command's own imports are under way.
    process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate()
    said = [line for line in rest.splitlines() if not line.startswith("import time:")]
    assert said == ["stopped"] and process.returncode == STOPPED


@pytest.mark.parametrize("name, module", [("lib.restore", "not_installed"), ("__main__", "lib.no")])
def test_a_module_that_is_imported_and_a_module_of_ours_keep_their_error(name, module):
    with pytest.raises(ModuleNotFoundError, match=module), importing(name):
        __import__(module)
