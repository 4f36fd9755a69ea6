"""The command of `make ui`: MLflow's UI over the store of the runs, until Ctrl-C.

python -m lib.tracking.ui 5000
"""

import os
import signal
import socket
import subprocess
import sys

HOST = "127.0.0.1"
LAST_PORT = 65_535
PATIENCE_S = 5.0  # that a server has for ending by itself
# The runs and curves of `train`: its experiment has the same number in every store.
TRAIN_PAGE = "#/experiments/4/runs?workflowType=machine_learning&compareRunsMode=CHART"


def main(port: int) -> int:
    """Serve the UI at `port`; the exit status.

    Raises:
        SystemExit: the port is in use; the message says what to do.
    """
    address = f"http://{HOST}:{port}"
    with socket.socket() as probe:
        # As servers do: a port that was left a moment ago is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise SystemExit(
                f"port {port}: {error.strerror}. If the UI runs already, open {address};"
                f" `make ui PORT={port + 1}` starts another one"
            ) from None
    # Ends this process like Ctrl-C, so that the server ends with it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    server = None
    try:
        # Imported here, so that Ctrl-C ends it quietly at any moment.
        from lib import RUNS
        from lib.tracking import sqlite, store

        store.client()  # makes the store, or follows its folder
        store.follow_best()  # a run may have been deleted since
        print(f"training runs and charts: {address}/{TRAIN_PAGE}", flush=True)
        command = [sys.executable, "-m", "mlflow", "ui", "--host", HOST, "--port", str(port)]
        uri = {"MLFLOW_BACKEND_STORE_URI": sqlite.patient(store.uri())}
        environment = os.environ | uri | {"MLFLOW_DISABLE_TELEMETRY": "true"}
        # In a session of its own: Ctrl-C reaches this process alone, and ends the server below.
        server = subprocess.Popen(
            [*command, "--workers", "1"], cwd=RUNS, env=environment, start_new_session=True
        )
        return server.wait()
    except KeyboardInterrupt:
        if server is not None:
            end(server)
        return 130  # what a shell tells after Ctrl-C


def end(server: subprocess.Popen) -> None:
    """End the server and all its processes, if need be without their consent."""
    os.killpg(server.pid, signal.SIGTERM)
    try:
        server.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def port_from(words: list[str]) -> int:
    """The port that was typed.

    Raises:
        SystemExit: it is not one number from 1 to 65535.

    >>> port_from(["5001"])
    5001
    """
    text = " ".join(words)
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= LAST_PORT):
        example = "`make ui PORT=5001`"
        raise SystemExit(f"port {text!r}: expected a number from 1 to {LAST_PORT}, like {example}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main(port_from(sys.argv[1:])))
