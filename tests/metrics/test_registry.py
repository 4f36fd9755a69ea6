"""Laws of the scores, with numbers known beforehand, and of the bandwidth on shaped noise and, where there is some, speech."""

import os
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import firwin, lfilter
from signals import RATE, noise, speech_like

from lib.audio import files
from lib.audio.bandwidth import bandwidth_hz
from lib.metrics import registry
from lib.metrics.estoi import estoi
from lib.metrics.lsd import lsd_db, over_attenuation_db
from lib.metrics.mcd import mcd_db
from lib.metrics.pauses import pause_level_db
from lib.metrics.pesq import pesq_wb
from lib.metrics.si_sdr import si_sdr_db

FULL_HZ = 24_000.0
REAL_SPEECH = os.environ.get("RETIMBRE_AUDIO")


def low_passed(signal: np.ndarray, edge_hz: float, how: str) -> np.ndarray:
    if how == "resampled":
        return files.resample(
            files.resample(signal, RATE, int(2 * edge_hz)), int(2 * edge_hz), RATE
        )
    if how == "brick wall":
        spectrum = np.fft.rfft(signal)
        return np.fft.irfft(
            spectrum * (np.fft.rfftfreq(len(signal), 1 / RATE) < edge_hz), len(signal)
        )
    return lfilter(firwin(2401, edge_hz, window=("kaiser", 9), fs=RATE), 1, signal)


def quantised(signal: np.ndarray, bits: int) -> np.ndarray:
    return np.round(signal * 2.0 ** (bits - 1)) / 2.0 ** (bits - 1)


def real_speech(speaker: str, every: int) -> list[np.ndarray]:
    return [
        files.read(path, RATE) for path in files.find(Path(REAL_SPEECH, "speech", speaker))[::every]
    ]


def test_noise_20_db_down_has_an_si_sdr_of_20_db_at_any_gain():
    clean = noise(5)
    noisy = clean + 0.1 * noise(5, seed=1)
    assert si_sdr_db(noisy, clean) == pytest.approx(20.0, abs=0.1)
    assert si_sdr_db(0.01 * noisy, clean) == pytest.approx(si_sdr_db(noisy, clean), abs=1e-3)
    assert si_sdr_db(-noisy, clean) == pytest.approx(si_sdr_db(noisy, clean), abs=1e-3)


def test_an_orthogonal_error_of_equal_power_is_0_db_and_no_error_is_infinite():
    t = np.arange(RATE) / RATE
    sine, cosine = np.sin(2 * np.pi * 440 * t), np.cos(2 * np.pi * 440 * t)
    assert si_sdr_db(sine + cosine, sine) == pytest.approx(0.0, abs=1e-6)
    assert si_sdr_db(sine, sine) == np.inf


@pytest.mark.parametrize("gain, expected_db", [(0.5, 6.02), (2.0, 6.02), (0.1, 20.0)])
def test_lsd_of_a_gain_is_the_gain_in_db(gain, expected_db):
    clean = noise(level=0.5)  # far above the floor, quietest bins and all
    assert lsd_db(gain * clean, clean, RATE, FULL_HZ) == pytest.approx(expected_db, abs=0.01)
    assert lsd_db(gain * clean, clean, RATE, 9000.0, above_hz=4000.0) == pytest.approx(
        expected_db, abs=0.01
    )


def test_lsd_of_two_independent_noises_is_that_of_two_chi_square_levels():
    # the level of a bin of noise is 10 log10 of an exponential: standard deviation 5.57 dB, times sqrt 2
    assert lsd_db(noise(4), noise(4, seed=1), RATE, FULL_HZ) == pytest.approx(7.88, abs=0.1)


def test_what_lies_above_the_bandwidth_changes_neither_lsd_nor_mcd():
    clean = low_passed(noise(), 8000, "brick wall")
    # Hann's side lobes fall fast: 200 Hz of distance hide them
    worse = (clean + noise(seed=1) - low_passed(noise(seed=1), 8200, "brick wall")).astype(
        np.float32
    )
    assert lsd_db(worse, clean, RATE, 8000.0) < 0.01 < 20 < lsd_db(worse, clean, RATE, FULL_HZ)
    assert mcd_db(worse, clean, RATE, 8000.0) < 0.01 < 20 < mcd_db(worse, clean, RATE, FULL_HZ)


def test_lsd_above_4_khz_does_not_hear_what_lies_below():
    clean = noise()
    worse = (clean + low_passed(noise(seed=1), 3800, "brick wall")).astype(np.float32)
    result = registry.compute_scores(
        worse, clean, RATE, FULL_HZ, names=("lsd_db", "lsd_above_4k_db")
    )
    assert result["lsd_above_4k_db"] < 0.01 < 1 < result["lsd_db"]


def test_differences_90_db_down_are_below_the_floor():
    t = np.arange(RATE) / RATE
    tone = np.sin(2 * np.pi * 3000 * t)  # full scale in its bins, nothing elsewhere
    clean, other = (tone + noise(1, 10 ** (-90 / 20), seed) for seed in (0, 1))
    assert lsd_db(clean.astype(np.float32), other.astype(np.float32), RATE, FULL_HZ) < 0.05
    assert mcd_db(clean.astype(np.float32), other.astype(np.float32), RATE, FULL_HZ) < 0.05


def test_silence_is_as_far_from_noise_as_noise_from_the_floor():
    clean = noise(level=0.1)
    # power of one bin re a full-scale sine: 2 sigma^2 * 2 * sum(w^2) / sum(w)^2, its mean level is 2.51 dB lower
    level_db = 10 * np.log10(4 * 0.01 * 0.375 * 2048 / (0.5 * 2048) ** 2) - 2.51
    distance = lsd_db(np.zeros_like(clean), clean, RATE, FULL_HZ)
    assert distance == pytest.approx(np.hypot(level_db + 80, 5.57), abs=0.1)


@pytest.mark.parametrize("quiet_db, counts", [(-30, True), (-50, False)])
def test_frames_more_than_40_db_below_the_loudest_of_the_reference_do_not_count(quiet_db, counts):
    level = np.repeat([0.3, 0.3 * 10 ** (quiet_db / 20)], RATE)
    clean = (noise(level=1.0) * level).astype(np.float32)
    worse = np.where(
        np.arange(2 * RATE) < RATE + 2048, clean, 2 * clean
    )  # twice as loud in the quiet half
    for score in (lsd_db, mcd_db):
        assert (
            score(np.where(level < 0.3, worse * 0.01, worse), clean, RATE, FULL_HZ) > 1
        ) == counts


def test_mcd_of_a_gain_is_0():
    assert mcd_db(0.5 * noise(), noise(), RATE, FULL_HZ) == pytest.approx(0.0, abs=1e-3)


def test_mcd_of_a_cosine_over_mel_bands_has_its_closed_form():
    # a ripple of `a` nepers on the orthonormal DCT's 6th basis function: d_6 = a * sqrt(80 / 2), all others 0
    import librosa

    a = 0.1
    mel = (
        librosa.hz_to_mel(np.fft.rfftfreq(RATE, 1 / RATE)) / librosa.hz_to_mel(FULL_HZ) * 81 - 1
    )  # band number
    clean = noise(1)
    ripple = np.exp(a * np.cos(np.pi * 6 * (mel + 0.5) / 80))
    rippled = np.fft.irfft(np.fft.rfft(clean) * ripple).astype(np.float32)
    expected_db = 10 / np.log(10) * np.sqrt(2) * a * np.sqrt(40)
    assert mcd_db(rippled, clean, RATE, FULL_HZ) == pytest.approx(expected_db, rel=0.05)


def test_clean_scores_best_against_itself():
    clean = speech_like()
    result = registry.compute_scores(clean, clean, RATE, FULL_HZ)
    assert tuple(result) == registry.NAMES
    assert result == pytest.approx({name: registry.BEST[name] for name in registry.NAMES}, abs=1e-4)


def test_every_score_falls_with_more_noise_in_the_sense_of_its_sign():
    clean = speech_like()
    better, worse = (
        registry.compute_scores(clean + noise(3, level), clean, RATE, FULL_HZ)
        for level in (0.001, 0.02)
    )
    for name in registry.NAMES:
        sign = registry.SIGN[name]
        assert sign * registry.BEST[name] > sign * better[name] > sign * worse[name], name
    assert 1.0 < worse["pesq"] < better["pesq"] < 4.65


def test_pesq_hears_neither_a_gain_nor_what_lies_above_8_khz():
    clean = speech_like()
    estimate = clean + noise(3, 0.002, seed=1)
    score = pesq_wb(estimate, clean, RATE)
    assert pesq_wb(0.25 * estimate, clean, RATE) == pytest.approx(score, abs=0.01)
    hiss = (noise(3) - low_passed(noise(3), 9000, "brick wall")).astype(np.float32)
    assert pesq_wb(estimate + hiss, clean, RATE) == pytest.approx(score, abs=0.01)


@pytest.mark.parametrize("estimate, reference", [(0, 1), (1, 0), (0, 0)])
def test_scores_of_silence_that_cannot_be_computed_are_missing(estimate, reference):
    clean = speech_like(1)
    result = registry.compute_scores(estimate * clean, reference * clean, RATE, FULL_HZ)
    missing = {name for name, value in result.items() if np.isnan(value)}
    distances = {"lsd_db", "lsd_above_4k_db", "mcd_db"}  # a silent estimate has a distance
    assert missing == (set(registry.NAMES) - distances if reference else set(registry.NAMES))


@pytest.mark.parametrize("gain_db, missing_db", [(-6.0, 6.0), (6.0, 0.0)])
def test_what_is_missing_is_counted_and_what_is_too_much_is_not(gain_db, missing_db):
    clean = noise()
    found = over_attenuation_db(clean * 10 ** (gain_db / 20), clean, RATE, FULL_HZ)
    assert found == pytest.approx(missing_db, abs=0.01)


def test_the_level_in_pauses_is_that_of_the_noise_there():
    speech = noise(4, 0.1) * (
        np.arange(4 * RATE) // RATE % 2 == 0
    )  # two of four seconds, at -20 dB
    added = noise(4, 0.001, seed=1)  # 40 dB below
    assert pause_level_db(speech + added, speech, RATE) == pytest.approx(-40.0, abs=0.2)
    assert pause_level_db(speech, speech, RATE) < -60  # frames at the edges hold a little speech
    assert pause_level_db(0 * speech, speech, RATE) == -100.0
    assert np.isnan(pause_level_db(noise(), noise(), RATE))  # no pause


def test_a_tenth_of_a_second_is_too_short_for_pesq_and_estoi_and_fine_for_the_rest():
    result = registry.compute_scores(noise(0.1), noise(0.1), RATE, FULL_HZ)
    assert (
        np.isnan([result["pesq"], result["estoi"]]).all()
        and result["lsd_db"] == result["mcd_db"] == 0.0
    )


def test_a_bandwidth_below_4_khz_leaves_nothing_above_4_khz():
    result = registry.compute_scores(
        0.5 * noise(), noise(), RATE, 3400.0, names=("lsd_db", "lsd_above_4k_db")
    )
    assert result["lsd_db"] == pytest.approx(6.02, abs=0.01) and np.isnan(result["lsd_above_4k_db"])


def test_an_unknown_bandwidth_makes_the_distances_missing():
    result = registry.compute_scores(
        noise(), noise(), RATE, np.nan, names=("si_sdr_db", "lsd_db", "mcd_db")
    )
    assert (
        np.isinf(result["si_sdr_db"]) and np.isnan(result["lsd_db"]) and np.isnan(result["mcd_db"])
    )


def test_wrong_input_is_refused_with_what_was_found():
    with pytest.raises(ValueError, match=r"\(96000,\).*\(48000,\)"):
        si_sdr_db(noise(2), noise(1))
    with pytest.raises(ValueError, match=r"16000.*48000"):
        lsd_db(noise(), noise(), 16_000, 8000.0)
    with pytest.raises(ValueError, match="500"):
        mcd_db(noise(), noise(), RATE, 500.0)
    with pytest.raises(KeyError, match="psq"):
        registry.compute_scores(noise(), noise(), RATE, FULL_HZ, names=("psq",))


def test_estoi_leaves_the_global_random_numbers_alone_and_does_not_depend_on_them():
    clean, results = speech_like(2), []
    gated = np.where(
        np.arange(len(clean)) < RATE, clean, 0
    )  # digital silence: pystoi's dither decides there
    for seed in (1, 2):
        np.random.seed(seed)
        expected = np.random.RandomState(seed).uniform()
        results.append(estoi(gated, clean, RATE))
        assert np.random.uniform() == expected
    assert results[0] == results[1]


@pytest.mark.parametrize("make", [noise, speech_like])
@pytest.mark.parametrize("seconds", [1.0, 3.0])
def test_nothing_cut_off_is_full_band(make, seconds):
    assert bandwidth_hz(make(seconds), RATE) == FULL_HZ


@pytest.mark.parametrize("make", [noise, speech_like])
@pytest.mark.parametrize("how", ["resampled", "steep FIR", "brick wall"])
@pytest.mark.parametrize("edge_hz", [4000, 8000, 11_025, 16_000])
def test_a_low_pass_is_found_within_3_percent_at_any_level(make, how, edge_hz):
    signal = low_passed(make(), edge_hz, how)
    for level_db in (0, -20, -40):
        stored = quantised(signal * 10 ** (level_db / 20), 24)
        assert bandwidth_hz(stored, RATE) == pytest.approx(edge_hz, rel=0.03), level_db
    assert bandwidth_hz(quantised(signal, 16), RATE) == pytest.approx(edge_hz, rel=0.03)


def test_a_sample_rate_once_lower_is_found_and_own_rates_are_full_band():
    assert bandwidth_hz(files.resample(noise(), 22_050, RATE), RATE) == pytest.approx(
        11_025, rel=0.03
    )
    for rate in (8000, 16_000, 22_050, 44_100, 96_000):
        assert bandwidth_hz(noise(), rate) == rate / 2


def test_a_tone_above_the_edge_is_no_bandwidth():
    signal, t = low_passed(speech_like(), 8000, "steep FIR"), np.arange(3 * RATE) / RATE
    assert bandwidth_hz(signal + 0.001 * np.sin(2 * np.pi * 15_625 * t), RATE) == pytest.approx(
        8000, rel=0.03
    )


def test_hiss_60_db_below_is_no_bandwidth():
    signal = low_passed(noise(), 8000, "steep FIR")
    assert bandwidth_hz(signal + noise(level=1e-4, seed=1), RATE) == pytest.approx(8000, rel=0.03)


def test_silence_has_no_bandwidth_and_a_few_samples_are_no_error():
    assert np.isnan(bandwidth_hz(np.zeros(RATE, np.float32), RATE))
    assert bandwidth_hz(noise(0.01), RATE) > 0


@pytest.mark.skipif(not REAL_SPEECH, reason="RETIMBRE_AUDIO names no folder of real speech")
@pytest.mark.parametrize(
    "speaker, low, high", [("kathleen", 23_000, 24_000), ("nathalie", 19_900, 20_700)]
)
def test_real_full_band_speech_holds_at_least_20_khz(speaker, low, high):
    for signal in real_speech(speaker, every=1):
        assert low <= bandwidth_hz(signal, RATE) <= high


@pytest.mark.skipif(not REAL_SPEECH, reason="RETIMBRE_AUDIO names no folder of real speech")
@pytest.mark.parametrize("how", ["resampled", "steep FIR", "brick wall"])
@pytest.mark.parametrize("edge_hz", [4000, 8000, 11_025, 16_000])
def test_a_low_pass_on_real_speech_is_found_within_3_percent(how, edge_hz):
    for signal in real_speech("kathleen", every=10) + real_speech("nathalie", every=12):
        cut = low_passed(signal, edge_hz, how)
        for stored in (quantised(cut, 24), quantised(0.01 * cut, 24), quantised(cut, 16)):
            assert bandwidth_hz(stored, RATE) == pytest.approx(edge_hz, rel=0.03)
