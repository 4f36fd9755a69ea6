"""Where runs are kept, and how they are found again."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from mlflow.exceptions import MlflowException

from lib.config.check import Check
from lib.config.models import MODELS
from lib.config.train import Train
from lib.tracking import session, store


def test_latest_is_the_newest_finished_and_best_scores_highest_on_the_same_pairs():
    ids = []
    for pairs, score in [("old", 0.9), ("new", 0.4), ("new", 0.2)]:
        run, _ = session.start("picked", Check)
        run.tags({"manifest_sha256": pairs})
        run.metrics({"best/selection": score})
        run.finish()
        ids.append(run.id)
    unfinished, _ = session.start("picked", Check)
    assert store.find("latest", "picked") == ids[2]
    assert store.find("best", "picked") == ids[1]
    assert store.find(unfinished.id, "picked") == unfinished.id
    with pytest.raises(store.NoRunError, match="a run of picked, expected one of train"):
        store.find(ids[0])
    with pytest.raises(store.NoRunError, match="no FINISHED run of nothing"):
        store.find("latest", "nothing")
    with pytest.raises(store.NoRunError, match="no artifact checkpoints"):
        store.download(ids[0], "checkpoints/best.pt")
    unfinished.finish()


def test_a_run_of_before_is_best_only_if_no_run_was_judged(capsys):
    old, _ = session.start("mixed", Check)
    old.metrics({"best/gap_closed": 0.9})
    old.finish()
    assert store.find("best", "mixed") == old.id
    assert "no run has best/selection" in capsys.readouterr().err
    judged, _ = session.start("mixed", Check)
    judged.metrics({"best/gap_closed": 0.1, "best/selection": -0.2})
    judged.finish()
    assert store.find("best", "mixed") == judged.id
    assert capsys.readouterr().err == ""


def finished_run(name, score, given, **tags):
    run, _ = session.start(name, Train, given)
    run.tags(tags)
    run.metrics({"best/selection": score})
    run.finish()
    return run.id


def test_a_run_that_was_judged_on_other_items_is_no_rival(capsys):
    few = finished_run("rivals", 0.9, {"n_valid_scored": 8}, manifest_sha256="a")
    best = finished_run("rivals", 0.4, {"n_valid_scored": 32}, manifest_sha256="a")
    finished_run("rivals", 0.2, {"n_valid_scored": 32}, manifest_sha256="a")
    # Neither a sweep's children nor another corpus win by that they are newer.
    for tags in [{"manifest_sha256": "a", "mlflow.parentRunId": "0"}, {"manifest_sha256": "b"}]:
        tags |= {"mlflow.parentRunId": "0"}
        finished_run("rivals", 0.8, {"n_valid_scored": 8}, **tags)
    assert store.find("best", "rivals") == best
    assert "2 runs are comparable; 3 were judged on others than 32" in capsys.readouterr().err
    newest = finished_run("rivals", 0.1, {"n_valid_scored": 8}, manifest_sha256="a")
    assert store.find("best", "rivals") == few != newest


def test_a_sweep_s_child_is_best_if_it_was_judged_alike():
    finished_run("swept", 0.1, {}, manifest_sha256="a")
    child = finished_run("swept", 0.2, {}, manifest_sha256="a", **{"mlflow.parentRunId": "0"})
    assert store.find("best", "swept") == child


def test_best_needs_a_score():
    run, _ = session.start("unscored", Check)
    run.finish()
    with pytest.raises(store.NoRunError, match=r"none of 1 FINISHED runs of unscored .* has best/"):
        store.find("best", "unscored")


def test_a_deleted_run_is_not_found():
    run, _ = session.start("deleted", Check)
    run.finish()
    store.client().delete_run(run.id)
    with pytest.raises(store.NoRunError, match="this run was deleted"):
        store.find(run.id, "deleted")


def test_the_parameters_of_an_old_run_have_their_current_names():
    run, _ = session.start("renamed", Check)
    run.text("parameters.json", json.dumps({"epochs": 3, "high_weight": 2.0}))
    run.finish()
    assert store.parameters(run.id) == {"epochs": 3, "high_band_weight": 2.0}


def test_four_starts_at_once_on_an_empty_store_all_live(tmp_path):
    code = [
        "from lib.config.check import Check",
        "from lib.tracking import session",
        "run, p = session.start('crowd', Check)",
        "run.finish()",
    ]
    command = [sys.executable, "-c", "\n".join(code)]
    environment = os.environ | {"RETIMBRE_RUNS": str(tmp_path / "runs")}
    crowd = [subprocess.Popen(command, env=environment, cwd=tmp_path) for _ in range(4)]
    assert [process.wait() for process in crowd] == [0, 0, 0, 0]
    client = store.open_store(f"sqlite:///{tmp_path / 'runs' / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("crowd")
    runs = client.search_runs([experiment.experiment_id])
    assert [run.info.status for run in runs] == ["FINISHED"] * 4
    assert sorted(path.name for path in tmp_path.iterdir()) == ["runs"]
    # MLflow's own "Default" is experiment 0; the notebooks follow in their order
    ids = [client.get_experiment_by_name(name).experiment_id for name in [*MODELS, "crowd"]]
    assert ids == [str(number) for number in range(1, len(MODELS) + 2)]


def test_a_folder_that_cannot_be_written_is_named(monkeypatch):
    monkeypatch.setattr(store, "RUNS", Path("/sys/runs"))  # nobody can write there
    with pytest.raises(PermissionError, match=r"/sys/runs cannot be written .*RETIMBRE_RUNS"):
        store.experiment("anything")


def test_a_store_of_files_is_refused_by_name(tmp_path):
    with pytest.raises(MlflowException, match=r"database backend \(e.g., 'sqlite:///mlflow.db'\)"):
        store.open_store(f"file://{tmp_path}/files")
