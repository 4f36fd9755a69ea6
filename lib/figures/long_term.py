"""The long-term spectrum of active speech: its levels and its figure."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from lib.audio import stft
from lib.figures.base import COLOURS, Figure, blank, explain_empty, styled
from lib.figures.words import NOTHING

MIN_HZ = 50
VOICE_HZ = 80  # no voice is lower
BAND = 2 ** (-1 / 12), 2 ** (1 / 12)  # the edges of 1/6 octave, re its middle
N_FREQUENCIES = 240
MIN_POWER = 1e-16  # -160 dB: digital silence
TICKS_HZ = (50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000)
MAX_RANGE_DB = 90  # of the level axis
MIN_REACH_DB, MAX_REACH_DB = 6.0, 30.0  # of the difference axis, to either side


def long_term_level_db(
    signals: Sequence[np.ndarray],
    references: Sequence[np.ndarray],
    frequencies: np.ndarray,
    sample_rate: int,
) -> np.ndarray:
    """Mean level of many signals at each of `frequencies`, in dB of a full-scale sine.

    The mean is of powers, over all active frames of all signals and over 1/6 octave, or over two
    bins where these are wider.

    Args:
        signals: `[T]` each.
        references: for each signal the one that decides which frames are active: its clean version
            or itself. A frame is active within 40 dB of the loudest frame of the reference.
        frequencies: Hz.

    Raises:
        ValueError: a signal and its reference differ in length.
    """
    power, n_frames = np.zeros(stft.N_FFT // 2 + 1), 0
    for signal, reference in zip(signals, references, strict=True):
        if len(signal) != len(reference):
            raise ValueError(
                f"a signal has {len(signal)} samples, its clean version {len(reference)}:"
                " expected equal lengths"
            )
        energy = stft.power_spectrogram(reference).sum(axis=0)
        # Without the least power all frames of a silent reference would be active.
        active = energy >= max(energy.max() * 10 ** (-stft.ACTIVE_DB / 10), MIN_POWER)
        power += stft.power_spectrogram(signal)[:, active].sum(axis=1)
        n_frames += int(active.sum())

    # The mean over a band is a difference of the integral over frequency. Bin k reaches from
    # edge k to edge k + 1.
    spacing = sample_rate / stft.N_FFT
    edges = (np.arange(len(power) + 1) - 0.5) * spacing
    integral = np.concatenate([[0.0], np.cumsum(power / max(n_frames, 1))]) * spacing
    low = np.minimum(frequencies * BAND[0], frequencies - spacing)
    high = np.maximum(frequencies * BAND[1], frequencies + spacing)
    high = np.minimum(high, sample_rate / 2)
    mean = (np.interp(high, edges, integral) - np.interp(low, edges, integral)) / (high - low)
    return 10 * np.log10(np.maximum(mean, MIN_POWER))


@styled
def long_term_spectrum(
    signals: Mapping[str, Sequence[np.ndarray]],
    sample_rate: int,
    title: str = "",
    bandwidth_hz: float | None = None,
) -> Figure:
    """Long-term spectra over speech; if `clean` is given, their differences to it below.

    Args:
        signals: name -> signals `[T]`; the i-th of each name belong together.
        bandwidth_hz: upper edge of what the recordings hold, drawn as a dashed line.
    """
    frequencies, levels = _levels(signals, sample_rate)
    figure, axes = blank(2 if "clean" in levels else 1, 1, height=6.6, sharex=True)
    _draw_levels(axes[0], frequencies, levels)
    if "clean" in levels:
        differences = {
            name: level - levels["clean"] for name, level in levels.items() if name != "clean"
        }
        heard = _heard(frequencies, levels["clean"], bandwidth_hz)
        _draw_differences(axes[1], frequencies, differences, heard)
    for ax in axes:
        ax.set_xlim(MIN_HZ, sample_rate / 2)
        ax.grid(visible=True, which="both", alpha=0.15)
        if bandwidth_hz is not None:
            ax.axvline(bandwidth_hz, color="#444444", linestyle="--", linewidth=1)
    ticks = [hz for hz in TICKS_HZ if hz <= sample_rate / 2]
    axes[-1].set_xticks(ticks, [f"{hz / 1000:g} k" if hz >= 1000 else str(hz) for hz in ticks])
    axes[-1].set_xlabel("frequency (Hz), means over 1/6 octave")
    figure.suptitle(title)
    return figure


def long_term_in_words(
    signals: Mapping[str, Sequence[np.ndarray]],
    sample_rate: int,
    bandwidth_hz: float | None = None,
) -> str:
    """Where each spectrum is farthest from that of clean: in a sentence.

    Frequencies count at which clean is within 40 dB of its loudest, from 80 Hz to the bandwidth:
    elsewhere the distance is that to its noise floor.

    Args:
        signals, bandwidth_hz: as of `long_term_spectrum`, with clean.

    >>> noise = np.random.default_rng(0).standard_normal(48_000)
    >>> long_term_in_words({"restored": [noise / 2], "clean": [noise]}, 48_000)[:55]
    'Farthest from clean, 0.1 to 22.7 kHz: restored -6.0 dB '
    """
    frequencies, levels = _levels(signals, sample_rate)
    if not {"clean"} < set(levels):
        return NOTHING
    heard = _heard(frequencies, levels["clean"], bandwidth_hz)
    if not heard.any():
        return NOTHING
    khz, parts = frequencies[heard] / 1000, []
    for name in [name for name in levels if name != "clean"]:
        gaps = (levels[name] - levels["clean"])[heard]
        i = np.argmax(np.abs(gaps))
        parts.append(f"{name} {gaps[i]:+.1f} dB ({1000 * khz[i]:,.0f} Hz)")
    return f"Farthest from clean, {khz[0]:.1f} to {khz[-1]:.1f} kHz: {'; '.join(parts)}."


def _heard(frequencies: np.ndarray, clean_db: np.ndarray, bandwidth_hz: float | None) -> np.ndarray:
    """At which frequencies clean holds voice."""
    inside = (frequencies >= VOICE_HZ) & (frequencies <= (bandwidth_hz or np.inf))
    return inside & (clean_db >= clean_db.max() - stft.ACTIVE_DB)


def _levels(
    signals: Mapping[str, Sequence[np.ndarray]], sample_rate: int
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    # The highest band ends at the Nyquist frequency.
    frequencies = np.geomspace(MIN_HZ, sample_rate / 2 * BAND[0], N_FREQUENCIES)
    # Clean, where it is given, decides for all signals which frames are active.
    clean = signals.get("clean")
    levels = {
        name: long_term_level_db(recordings, clean or recordings, frequencies, sample_rate)
        for name, recordings in signals.items()
        if len(recordings)
    }
    return frequencies, levels


def _draw_levels(ax: Axes, frequencies: np.ndarray, levels: Mapping[str, np.ndarray]) -> None:
    ax.set_ylabel("level\n(dB re full-scale sine)")
    if not levels:
        explain_empty(ax, "no signals")
        return
    for name, level in levels.items():
        ax.semilogx(frequencies, level, color=COLOURS.get(name), label=name)
    ax.legend(ncols=len(levels))
    highest = max(level.max() for level in levels.values())
    lowest = min(level.min() for level in levels.values())
    ax.set_ylim(max(lowest, highest - MAX_RANGE_DB) - 3, highest + 6)


def _draw_differences(
    ax: Axes, frequencies: np.ndarray, differences: Mapping[str, np.ndarray], heard: np.ndarray
) -> None:
    """The axis reaches as far as the frequencies that are `heard` need."""
    for name, difference in differences.items():
        ax.semilogx(frequencies, difference, color=COLOURS.get(name))
    ax.axhline(0, color=COLOURS["clean"])
    # Noisy may leave the panel, so that the others can be told apart.
    peaks = [
        1.1 * np.abs(gap[heard]).max(initial=0)
        for name, gap in differences.items()
        if name != "noisy"
    ]
    reach = min(max([MIN_REACH_DB, *peaks]), MAX_REACH_DB)
    ax.set_ylim(-reach, reach)
    ax.set_ylabel("minus clean (dB)")
