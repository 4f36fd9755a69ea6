"""PLCMOS: as its package, the same at each call, lower with gaps."""

import numpy as np
import pytest
from signals import RATE

from lib.audio import files
from lib.metrics.plcmos import plcmos


def test_it_equals_the_package_s_own_call_and_itself(spoken):
    from speechmos.plcmos import run

    state = np.random.get_state()
    np.random.seed(0)
    expected = run(files.resample(spoken[0], RATE, 16_000), 16_000)["plcmos"]
    np.random.set_state(state)
    assert plcmos(spoken[0], RATE) == pytest.approx(expected, abs=1e-4)
    assert plcmos(spoken[0], RATE) == plcmos(spoken[0], RATE)


def test_gaps_of_30_ms_lower_it(spoken):
    open_share = (np.arange(len(spoken[0])) % 4_800) > 1_440
    assert plcmos(spoken[0] * open_share, RATE) < plcmos(spoken[0], RATE) - 0.3
