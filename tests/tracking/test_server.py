"""A real tracking server with artifact proxying: what it keeps, and what its absence does."""

import contextlib
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request

import pytest
from mlflow.exceptions import MlflowException
from recorded_notebooks import wait_for
from tracking.test_aliases import write_nothing

from lib import RUNS
from lib.config.check import Check
from lib.config.train import Train
from lib.tracking import registry, session, store


class Server:
    """`mlflow server` on a port of its own, over a database in `folder`."""

    def __init__(self, folder):
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        store.client()
        shutil.copy(RUNS / "mlflow.db", folder)  # its tables: to make them takes long
        with sqlite3.connect(folder / "mlflow.db") as database:
            place = "'mlflow-artifacts:/' || experiment_id"
            database.execute(f"UPDATE experiments SET artifact_location = {place}")
        database.close()
        self.start()

    def start(self):
        words = ["--host", "127.0.0.1", "--port", str(self.port), "--workers", "1"]
        words += ["--backend-store-uri", f"sqlite:///{self.folder}/mlflow.db"]
        with (self.folder / "log").open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "mlflow", "server", *words],
                cwd=self.folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_for(self.answers, 180)

    def answers(self):
        try:
            return urllib.request.urlopen(f"{self.address}/health").status == 200
        except OSError:
            return False

    def kill(self):
        with contextlib.suppress(ProcessLookupError):  # killed already
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@pytest.fixture(scope="module")
def started(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("server"))
    yield server
    server.kill()


@pytest.fixture
def server(started, monkeypatch):
    """The server, which is the store of this test."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", started.address)
    # A run that is left open there must not be closed in the store of other tests.
    monkeypatch.setattr(session, "_current", None)
    return started


def test_a_server_keeps_runs_and_artifacts(server):
    run, _ = session.start("served", Check)
    run.text("checkpoints/best.pt", "weights")
    run.finish()
    assert store.find("latest", "served") == run.id
    assert store.download(run.id, "checkpoints/best.pt").read_text() == "weights"
    (stored,) = server.folder.rglob(f"{run.id}/artifacts/checkpoints/best.pt")
    assert stored.read_text() == "weights" and not (RUNS / "artifacts" / run.id).exists()


def test_a_server_keeps_models_and_their_aliases(server):
    run, _ = session.start("train", Train, {"corpus": "served"})
    run.tags({"manifest_sha256": "served"})
    run.metrics({"best/selection": 0.5, "valid/visqol": 3.0}, step=2)
    shipped = registry.log_model(write_nothing, "the shipped weights")
    version = registry.log_model(write_nothing, "abc", run.id, step=2)
    run.finish()
    assert shipped.run_id in (None, "")
    assert store.find("best") == run.id
    assert store.client().get_model_version_by_alias("retimbre", "best").version == version.version
    place = store.client().get_model_version_download_uri("retimbre", version.version)
    assert place.startswith("mlflow-artifacts:/") and list(server.folder.rglob("MLmodel"))


def test_a_server_that_is_killed_for_a_while_is_waited_for_and_loses_nothing(server, capfd):
    run, _ = session.start("killed", Check)
    run.metrics({"valid/lsd_db": 1.0}, step=1)
    server.kill()

    def log():
        run.metrics({"valid/lsd_db": 2.0}, step=2)
        run.text("note.txt", "kept")

    work = threading.Thread(target=log)
    work.start()
    time.sleep(1)
    server.start()
    work.join(60)
    run.finish()
    history = store.client().get_metric_history(run.id, "valid/lsd_db")
    assert [(value.step, value.value) for value in history] == [(1, 1.0), (2, 2.0)]
    assert store.download(run.id, "note.txt").read_text() == "kept"
    told = capfd.readouterr().err
    assert told.count(f"no answer from the tracking server {server.address}: waiting for it") == 1


def test_a_server_that_stays_away_leaves_a_run_that_says_how_to_go_on(server, monkeypatch, capsys):
    run, _ = session.start("gone", Check)
    server.kill()
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    with pytest.raises(MlflowException, match="Max retries exceeded") as failure:
        run.metrics({"valid/lsd_db": 1.0}, step=1)
    run.fail(failure.value)
    said = f"{server.address} does not answer, so the run {run.id} could not be closed"
    assert said in capsys.readouterr().out and not run.is_open
