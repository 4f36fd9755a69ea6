"""A codec leaves a recording in its place, and takes something from it."""

import numpy as np
import pytest
from signals import RATE, speech_like

from lib.audio import align
from lib.audio.bandwidth import bandwidth_hz
from lib.corpus.codecs import CODECS, through
from lib.metrics.si_sdr import si_sdr_db


@pytest.mark.parametrize("codec", CODECS)
def test_a_codec_is_not_late_and_changes_the_recording(codec):
    signal = speech_like(1.5)
    after = through(signal, codec)
    assert after.shape == signal.shape and after.dtype == np.float32
    lag = align.lag(after, signal)
    assert lag.samples == 0 and lag.confidence > align.MIN_CONFIDENCE
    assert 5 < si_sdr_db(after, signal) < 40
    np.testing.assert_array_equal(through(signal, codec), after)
    # Louder by a power of two: the codec gets the same samples.
    np.testing.assert_allclose(through(4 * signal, codec), 4 * after, rtol=1e-6)


def test_a_low_bit_rate_takes_more_than_a_high_one():
    signal = speech_like(1.5)
    low, high = (si_sdr_db(through(signal, codec), signal) for codec in ("opus_20k", "opus_35k"))
    assert low < high
    low, high = (bandwidth_hz(through(signal, codec), RATE) for codec in ("mp3_50k", "mp3_90k"))
    assert low < high < 20_000
