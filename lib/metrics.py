"""Scores of an estimate against its clean reference.

Signals are mono float32 numpy arrays `[T]` of equal length, sample-aligned: no function here searches for a delay.
Arguments come as (estimate, reference). What cannot be computed (PESQ of silence, LSD of no bins) is NaN: missing,
never zero. LSD and MCD stop at `bandwidth_hz`, what the clean recording really holds: above it there is nothing to hit.
"""

import warnings
from collections.abc import Sequence
from functools import cache, lru_cache

import numpy as np
import scipy.fft
import scipy.signal
from scipy.ndimage import median_filter

from lib import audio, voice
from lib.audio import SAMPLE_RATE  # the one at which spectra are compared

NAMES = ("pesq", "estoi", "si_sdr_db", "lsd_db", "lsd_above_4k_db", "mcd_db")  # what training and comparisons look at
SELECTION = ("lsd_db", "mcd_db", "pesq")  # by which epochs are chosen and items put in order; the GAN has no say in it
PITCH = ("f0_error_cents", "voicing_error")
DNSMOS = ("dnsmos_sig", "dnsmos_bak", "dnsmos_ovrl", "dnsmos_p808")
ALL = (*NAMES, "over_attenuation_db", "pause_level_db", "loudness_difference_lu", *PITCH, *DNSMOS)
LOWER = (*NAMES[3:], "over_attenuation_db", "pause_level_db", "loudness_difference_lu", *PITCH)  # is better
SIGN = {name: -1 if name in LOWER else 1 for name in ALL}  # times the score: higher is better
BEST = {"pesq": 4.643888, "estoi": 1.0, "si_sdr_db": np.inf} | {  # of the clean recording against itself
    name: 0.0 for name in LOWER if name != "pause_level_db"
}

N_FFT, HOP_LENGTH = 2048, 512
FLOOR_DB = -80.0  # re a full-scale sine; with a floor of -134 dB the score is about silence that nobody hears
ACTIVE_DB = 40.0  # frames of the reference this far below its loudest one are left out
PAUSE_FLOOR_DB = -100.0  # re active speech: digital silence
N_MELS, N_CEPSTRA = 80, 24

STEP_RATIO = 1.2  # bandwidth: a band edge falls within this ratio of frequencies ...
STEP_DB = 20.0  # ... by more than real full-band speech does (measured: 17 dB at most, in 170 utterances)
EMPTY_DB = 50.0  # and leaves nothing above it that is nearer than this to the spectrum's peak
DEPTH_DB = 50.0  # the edge is where this much, or 90 % of a smaller fall, is done: soxr's begins 9 % before its end
LOWEST_HZ = 2000.0  # no edge is sought below: there speech falls steeply by itself


def si_sdr_db(estimate: np.ndarray, reference: np.ndarray) -> float:
    """Scale-invariant signal-to-distortion ratio in dB (arXiv:1811.02508, without removal of the means).

    inf where the estimate is a scaled reference, NaN where one of them is silent.

    >>> si_sdr_db(np.array([1.0, 1.0]), np.array([1.0, 0.0]))
    0.0
    """
    _check(estimate, reference)
    estimate, reference = np.asarray(estimate, np.float64), np.asarray(reference, np.float64)
    if not estimate.any() or not reference.any():
        return np.nan
    target = estimate @ reference / (reference @ reference) * reference
    with np.errstate(divide="ignore"):
        return float(10 * np.log10(np.sum(target**2) / np.sum((estimate - target) ** 2)))


def lsd_db(
    estimate: np.ndarray, reference: np.ndarray, sample_rate: int, bandwidth_hz: float, above_hz: float = 0.0
) -> float:
    """Log-spectral distance in dB: RMS over bins, mean over frames; 0 is best.

    Hann window of 2048, hop 512, at 48 kHz; frames that lie wholly inside the signal (a shorter signal is padded);
    levels in dB of a full-scale sine, floor -80 dB; frames in which the reference is within 40 dB of its loudest frame;
    bins at or above `above_hz` (Hz) and below `bandwidth_hz` (Hz).

    Raises:
        ValueError: another sample rate than 48 kHz, or lengths that differ.
    """
    _check(estimate, reference, sample_rate)
    hz = np.fft.rfftfreq(N_FFT, 1 / sample_rate)
    bins = (hz >= above_hz) & (hz < bandwidth_hz)  # none for a NaN
    estimate, reference = (levels[:, bins] for levels in active_levels_db(estimate, reference))
    if not reference.size:
        return np.nan
    return float(np.mean(np.sqrt(np.mean((estimate - reference) ** 2, axis=1))))


def active_levels_db(estimate: np.ndarray, reference: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Levels `[frames, 1025]` in dB of a full-scale sine, as `lsd_db` compares them: its window, its frames, its floor."""
    estimate, reference = (_level_db(power) for power in _active_power(estimate, reference))
    return estimate, reference


def mcd_db(estimate: np.ndarray, reference: np.ndarray, sample_rate: int, bandwidth_hz: float) -> float:
    """Mel-cepstral distortion in dB, `10 / ln 10 * sqrt(2 * sum d^2)`, mean over frames; 0 is best; no time warping.

    `d` are differences of cepstra 1 to 24 (no c0: level does not count), the orthonormal DCT of 80 log mel magnitudes
    (ln; Slaney's mel scale from 0 to `bandwidth_hz`; the root of a band's weighted mean power), with the frames and the
    -80 dB floor of `lsd_db`. Orthonormal makes it sqrt(40) times the RMS difference in dB of two smooth mel spectra.

    Raises:
        ValueError: another sample rate than 48 kHz, lengths that differ, a bandwidth below 1 kHz.
    """
    _check(estimate, reference, sample_rate)
    if bandwidth_hz < 1000:
        raise ValueError(f"bandwidth_hz is {bandwidth_hz}, expected at least 1000 Hz: 80 mel bands need bins to hold")
    powers = _active_power(estimate, reference)
    if not len(powers[1]) or np.isnan(bandwidth_hz):
        return np.nan
    filters = _mel_filters(sample_rate, min(float(bandwidth_hz), sample_rate / 2))
    levels = (_level_db(power @ filters) * (np.log(10) / 20) for power in powers)
    estimate, reference = (scipy.fft.dct(level, type=2, norm="ortho", axis=1)[:, 1 : N_CEPSTRA + 1] for level in levels)
    return float(10 / np.log(10) * np.mean(np.sqrt(2 * np.sum((estimate - reference) ** 2, axis=1))))


def pesq_wb(estimate: np.ndarray, reference: np.ndarray, sample_rate: int) -> float:
    """Wide-band PESQ (ITU-T P.862.2, MOS-LQO, 1.02 to 4.64) at 16 kHz; NaN for silence or less than 1/4 s.

    P.862 aligns in time and level by itself: a constant delay or gain does not show in this score.
    """
    import pesq

    _check(estimate, reference)
    estimate, reference = (audio.resample(signal, sample_rate, 16_000) for signal in (estimate, reference))
    if not np.any(estimate) or not np.any(reference):
        return np.nan
    try:
        return float(pesq.pesq(16_000, reference, estimate, "wb"))
    except (pesq.NoUtterancesError, pesq.BufferTooShortError):
        return np.nan


def estoi(estimate: np.ndarray, reference: np.ndarray, sample_rate: int) -> float:
    """Extended short-time intelligibility (pystoi, which resamples to 10 kHz), at most 1; NaN for silence or < 0.4 s of
    speech."""
    import pystoi

    _check(estimate, reference)
    if not np.any(estimate) or not np.any(reference):
        return np.nan
    state = np.random.get_state()  # pystoi dithers from the global generator: the score must not depend on its state
    np.random.seed(0)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", "Not enough STFT frames", RuntimeWarning)
            return float(pystoi.stoi(reference, estimate, sample_rate, extended=True))
    except RuntimeWarning:
        return np.nan
    finally:
        np.random.set_state(state)


def over_attenuation_db(estimate: np.ndarray, reference: np.ndarray, sample_rate: int, bandwidth_hz: float) -> float:
    """What is missing, in dB: the mean over frames and bins of `reference - estimate` where that is positive, 0 elsewhere.

    Levels, frames and bins are those of `lsd_db`; what is too much costs nothing, so that a louder signal scores better.
    """
    _check(estimate, reference, sample_rate)
    bins = np.fft.rfftfreq(N_FFT, 1 / sample_rate) < bandwidth_hz
    estimate, reference = (levels[:, bins] for levels in active_levels_db(estimate, reference))
    return float(np.mean(np.maximum(reference - estimate, 0.0))) if reference.size else np.nan


def pause_level_db(estimate: np.ndarray, reference: np.ndarray, sample_rate: int) -> float:
    """Level of `estimate` in the pauses of `reference`, in dB re the level of `reference` where it is active.

    Pauses are the frames (Hann 2048, hop 512, at 48 kHz) that `lsd_db` leaves out. The lowest is -100 dB, digital silence; NaN
    where the reference has no pause, or nothing but pauses. The energy that a stage adds in silence is the difference of two.
    """
    _check(estimate, reference, sample_rate)
    framed = [frames_of(np.asarray(signal, np.float32)) for signal in (estimate, reference)]
    energy, energy_reference = (np.mean((frames * _window()) ** 2, axis=1) for frames in framed)
    active = _active(energy_reference)
    if active.all() or not active.any():
        return np.nan
    ratio = energy[~active].mean() / energy_reference[active].mean()
    return float(10 * np.log10(max(ratio, 10 ** (PAUSE_FLOOR_DB / 10))))


def scores(
    estimate: np.ndarray,
    reference: np.ndarray,
    sample_rate: int,
    bandwidth_hz: float,
    names: Sequence[str] = NAMES,
) -> dict[str, float]:
    """The scores `names` (of `ALL`) of one estimate. Raises `KeyError` for a name that there is not."""
    pair, limits = (estimate, reference), (sample_rate, bandwidth_hz)
    score = {
        "pesq": lambda: pesq_wb(*pair, sample_rate),
        "estoi": lambda: estoi(*pair, sample_rate),
        "si_sdr_db": lambda: si_sdr_db(*pair),
        "lsd_db": lambda: lsd_db(*pair, *limits),
        "lsd_above_4k_db": lambda: lsd_db(*pair, *limits, above_hz=4000.0),
        "mcd_db": lambda: mcd_db(*pair, *limits),
        "over_attenuation_db": lambda: over_attenuation_db(*pair, *limits),
        "pause_level_db": lambda: pause_level_db(*pair, sample_rate),
        "loudness_difference_lu": lambda: voice.loudness_difference_lu(*pair, sample_rate),
    }
    several = {PITCH: lambda: voice.pitch(*pair, sample_rate), DNSMOS: lambda: voice.dnsmos(estimate, sample_rate)}
    found = {name: score[name]() for name in names if name in score}
    for group, compute in several.items():
        found |= compute() if set(group) & set(names) else {}
    return {name: found[name] for name in names}


def bandwidth_hz(signal: np.ndarray, sample_rate: int) -> float:
    """Upper edge of what a recording holds, in Hz: `sample_rate / 2` if nothing cuts it off, NaN for silence.

    It is the edge of a low-pass (an earlier, lower sample rate, a codec, a telephone), found at any level, and not an
    energy roll-off: full-band speech falls by 60 dB up to 20 kHz, but slowly. The long-term spectrum is taken with a
    window of 85 ms and rid of tones (a median over 300 Hz); an edge is the lowest frequency, above 2 kHz, at which all
    that lies higher is 20 dB below the spectrum at a frequency 1.2 times lower, and 50 dB below its peak. Edges above
    97 % of the Nyquist frequency are the converter's own and do not count. A low-pass whose fall is not done within 3 %
    (an IIR of few poles) is placed where it has fallen by 50 dB.

    >>> noise = np.random.default_rng(0).standard_normal(48_000)
    >>> bandwidth_hz(noise, 48_000)
    24000.0
    >>> round(bandwidth_hz(audio.resample(noise, 16_000, 48_000), 48_000), -3)
    8000.0
    """
    hz, level = _long_term_level_db(signal, sample_rate)
    if not np.isfinite(level).any():
        return np.nan
    above = np.maximum.accumulate(level[::-1])[::-1]  # the highest level from here on
    fall = np.interp(hz / STEP_RATIO, hz, above) - above
    edges = np.flatnonzero((fall >= STEP_DB) & (above <= level.max() - EMPTY_DB) & (hz >= LOWEST_HZ))
    if not len(edges):
        return sample_rate / 2
    around = slice(edges[0], np.searchsorted(hz, hz[edges[0]] * STEP_RATIO) + 1)
    bottom = edges[0] + np.argmax(fall[around])
    top_db = above[bottom] + fall[bottom]
    edge = float(hz[np.argmax(above <= top_db - min(0.9 * fall[bottom], DEPTH_DB))])
    return edge if edge < 0.97 * sample_rate / 2 else sample_rate / 2


def _check(estimate: np.ndarray, reference: np.ndarray, sample_rate: int | None = None) -> None:
    if np.ndim(estimate) != 1 or np.shape(estimate) != np.shape(reference):
        raise ValueError(
            f"estimate {np.shape(estimate)}, reference {np.shape(reference)}: expected two [T] of one length"
        )
    if sample_rate not in (None, SAMPLE_RATE):
        raise ValueError(f"sample_rate is {sample_rate}, expected {SAMPLE_RATE} Hz: resample both signals first")


def frames_of(signal: np.ndarray, length: int = N_FFT, hop_length: int = HOP_LENGTH) -> np.ndarray:
    """Frames `[n, length]` that lie wholly inside `signal`; at least one, of a signal padded to `length`."""
    signal = np.pad(signal, (0, max(0, length - len(signal))))
    return np.lib.stride_tricks.sliding_window_view(signal, length)[::hop_length]


def _active_power(*signals: np.ndarray) -> list[np.ndarray]:
    """Power `[frames, F]` re a full-scale sine, of the frames in which the last signal is active."""
    framed = [frames_of(np.asarray(signal, np.float32)) for signal in signals]
    loudness = np.mean((framed[-1] * _window()) ** 2, axis=1)
    active = _active(loudness)
    return [power(frames[active]) for frames in framed]


def _active(energy: np.ndarray) -> np.ndarray:
    """Which frames are within 40 dB of the loudest."""
    return (energy >= energy.max() * 10 ** (-ACTIVE_DB / 10)) & (energy > 0)


def power(frames: np.ndarray) -> np.ndarray:
    """Power `[n, N_FFT // 2 + 1]` of frames `[n, N_FFT]`; a full-scale sine in the middle of a bin has 1."""
    return np.abs(scipy.fft.rfft(frames * _window()) * (2 / _window().sum())) ** 2


@cache
def _window() -> np.ndarray:
    return scipy.signal.get_window("hann", N_FFT).astype(np.float32)


def _level_db(power: np.ndarray) -> np.ndarray:
    return 10 * np.log10(np.maximum(power, 10 ** (FLOOR_DB / 10)))


@lru_cache(maxsize=64)
def _mel_filters(sample_rate: int, bandwidth_hz: float) -> np.ndarray:
    """`[F, N_MELS]`; the weights of a band sum to one, so that a band of floor is at the floor."""
    import librosa.filters

    filters = librosa.filters.mel(sr=sample_rate, n_fft=N_FFT, n_mels=N_MELS, fmax=bandwidth_hz, norm=None)
    return (filters / filters.sum(axis=1, keepdims=True)).T


def _long_term_level_db(signal: np.ndarray, sample_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies in Hz and mean power in dB (-inf: none), smoothed by a median over 300 Hz: edges stay in place."""
    length = 2 ** round(np.log2(0.085 * sample_rate))
    window = scipy.signal.get_window("blackmanharris", length)  # side lobes of -92 dB: an edge may be that deep
    frames, power = frames_of(signal, length, length // 2), np.zeros(length // 2 + 1)
    for start in range(0, len(frames), 256):  # in blocks: a recording may be an hour long
        power += np.sum(np.abs(scipy.fft.rfft(frames[start : start + 256] * window)) ** 2, axis=0)
    with np.errstate(divide="ignore"):
        level = 10 * np.log10(power / len(frames))
    return np.fft.rfftfreq(length, 1 / sample_rate), median_filter(level, 2 * round(150 * length / sample_rate) + 1)
