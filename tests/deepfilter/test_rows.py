"""Rows hold a hop of signal, its gains and its local SNR."""

import numpy as np

from lib.deepfilter.rows import ROW_LENGTH, samples_of, silent_rows, unpack


def test_a_row_has_480_samples_32_gains_and_one_local_snr():
    rows = np.arange(2 * ROW_LENGTH, dtype=np.float32).reshape(2, ROW_LENGTH)
    result = unpack(rows, n_samples=700)
    assert ROW_LENGTH == 513
    assert result.signal.tolist() == [*range(480), *range(513, 513 + 220)]
    assert result.gains[0].tolist() == [*range(480, 512)]
    assert result.lsnr_db.tolist() == [512, 1_025]
    assert len(samples_of(rows)) == 960


def test_silent_rows_are_zeros_with_the_lowest_local_snr():
    rows = silent_rows(3)
    assert not rows[:, :-1].any()
    assert rows[:, -1].tolist() == [-15, -15, -15]
    assert silent_rows(0).shape == (0, 513)
