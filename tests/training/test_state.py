"""What a training remembers between steps."""

import time

import pytest

from lib.training.state import TrainState, recording_time


def test_an_epoch_begins_with_empty_sums_and_keeps_the_rest():
    state = TrainState(1, 14, 0, {"l1": 3.0}, {"n_steps": 5.0}, 9.0, history=[{"epoch": 0}])
    state.begin_epoch()
    assert state == TrainState(2, 14, history=[{"epoch": 0}])


def test_time_for_recording_adds_up():
    state = TrainState(recording_s=1.0)
    with recording_time(state):
        time.sleep(0.02)
    assert state.recording_s == pytest.approx(1.02, abs=0.015)
