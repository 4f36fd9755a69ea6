"""The target keeps what carries the voice, and nothing that is fainter and louder than enhanced."""

import pytest
import torch
from losses.given import noise, tone

from lib.losses.target import training_target

INNER = slice(4_800, -4_800)  # without the ends, where a transform sees half a frame


def level_db(signal: torch.Tensor) -> float:
    return 10 * signal.square().mean().log10().item()


def test_the_target_clean_is_the_clean_recording():
    clean, enhanced = tone(1_000), noise(0.1)
    assert training_target(clean, enhanced, "clean") is clean


@pytest.mark.parametrize("kind", ["quiet_pauses", "dominant"])
def test_a_pause_is_the_quieter_one_of_clean_and_enhanced(kind):
    """Clean's hiss of -60 dB in a pause gives way to enhanced's of -80 dB, and the other way."""
    clean, enhanced = tone(1_000), tone(1_000)
    for signal, hiss in ((clean, 1e-3), (enhanced, 1e-4)):
        signal[..., 24_000:] = hiss * torch.randn(signal[..., 24_000:].shape)
    for first, second in ((clean, enhanced), (enhanced, clean)):
        target = training_target(first, second, kind)
        assert level_db(target[..., 28_800:43_200]) < -79
        assert (target - first)[..., 4_800:19_200].abs().max() < 1e-3


def test_what_enhanced_lacks_of_the_voice_is_filled_and_its_noise_is_cut():
    clean = tone(1_000)
    enhanced = 0.1 * clean + 0.01 * tone(7_000)
    target = training_target(clean, enhanced, "dominant")
    assert (target - clean)[..., INNER].abs().max() < 0.01 * clean.abs().max()


def test_highs_that_are_40_db_fainter_than_the_voice_are_filled():
    """At 8 kHz three octaves of 6 dB are added to them: they are the bins of an s."""
    voice, high = tone(1_000), tone(8_000) / 10 ** (40 / 20)
    target = training_target(voice + high, voice, "dominant") - voice
    assert level_db(target[..., INNER]) == pytest.approx(level_db(high), abs=0.5)


def test_faint_bins_of_clean_that_enhanced_lacks_are_not_filled():
    """A tone 60 dB below the voice stays away if enhanced has removed it, else it stays."""
    voice, faint = tone(1_000), tone(7_000) / 10 ** (60 / 20)
    without = training_target(voice + faint, voice, "dominant") - voice
    beside = training_target(voice + faint, voice + faint, "dominant") - voice
    assert level_db(without[..., INNER]) < level_db(faint) - 20
    assert level_db(beside[..., INNER]) == pytest.approx(level_db(faint), abs=0.5)


def test_silence_is_a_target():
    """Of noise alone nothing is to be left."""
    silence = torch.zeros(1, 1, 9_600)
    target = training_target(silence, noise(0.1)[..., :9_600], "dominant")
    assert target.abs().max() < 1e-6
