"""The load of the machine is logged during long runs, and not after them."""

import time

from lib.config.check import Check
from lib.config.train import Train
from lib.config.workers import Workers
from lib.tracking import session, store

CPU = "system/cpu_utilization_percentage"


def wait_for_steps(run_id: str, n: int) -> list[int]:
    """The steps of the metric, once there are `n`; fewer after half a minute."""
    for _ in range(150):
        steps = [value.step for value in store.client().get_metric_history(run_id, CPU)]
        if len(steps) >= n:
            break
        time.sleep(0.2)
    return steps


def test_a_long_run_logs_the_load_until_it_ends(monkeypatch):
    monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "0.1")
    run, _ = session.start("workers", Workers)
    assert len(wait_for_steps(run.id, 2)) >= 2
    run.finish()
    steps = wait_for_steps(run.id, 2)
    time.sleep(0.5)
    assert wait_for_steps(run.id, 2) == steps == list(range(len(steps)))


def test_the_load_of_a_training_comes_after_what_trainings_are_compared_by(monkeypatch):
    monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "0.1")
    run, _ = session.start("train", Train)
    time.sleep(0.5)
    assert not store.client().get_run(run.id).data.metrics
    run.metrics({"best/selection": 0.1, "best/epoch": 0}, step=0)
    assert wait_for_steps(run.id, 1)[0] == 0
    run.finish()
    # MLflow's page of compared runs begins with the first one.
    assert next(iter(store.client().get_run(run.id).data.metrics)) == "best/selection"


def test_a_short_run_has_no_load(monkeypatch):
    monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "0.1")
    run, _ = session.start("check", Check)
    time.sleep(0.5)
    run.finish()
    assert CPU not in store.client().get_run(run.id).data.metrics
