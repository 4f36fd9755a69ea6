"""A pair that a score cannot compare is refused with what was found."""

import numpy as np
import pytest
from signals import RATE, noise

from lib.metrics.checks import check_pair
from lib.metrics.lsd import lsd_db
from lib.metrics.pesq import pesq_wb
from lib.metrics.si_sdr import si_sdr_db


@pytest.mark.parametrize("rate", [None, 48_000])
def test_two_signals_of_one_length_pass(rate):
    check_pair(np.zeros(10), np.zeros(10), rate)


def test_two_lengths_are_refused_with_both():
    for score in (si_sdr_db, lambda *pair: pesq_wb(*pair, RATE)):
        with pytest.raises(ValueError, match=r"\(96000,\).*\(48000,\)"):
            score(noise(2), noise(1))


def test_two_channels_are_refused_with_their_shape():
    with pytest.raises(ValueError, match=r"\(2, 10\)"):
        check_pair(np.zeros((2, 10)), np.zeros((2, 10)))


def test_another_sample_rate_is_refused_with_both_rates():
    with pytest.raises(ValueError, match=r"16000.*48000"):
        lsd_db(noise(), noise(), 16_000, 8000.0)
