"""The database of the runs: odd paths, a lock that is held for long, folders that move."""

import shutil
import sqlite3
import subprocess
import sys

import pytest

from lib import RUNS
from lib.config.check import Check
from lib.tracking import session, sqlite, store

ODD = "a?b 50%20 ü#;&c=d"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with a store, an experiment `moving` and a run that has an artifact; its id."""
    folder = tmp_path_factory.mktemp("stores") / ODD
    client = store.open_store(sqlite.address_of(folder / "mlflow.db"))
    place = sqlite.artifacts_beside(folder / "mlflow.db")
    experiment_id = client.create_experiment("moving", artifact_location=place)
    client.create_experiment("elsewhere", artifact_location="file:///data/mine")
    run_id = client.create_run(experiment_id).info.run_id
    client.log_text(run_id, "weights", "best.pt")
    model = client.create_logged_model(experiment_id, "model", run_id)
    client.create_registered_model("moving")
    client.create_model_version("moving", model.artifact_location, run_id)
    return folder, run_id


@pytest.mark.parametrize("name", ["a b", "ü", "50%", "a%20b", "a?b", "a#b", "a;b&c=d", ODD])
def test_the_address_of_a_path_is_that_of_the_path(name, tmp_path):
    path = tmp_path / name / "mlflow.db"
    address = sqlite.address_of(path)
    assert sqlite.path_of(address) == sqlite.path_of(sqlite.patient(address)) == path


def test_a_store_lies_where_its_path_says_and_nowhere_else(made):
    folder, run_id = made
    assert [path.name for path in folder.parent.iterdir()] == [ODD]
    assert sorted(path.name for path in folder.iterdir()) == ["artifacts", "mlflow.db"]
    assert (folder / "artifacts" / run_id / "artifacts" / "best.pt").read_text() == "weights"


def test_other_stores_have_no_path():
    for address in (
        "http://localhost:5000",
        "postgresql://host/db",
        "file:///data",
        "/data",
        "sqlite:///:memory:",
    ):
        assert sqlite.path_of(address) is None and sqlite.patient(address) == address


def test_a_database_that_is_locked_is_waited_for():
    run, _ = session.start("locked", Check)
    code = [
        "import sqlite3, sys, time",
        "database = sqlite3.connect(sys.argv[1], isolation_level=None)",
        "database.execute('BEGIN EXCLUSIVE')",
        "print('locked', flush=True)",
        "time.sleep(6)",  # sqlite3 gives up after 5 s
    ]
    command = [sys.executable, "-c", "\n".join(code), str(RUNS / "mlflow.db")]
    holder = subprocess.Popen(command, stdout=subprocess.PIPE)
    holder.stdout.readline()
    run.metrics({"valid/lsd_db": 1.0})
    assert holder.wait() == 0
    run.finish()
    assert store.client().get_run(run.id).data.metrics == {"valid/lsd_db": 1.0}


def test_a_store_that_was_copied_has_its_own_artifacts(made, tmp_path):
    folder, run_id = made
    copied = tmp_path / "copied"
    shutil.copytree(folder, copied)
    client = store.open_store(sqlite.address_of(copied / "mlflow.db"))
    address = client.get_run(run_id).info.artifact_uri
    assert address == (copied / "artifacts" / run_id / "artifacts").as_uri()
    experiment_id = client.get_experiment_by_name("moving").experiment_id
    (model,) = client.search_logged_models([experiment_id])
    assert model.artifact_location.startswith((copied / "artifacts" / "models").as_uri())
    (version,) = client.search_model_versions("name = 'moving'")
    place = client.get_model_version_download_uri("moving", version.version)
    assert version.source == place == model.artifact_location
    second = client.create_run(experiment_id).info
    client.log_text(second.run_id, "more", "best.pt")
    assert (copied / "artifacts" / second.run_id / "artifacts" / "best.pt").exists()
    assert not (folder / "artifacts" / second.run_id).exists()
    mine = client.get_experiment_by_name("elsewhere")
    assert mine.artifact_location == "file:///data/mine"


def test_a_database_without_artifacts_beside_it_keeps_their_old_place(made, tmp_path):
    folder, run_id = made
    shutil.copy(folder / "mlflow.db", tmp_path)
    sqlite.follow_move(tmp_path / "mlflow.db")
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        (address,) = database.execute("SELECT artifact_uri FROM runs").fetchone()
    assert address == (folder / "artifacts" / run_id / "artifacts").as_uri()
