"""A sweep that is killed goes on, and executes again what has changed."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pandas as pd
import yaml
from signals import good_sources

from lib import REPO, RUNS
from lib.config.base import build
from lib.config.prepare import Prepare
from lib.corpus import plan, sources
from lib.corpus.render import render
from lib.tracking import provenance, store, sweeps


def test_a_sweep_that_is_killed_goes_on_and_a_failure_stops_nothing(tmp_path):
    """Two points, of which one fails; the first command is killed after the first point."""
    root = good_sources(tmp_path)
    shares = {"valid_share": 0.15, "test_share": 0.1}  # two items are the least to be judged by
    p = build(Prepare, shares | {"corpus": "swept", "n_processes": 1, "p_reverb": 0})
    folders = sources.Sources(root / "speech", root / "noise", None)
    render("swept", plan.draw(p, folders), folders)
    path = tmp_path / "small.yaml"
    fixed = {"corpus": "swept", "epochs": 0, "channels": 6, "segment_length": 9_600}
    sweep = {
        "notebook": "train",
        "fixed": fixed | {"n_samples_logged": 0, "register_model": False},
        "grid": {"seed": [0], "init_run": ["", "0123456789abcdef0123456789abcdef"]},
    }
    path.write_text(yaml.safe_dump(sweep, sort_keys=False))
    command = [sys.executable, "-m", "lib.sweep", str(path)]
    environment = os.environ | {"RETIMBRE_RUNS": str(RUNS)}
    killed = subprocess.Popen(command, cwd=REPO, env=environment, start_new_session=True)
    done = "params.corpus = 'swept' and attributes.status = 'FINISHED'"
    while not store.newest_first("train", done) and killed.poll() is None:
        time.sleep(0.2)
    os.killpg(killed.pid, signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL

    again = subprocess.run(command, cwd=REPO, env=environment, capture_output=True, text=True)
    output = again.stdout + again.stderr
    assert "2 points, 1 of them done" in output and "no such run" in output
    assert again.returncode == 1 and "1 of 2 points failed" in again.stderr
    runs = store.newest_first("train")
    (parent,) = [run for run in runs if run.data.tags.get("mlflow.runName") == "sweep small"]
    parent_id = parent.info.run_id
    children = store.newest_first("train", f"tags.mlflow.parentRunId = '{parent_id}'")
    assert parent.info.status == "FAILED"
    assert [run.info.status for run in children].count("FINISHED") == 1
    table = pd.read_csv(store.download(parent_id, "tables/points.csv"))
    assert list(table)[:5] == ["point", "run", "status", "seed", "init_run"]
    assert "epochs" not in table
    assert (table.status == "FINISHED").tolist() == [True, False]
    assert table["best/selection"].notna().tolist() == [True, False]
    names = {f"seed=0, init_run={run}" for run in ("", "01234567")}
    assert {run.info.run_name for run in children} == names
    assert len(store.newest_first("train", done)) == 1
    assert store.find("latest") != parent_id


def test_a_point_counts_only_while_code_and_corpus_are_the_same():
    folder = RUNS / "pairs" / "keyed"
    folder.mkdir(parents=True)
    (folder / "manifest.csv").write_text("id\na\n")
    code, pairs = "0123", hashlib.sha256(b"id\na\n").hexdigest()

    def child(corpus="keyed", **tags):
        return SimpleNamespace(data=SimpleNamespace(tags=tags, params={"corpus": corpus}))

    done = {"code_sha256": code, "manifest_sha256": pairs}
    assert sweeps._is_current(child(**done), code)
    assert not sweeps._is_current(child(**done), "4567")
    assert not sweeps._is_current(child(manifest_sha256=pairs), code)  # a run of before
    assert sweeps._is_current(child(corpus="gone", **done), code)
    (folder / "manifest.csv").write_text("id\nb\n")
    assert not sweeps._is_current(child(**done), code)


def test_the_hash_of_the_code_is_that_of_the_notebook_too():
    hashes = {provenance.code_sha256(name) for name in ("train", "train", "prepare", "none")}
    assert len(hashes) == 3
