"""clean -> noisy: the mixture has the SNR, the level and the room that were asked for."""

import numpy as np
import pytest

from lib.audio import align, levels
from lib.corpus import mix
from lib.corpus.codecs import through
from lib.corpus.impulse_responses import direct_path
from lib.metrics.si_sdr import si_sdr_db

RATE = 48_000


@pytest.fixture
def voice():
    """Two bursts of a tone with silence between and around: 1 s of 2 s is active."""
    t = np.arange(2 * RATE) / RATE
    on = ((t > 0.2) & (t < 0.7)) | ((t > 1.2) & (t < 1.7))
    return (0.3 * np.sin(2 * np.pi * 440 * t) * on).astype(np.float32)


@pytest.fixture
def noise():
    return np.random.default_rng(0).standard_normal(2 * RATE).astype(np.float32)


@pytest.mark.parametrize("snr_db", [-5.0, 0.0, 15.0, 40.0])
def test_the_snr_over_active_speech_is_the_one_that_was_asked_for(voice, noise, snr_db):
    mixed = mix.mix(voice, noise, snr_db, scale=0.5)
    on = np.abs(voice) > 0  # where the burst is on, known without the mixer's own detector
    measured = 10 * np.log10(np.mean(mixed.speech[on] ** 2) / np.mean(mixed.noise[on] ** 2))
    assert abs(measured - snr_db) < 0.1


def test_noise_where_nobody_speaks_does_not_count(voice, noise):
    burst = noise * np.where(np.arange(2 * RATE) < 0.15 * RATE, 10.0, 1.0).astype(np.float32)
    on = np.abs(voice) > 0
    mixed = mix.mix(voice, burst, 10.0, scale=0.5)
    measured = 10 * np.log10(np.mean(mixed.speech[on] ** 2) / np.mean(mixed.noise[on] ** 2))
    assert abs(measured - 10) < 0.1


def test_the_peak_of_noisy_is_the_scale_and_clean_gets_the_same_gain(voice, noise):
    quiet, loud = (mix.mix(voice, noise, 5.0, scale) for scale in (0.1, 0.8))
    assert np.abs(loud.noisy).max() == pytest.approx(0.8, abs=1e-6)
    np.testing.assert_allclose(loud.clean, 8 * quiet.clean, atol=1e-6)
    np.testing.assert_allclose(loud.noisy, loud.speech + loud.noise, atol=1e-7)


def test_a_room_leaves_the_direct_sound_in_place(voice, noise):
    late = np.zeros(4_800, np.float32)
    late[[100, 2_000]] = 0.5, 0.2  # direct after 100 samples, one reflection
    rir, room_lag = direct_path(late)
    assert room_lag == 100
    mixed = mix.mix(voice, noise, 60.0, 0.5, rir, early=10)
    gain = np.abs(mixed.clean).max() / np.abs(voice).max()
    # The late reflection is no part of the target.
    np.testing.assert_allclose(mixed.clean, gain * voice, atol=1e-5)
    np.testing.assert_allclose(
        mixed.speech[1_900:], gain * (voice[1_900:] + 0.4 * voice[:-1_900]), atol=1e-5
    )


def test_early_reflections_belong_to_the_target(voice, noise):
    rir = np.zeros(4_800, np.float32)
    rir[[0, 1_000]] = 1.0, 0.5
    mixed = mix.mix(voice, noise, 60.0, 0.5, rir, early=2_400)
    np.testing.assert_allclose(mixed.clean, mixed.speech, atol=1e-6)


def test_silent_speech_and_silent_noise_are_refused(voice, noise):
    with pytest.raises(ValueError, match="speech is silent"):
        mix.mix(np.zeros_like(voice), noise, 0.0, 0.5)
    with pytest.raises(ValueError, match="noise is silent where speech is active"):
        mix.mix(voice, noise * (np.arange(2 * RATE) < 0.1 * RATE), 0.0, 0.5)
    with pytest.raises(ValueError, match=r"clean has 96000 samples, noise 10"):
        mix.mix(voice, noise[:10], 0.0, 0.5)


def test_a_short_noise_is_repeated_without_a_click():
    tone = np.sin(2 * np.pi * 100 * np.arange(10_000) / RATE)  # ends far from where it starts
    long = mix.loop(tone, 9_000, 30_000)
    assert len(long) == 30_000
    steepest = np.abs(np.diff(tone)).max()
    assert np.abs(np.diff(long)).max() < 3 * steepest
    assert abs(tone[-1] - tone[0]) > 10 * steepest  # the seam that a plain repetition has


def test_a_second_noise_keeps_its_distance_and_the_snr_holds(voice, noise):
    other = np.random.default_rng(1).standard_normal(len(noise)).astype(np.float32)
    total = mix.add_noise(noise, 7 * other, -6.0)
    second = total - noise
    assert 20 * np.log10(second.std() / noise.std()) == pytest.approx(-6.0, abs=0.01)
    mixed = mix.mix(voice, total, 10.0, 0.5)
    assert mix.snr_db(mixed.speech, mixed.noise) == pytest.approx(10.0, abs=0.01)


def test_a_band_limited_recording_holds_nothing_above_and_is_in_its_place(voice, noise):
    mixed = mix.mix(voice, noise, 5.0, 0.5, lowpass_hz=4000.0)
    assert np.abs(mixed.noisy).max() == pytest.approx(0.5, abs=1e-6)
    level = 20 * np.log10(np.abs(np.fft.rfft(mixed.noisy * np.hanning(len(mixed.noisy)))) + 1e-9)
    hz = np.fft.rfftfreq(len(mixed.noisy), 1 / RATE)
    assert level[hz > 4_200].max() < level[hz < 3_600].mean() - 60
    assert align.lag(mixed.noisy, mixed.speech + mixed.noise).samples == 0
    # The parts and the target keep their band.
    assert np.abs(np.fft.rfft(mixed.noise))[hz > 4_200].mean() > 1


def test_a_clipped_recording_is_flat_at_its_peak_and_true_below(voice, noise):
    mixed = mix.mix(voice, noise, 5.0, 0.5, clip_db=6.0)
    unclipped = mixed.speech + mixed.noise
    assert np.abs(mixed.noisy).max() == pytest.approx(0.5, abs=1e-6)
    assert np.abs(unclipped).max() == pytest.approx(0.5 * 10 ** (6 / 20), rel=1e-5)
    below = np.abs(unclipped) < 0.49
    np.testing.assert_array_equal(mixed.noisy[below], unclipped[below])
    assert levels.clipped_share(mixed.noisy) > 0 == levels.clipped_share(mixed.clean)


def test_noise_alone_has_its_peak_at_the_scale_and_a_silent_target(voice):
    noise = np.random.default_rng(0).standard_normal(len(voice)).astype(np.float32)
    rir = np.repeat(np.float32([1.0, 0.1]), [1, 9])
    mixed = mix.mix(voice, noise, mix.NOISE_ALONE_DB, 0.3, rir, early=5)
    assert not mixed.clean.any() and not mixed.speech.any()
    assert np.abs(mixed.noisy).max() == pytest.approx(0.3, rel=1e-6)
    np.testing.assert_allclose(mixed.noisy, noise * (0.3 / np.abs(noise).max()), atol=1e-6)
    clipped = mix.mix(voice, noise, mix.NOISE_ALONE_DB, 0.3, clip_db=6.0, codec="opus_35k")
    assert np.abs(clipped.noisy).max() == pytest.approx(0.3, rel=1e-6) and not clipped.clean.any()
    for silent in (0 * noise, None):
        with pytest.raises(ValueError, match="noise that is alone is silent"):
            mix.mix(voice, silent, mix.NOISE_ALONE_DB, 0.3)


def test_without_noise_noisy_is_clean_in_its_room(voice):
    rir = np.zeros(4_800, np.float32)
    rir[[0, 3_000]] = 1.0, 0.5
    dry = mix.mix(voice, None, float("nan"), 0.5)
    np.testing.assert_array_equal(dry.noisy, dry.clean)
    wet = mix.mix(voice, None, float("nan"), 0.5, rir, early=2_400)
    np.testing.assert_array_equal(wet.noisy, wet.speech)
    assert np.abs(wet.noisy - wet.clean).max() > 0.1 and not wet.noise.any()
    with pytest.raises(ValueError, match="speech is silent"):
        mix.mix(np.zeros_like(voice), None, 0.0, 0.5)


def test_a_codec_is_behind_the_recorder_and_leaves_the_parts(voice, noise):
    plain = mix.mix(voice, noise, 10.0, 0.5)
    coded = mix.mix(voice, noise, 10.0, 0.5, codec="opus_20k")
    gain = coded.gain / plain.gain
    for name in ("clean", "speech", "noise"):
        np.testing.assert_allclose(getattr(coded, name), gain * getattr(plain, name), atol=1e-6)
    # A rounding error before Opus may be another decision within it, so not bit for bit.
    assert si_sdr_db(coded.noisy, through(plain.noisy, "opus_20k")) > 15
    assert np.abs(coded.noisy).max() == pytest.approx(0.5, abs=1e-6)


def test_a_clipped_recording_is_clipped_before_the_codec(voice, noise):
    clipped = mix.mix(voice, noise, 10.0, 0.5, clip_db=12.0)
    coded = mix.mix(voice, noise, 10.0, 0.5, clip_db=12.0, codec="mp3_90k")
    again = mix.mix(voice, noise, 10.0, 0.25, clip_db=12.0, codec="mp3_90k")
    # Overshoots of the codec are the new peak, and the level is a gain and nothing else.
    assert coded.gain < clipped.gain and levels.clipped_share(coded.noisy) == 0
    np.testing.assert_allclose(again.noisy, coded.noisy / 2, atol=1e-6)


@pytest.mark.parametrize("clip_db", [0.0, 12.0])
def test_a_target_never_passes_full_scale(voice, noise, clip_db):
    # This noise takes away most of the speech: noisy is far below clean.
    opposite = -0.9 * voice + 0.01 * noise
    mixed = mix.mix(voice, opposite, 1.0, 0.9, clip_db=clip_db)
    assert np.abs(mixed.clean).max() <= 0.99 + 1e-6 and np.abs(mixed.noisy).max() < 0.9
    np.testing.assert_allclose(mixed.clean, mixed.gain * voice, atol=1e-6)
