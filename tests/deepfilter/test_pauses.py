"""Pauses begin at -70 dB re full scale."""

import numpy as np
import pytest

from lib.deepfilter.pauses import active_stretch, are_quiet, is_quiet, mirrored_end


@pytest.mark.parametrize("level_db, quiet", [(-69.9, False), (-70.1, True)])
def test_a_hop_is_a_pause_below_70_db(level_db, quiet):
    assert are_quiet(np.full((1, 480), 10 ** (level_db / 20)))[0] == quiet


def test_a_gain_moves_the_threshold():
    hops = np.full((2, 480), 10 ** (-80 / 20))
    assert are_quiet(hops, np.array([9.9, 10.1])).tolist() == [True, False]


def test_a_part_of_a_hop_at_the_end_counts_as_a_hop_of_its_level():
    signal = np.concatenate([np.zeros(480), np.full(100, 0.01)])
    assert is_quiet(signal).tolist() == [True, False]
    assert is_quiet(np.zeros(0)).shape == (0,)


def test_the_stretch_between_pauses_is_found_unless_one_lies_inside():
    assert active_stretch(np.array([True, False, False, True])) == (1, 3)
    assert active_stretch(np.array([False])) == (0, 1)
    assert active_stretch(np.array([False, True, False])) is None
    assert active_stretch(np.array([True, True])) is None


def test_the_mirrored_end_begins_with_the_last_sample():
    assert mirrored_end(np.array([1.0, 2.0, 3.0]), 2).tolist() == [3, 2]
    assert mirrored_end(np.array([1.0]), 3).tolist() == [1, 0, 0]
    assert mirrored_end(np.array([1.0]), 0).tolist() == []
