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
