"""Mixtures for measurements: as many as asked for, within their levels, the same for a seed."""

import numpy as np
import pytest
from benchmarks.folders import sources_below

from lib.benchmarks import items


def test_each_file_comes_at_each_snr_in_another_noise(tmp_path):
    given = sources_below(tmp_path)
    mixtures = items.mixtures(given, 2, [-5.0, 15.0], seed=3)
    assert [item.snr_db for item in mixtures] == [-5.0, 15.0] * 2
    assert [item.name for item in mixtures[::2]] == ["s0 in noise0", "s0 in noise1"]
    for item in mixtures:
        assert 0.04 < np.abs(item.noisy).max() <= 0.951
    again = items.mixtures(given, 2, [-5.0, 15.0], seed=3)
    for item, same in zip(mixtures, again, strict=True):
        np.testing.assert_array_equal(item.noisy, same.noisy)


def test_a_folder_without_audio_is_named(tmp_path):
    given = sources_below(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="empty: expected audio files, found none"):
        items.mixtures(given._replace(noise=tmp_path / "empty"), 2, [0.0])
