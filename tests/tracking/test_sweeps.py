"""Searches: their points, what is refused before any work, and one that is killed and goes on."""

import os
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest
import yaml
from signals import good_sources

from lib import REPO, RUNS
from lib.config.base import build
from lib.config.prepare import Prepare
from lib.config.search import sweep_points
from lib.corpus import plan, sources
from lib.corpus.render import render
from lib.tracking import store

FILES = sorted((REPO / "params" / "sweep").glob("*.yaml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_sweeps_that_come_with_it_are_valid(path):
    assert len(sweep_points(yaml.safe_load(path.read_text()))) >= 8


def test_a_grid_is_every_combination_and_a_random_search_follows_from_its_seed():
    grid = {
        "notebook": "train",
        "fixed": {"epochs": 3},
        "grid": {"seed": [0, 1], "lr": [1e-3, 1e-4]},
    }
    assert [(point["epochs"], point["seed"], point["lr"]) for point in sweep_points(grid)] == [
        (3, 0, 1e-3), (3, 0, 1e-4), (3, 1, 1e-3), (3, 1, 1e-4),
    ]  # fmt: skip
    random = {
        "notebook": "train",
        "random": {"n": 5, "seed": 1, "batch_size": {"min": 2, "max": 8}, "channels": [16, 24]},
    }
    assert sweep_points(random) == sweep_points(random)
    assert all(
        2 <= point["batch_size"] <= 8 and point["channels"] in (16, 24)
        for point in sweep_points(random)
    )


@pytest.mark.parametrize(
    ("described", "message"),
    [
        (
            {"notebook": "train", "grid": {"lerning_rate": [1]}},
            "lerning_rate: no such parameter of train",
        ),
        ({"notebook": "train", "grid": {"epochs": 3}}, "epochs = 3, expected a list"),
        ({"notebook": "train"}, "either grid or random"),
        ({"notebook": "tain", "grid": {"seed": [0]}}, "'tain': expected one of prepare"),
        ({"notebook": "train", "gird": {"seed": [0]}}, "gird: expected notebook"),
        (
            {"notebook": "train", "random": {"n": 1, "lr": {"least": 1}}},
            "random: lr = .*expected a list, or min and max",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_before_any_work(described, message):
    with pytest.raises(ValueError, match=message):
        sweep_points(described)


def test_a_sweep_that_is_killed_goes_on_and_a_failure_stops_nothing(tmp_path):
    """Two points, of which one fails; the first command is killed after the first point."""
    root = good_sources(tmp_path)
    p = build(Prepare, {"corpus": "swept", "n_processes": 1, "p_reverb": 0})
    given = sources.Sources(root / "speech", root / "noise", None)
    render("swept", plan.draw(p, given), given)
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump({
        "notebook": "train",
        "fixed": {"corpus": "swept", "epochs": 0, "channels": 6, "segment_length": 9_600, "n_samples_logged": 0},
        "grid": {"seed": [0], "init_run": ["", "0123456789abcdef0123456789abcdef"]},
    }, sort_keys=False))  # fmt: skip
    command = [sys.executable, "-m", "lib.sweep", str(path)]
    environment = os.environ | {"RETIMBRE_RUNS": str(RUNS)}
    killed = subprocess.Popen(command, cwd=REPO, env=environment, start_new_session=True)
    done = "params.corpus = 'swept' and attributes.status = 'FINISHED'"
    while not store.newest_first("train", done) and killed.poll() is None:
        time.sleep(0.2)
    os.killpg(killed.pid, signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL

    again = subprocess.run(command, cwd=REPO, env=environment, capture_output=True, text=True)
    said = again.stdout + again.stderr
    assert "2 points, 1 of them done" in said
    assert (
        again.returncode == 1 and "1 of 2 points failed" in again.stderr and "no such run" in said
    )
    parents = [
        run
        for run in store.newest_first("train")
        if run.data.tags.get("mlflow.runName") == "sweep small"
    ]
    children = store.newest_first("train", f"tags.mlflow.parentRunId = '{parents[0].info.run_id}'")
    assert len(parents) == 1 and parents[0].info.status == "FAILED"
    assert sorted(run.info.status for run in children).count("FINISHED") == 1
    table = pd.read_csv(store.download(parents[0].info.run_id, "tables/points.csv"))
    assert (
        list(table)[:5] == ["point", "run", "status", "seed", "init_run"] and "epochs" not in table
    )
    assert (table.status == "FINISHED").tolist() == [True, False]
    assert table["best/gap_closed"].notna().tolist() == [True, False]
    named = {f"seed=0, init_run={start}" for start in ("", "01234567")}
    assert {run.info.run_name for run in children} == named
    assert (
        sum(
            run.info.status == "FINISHED"
            for run in store.newest_first("train", "params.corpus = 'swept'")
        )
        == 1
    )
    assert store.find("latest") != parents[0].info.run_id
