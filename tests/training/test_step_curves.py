"""Curves over steps: their points, means and axis."""

import pytest
from training.trainings import Recorder

from lib.config.check import Check
from lib.tracking import session, store
from lib.tracking.run import Run
from lib.training import step_curves
from lib.training.step import StepResult
from lib.training.step_curves import StepCurves


def result(l1: float, finite: bool = True, **more: float) -> StepResult:
    return StepResult({"l1": l1} | more, {"generator": 2.0}, finite, False)


@pytest.fixture
def clock(monkeypatch):
    """A list with the seconds that have passed."""
    seconds = [0.0]
    monkeypatch.setattr(step_curves.time, "monotonic", lambda: seconds[0])
    return seconds


def test_a_point_every_ten_seconds_is_the_mean_of_the_steps_since_the_last_one(clock):
    recorder = Recorder()
    curves = StepCurves(recorder)
    for step, (seconds, l1) in enumerate([(4, 1.0), (8, 3.0), (11, 5.0), (20, 7.0)], start=1):
        clock[0] = seconds
        curves.add(step, result(l1))
    assert recorder.curves == [(3, {"step/l1": 3.0, "step/grad_norm": 2.0})]
    clock[0] = 21.5
    curves.add(5, result(float("nan"), finite=False))
    assert recorder.curves[1] == (5, {"step/l1": 7.0, "step/grad_norm": 2.0})


def test_a_term_that_joins_counts_from_its_first_step(clock):
    recorder = Recorder()
    curves = StepCurves(recorder)
    curves.add(1, result(1.0))
    clock[0] = 10.0
    curves.add(2, result(3.0, adversarial=0.5))
    expected = {"step/l1": 2.0, "step/grad_norm": 2.0, "step/adversarial": 0.5}
    assert recorder.curves == [(2, expected)]


def test_processes_without_a_run_log_nothing(clock):
    clock[0] = 99.0
    StepCurves(None).add(1, result(1.0))


def test_steps_that_are_taken_again_after_a_resume_are_logged_once(clock):
    run, _ = session.start("curves", Check)
    for taken in ([2, 4, 6], [5, 7]):  # killed behind the checkpoint of step 4
        curves = StepCurves(Run(run.id))
        for step in taken:
            clock[0] += 10.0
            curves.add(step, result(float(step)))
    run.finish()
    history = store.client().get_metric_history(run.id, "step/l1")
    assert [(value.step, value.value) for value in history] == [(2, 2), (4, 4), (6, 6), (7, 7)]
    assert Run(run.id).last_step == -1  # that of epochs
