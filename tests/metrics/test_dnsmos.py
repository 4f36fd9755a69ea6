"""DNSMOS beside the package that it comes from."""

import os
from pathlib import Path

import numpy as np
import pytest
from signals import RATE, vowel

from lib.audio import files
from lib.deepfilter.enhance import enhance
from lib.metrics.dnsmos import dnsmos


def test_ratings_are_those_of_the_package_and_signals_that_it_refuses_are_taken():
    import speechmos.dnsmos

    signal = vowel(150, 11.0)
    expected = speechmos.dnsmos.run(files.resample(signal, RATE, 16_000), 16_000)
    ratings = dnsmos(signal, RATE)
    assert list(ratings) == ["dnsmos_sig", "dnsmos_bak", "dnsmos_ovrl", "dnsmos_p808"]
    names = ("sig_mos", "bak_mos", "ovrl_mos", "p808_mos")
    assert list(ratings.values()) == pytest.approx([expected[name] for name in names], abs=1e-4)
    # beyond full scale, and silence
    assert np.isfinite(list(dnsmos(20 * signal, RATE).values())).all()
    assert np.isnan(list(dnsmos(0 * signal, RATE).values())).all()


def test_a_short_signal_is_rated_as_if_it_were_repeated_to_a_window():
    repeated = dnsmos(np.tile(vowel(150, 2.0), 5), RATE)
    assert dnsmos(vowel(150, 2.0), RATE) == pytest.approx(repeated, abs=0.2)


@pytest.mark.skipif(
    "RETIMBRE_AUDIO" not in os.environ, reason="RETIMBRE_AUDIO names no folder of real speech"
)
def test_dnsmos_of_real_speech_rises_from_noisy_to_enhanced_to_clean():
    root = Path(os.environ["RETIMBRE_AUDIO"])
    speech = files.find(root / "speech" / "kathleen")[:40:10]
    ratings = []
    for paths in zip(speech, files.find(root / "noise", "*.ogg"), strict=False):
        clean, noise = (files.read(path, RATE)[: 4 * RATE] for path in paths)
        n = min(len(clean), len(noise))
        noisy = clean[:n] + noise[:n] * np.std(clean) / np.std(noise[:n])
        signals = noisy, enhance(noisy), clean
        ratings.append([dnsmos(signal, RATE)["dnsmos_ovrl"] for signal in signals])
    means = np.mean(ratings, axis=0)
    assert list(means) == sorted(means)
