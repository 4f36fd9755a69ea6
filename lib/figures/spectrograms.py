"""Spectrograms of signals.

The grid is that of the log-spectral distance: Hann window of 2048 samples, hop 512, levels in dB of
a full-scale sine.
"""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage

from lib.audio import stft
from lib.figures.base import Figure, blank, explain_empty, styled

MAX_SECONDS = 6.0
MIN_DB, MAX_DB = -100, -30  # of the colours, the same in every figure
EDGES_HZ = (1000, 4000)  # between the ranges that are compared in words
MOST = 0.99  # of the power


@styled
def spectrograms(
    signals: Mapping[str, np.ndarray],
    sample_rate: int,
    title: str = "",
    bandwidth_hz: float | None = None,
    max_seconds: float = MAX_SECONDS,
) -> Figure:
    """Spectrograms side by side (four: 2 x 2) on one scale, -100 to -30 dB of a full-scale sine.

    Args:
        signals: name -> `[T]`.
        bandwidth_hz: upper edge of what the recording holds, drawn as a dashed line.
        max_seconds: how much of each signal is drawn.
    """
    n = len(signals)
    figure, axes = blank(2, 2, height=6.6) if n == 4 else blank(1, max(n, 1), height=4.4)
    image = None
    for ax, (name, signal) in zip(axes, signals.items(), strict=False):
        levels = _levels(signal, sample_rate, max_seconds)
        look = {"cmap": "magma", "vmin": MIN_DB, "vmax": MAX_DB}
        image = _draw(ax, levels, sample_rate, bandwidth_hz, **look)
        ax.set_title(name, loc="left")
        # The panels have the same axes, so numbers on the outer ones are enough.
        ax.label_outer()
    lowest, leftmost = (axes[-2:], axes[::2]) if n == 4 else (axes, axes[:1])
    for ax in lowest:
        ax.set_xlabel("time (s)")
    for ax in leftmost:
        ax.set_ylabel("frequency (kHz)")
    if image is None:
        explain_empty(axes[0], "no signals")
    else:
        # Arrows at both ends: levels beyond have the colour of the end.
        bar = {"extend": "both", "aspect": 30, "pad": 0.02}
        figure.colorbar(image, ax=list(axes), label="level (dB re full-scale sine)", **bar)
    figure.suptitle(title)
    return figure


def show(
    figure: Figure,
    signals: Mapping[str, np.ndarray],
    sample_rate: int,
    title: str,
    max_seconds: float = MAX_SECONDS,
) -> None:
    """Let a figure of `spectrograms` show other signals of the same names and lengths.

    All else stays as it is, so this takes less time than a new figure.
    """
    # The axes behind the panels are the bar of colours.
    for ax, signal in zip(figure.axes, signals.values(), strict=False):
        ax.images[0].set_data(_levels(signal, sample_rate, max_seconds))
    figure.texts[0].set_text(title)


def _levels(signal: np.ndarray, sample_rate: int, max_seconds: float) -> np.ndarray:
    return stft.spectrogram_db(np.asarray(signal)[: round(max_seconds * sample_rate)])


def spectrograms_in_words(
    signals: Mapping[str, np.ndarray],
    sample_rate: int,
    bandwidth_hz: float | None = None,
    max_seconds: float = MAX_SECONDS,
) -> str:
    """How far each signal is from clean, or how high it reaches: the figure in a sentence.

    Beside clean: the power below 1 kHz, up to 4 kHz, and from there to the bandwidth, in the frames
    in which clean is active. Without clean: its level, and below which frequency 99 % of the power
    lie.

    Args:
        signals, bandwidth_hz, max_seconds: as of `spectrograms`.

    >>> t = np.arange(48_000) / 48_000
    >>> spectrograms_in_words({"before": np.sin(2 * np.pi * 3000 * t)}, 48_000)
    'before: -3.0 dBFS, 99 % of the power below 3.0 kHz.'
    """
    part = {name: signal[: round(max_seconds * sample_rate)] for name, signal in signals.items()}
    frequencies = np.arange(stft.N_FFT // 2 + 1) * sample_rate / stft.N_FFT
    clean = part.get("clean")
    if clean is not None and np.any(clean):
        edges = [-1.0, *EDGES_HZ, max(bandwidth_hz or sample_rate / 2, EDGES_HZ[-1] + 1.0)]
        ranges = np.digitize(frequencies, edges, right=True)
        levels = {
            name: 10 * np.log10([power[ranges == i].sum() + 1e-12 for i in (1, 2, 3)])
            for name, signal in part.items()
            for power in [stft.active_power(signal, clean)[0].sum(axis=0)]
        }
        others = [
            f"{name} {', '.join(f'{x:+.1f}' for x in level - levels['clean'])} dB"
            for name, level in levels.items()
            if name != "clean"
        ]
        return f"Power re clean below 1 kHz, at 1 to 4 kHz, and above: {'; '.join(others)}."
    return " ".join(_reach(name, x, frequencies) for name, x in part.items() if len(x))


def _reach(name: str, signal: np.ndarray, frequencies: np.ndarray) -> str:
    if not np.any(signal):
        return f"{name}: silent."
    power = np.cumsum(stft.power_spectrogram(signal).sum(axis=1))
    edge_hz = frequencies[np.searchsorted(power, MOST * power[-1])]
    level_db = 10 * np.log10(np.mean(np.square(signal, dtype=np.float64)))
    return f"{name}: {level_db:.1f} dBFS, 99 % of the power below {edge_hz / 1000:.1f} kHz."


def _draw(
    ax: Axes,
    values: np.ndarray,
    sample_rate: int,
    bandwidth_hz: float | None,
    **look,
) -> AxesImage:
    """`values` `[F, frames]` over seconds and kHz, and a dashed line at `bandwidth_hz`."""
    # The last frame starts so many hops after the first one, and is a window long.
    seconds = (values.shape[1] - 1) * stft.HOP_LENGTH / sample_rate + stft.N_FFT / sample_rate
    # No line where it would coincide with the upper edge of the picture.
    if bandwidth_hz is not None and bandwidth_hz < 0.99 * sample_rate / 2:
        ax.axhline(bandwidth_hz / 1000, color="white", linestyle="--", linewidth=1)
    # The lines of the style's grid would lie over the picture.
    ax.grid(visible=False)
    # The Nyquist frequency in kHz is the sample rate over 2000.
    extent = (0, seconds, 0, sample_rate / 2000)
    return ax.imshow(values, origin="lower", aspect="auto", extent=extent, **look)
