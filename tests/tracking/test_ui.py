"""`make ui`: from any environment, once at a port, and until Ctrl-C.

That the UI shows the runs is tested in `tests/test_browser.py`.
"""

import signal
import socket
import subprocess
import sys
import time

import pytest

from lib import REPO
from lib.tracking import ui


def test_a_port_in_use_is_named_with_another_one():
    with socket.socket() as taken:
        taken.bind((ui.HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        message = (
            f"port {port}: Address already in use.*open http://127.0.0.1:{port}.*PORT={port + 1}"
        )
        with pytest.raises(SystemExit, match=message):
            ui.main(port)


@pytest.mark.parametrize("words", [[], ["abc"], ["-1"], ["0"], ["65536"], ["5.0"], ["1", "2"]])
def test_what_is_no_port_is_refused_with_what_is_one(words):
    """It was a traceback, or an error of the system about a number."""
    with pytest.raises(SystemExit, match=r"^port '.*': expected a number from 1 to 65535"):
        ui.port_from(words)
    assert ui.port_from(["65535"]) == 65535


@pytest.mark.parametrize("environment", ["/opt/venv", ".venv"])
def test_make_starts_it_from_a_relative_and_an_absolute_environment(environment):
    command = ["make", "-n", "--no-print-directory", "ui", f"VENV={environment}", "PORT=7"]
    words = subprocess.run(command, cwd=REPO, capture_output=True, text=True).stdout
    assert words.splitlines()[-1] == f"{environment}/bin/python -m lib.tracking.ui 7"


def test_ctrl_c_while_it_starts_leaves_no_traceback():
    with socket.socket() as free:
        free.bind((ui.HOST, 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "lib.tracking.ui", str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=REPO,
        # A shell's background job ignores Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    time.sleep(1)  # it imports MLflow
    process.send_signal(signal.SIGINT)
    assert "Traceback" not in process.communicate(timeout=60)[0]
    # For a shell both are 130; the signal itself ends Python before it runs any of our lines.
    assert process.returncode in (130, -signal.SIGINT)
