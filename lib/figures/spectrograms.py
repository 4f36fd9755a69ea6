"""Spectra of signals over time and of whole corpora: the levels, and their pictures.

Hann windows of 2048 samples, hop 512, in dB re a full-scale sine, as in the log-spectral distance (`lib.metrics.registry`).
"""

from collections.abc import Mapping

import numpy as np

from lib.audio import stft
from lib.figures.base import Figure, blank, explain_empty, styled

N_FFT, HOP_LENGTH = stft.N_FFT, stft.HOP_LENGTH  # of all spectra, as in the LSD


@styled
def spectrograms(
    signals: Mapping[str, np.ndarray],
    sample_rate: int,
    title: str = "",
    bandwidth_hz: float | None = None,
    max_seconds: float = 6.0,
) -> Figure:
    """Spectrograms side by side (four: 2 x 2) on one scale, -100 to -30 dB re a full-scale sine in every figure.

    Args:
        signals: name -> `[T]`; what is beyond `max_seconds` is not drawn.
        bandwidth_hz: upper edge of what the recording holds, drawn as a dashed line.
    """
    n = len(signals)
    figure, axes = blank(2, 2, height=6.6) if n == 4 else blank(1, max(n, 1), height=4.4)
    image = None
    for ax, (name, signal) in zip(axes, signals.items(), strict=False):
        spectrum = stft.spectrogram_db(np.asarray(signal)[: round(max_seconds * sample_rate)])
        image = _image(
            ax, spectrum, sample_rate, bandwidth_hz, "white", cmap="magma", vmin=-100, vmax=-30
        )
        ax.set_title(name, loc="left")
        ax.label_outer()
    for ax in axes[-2:] if n == 4 else axes:
        ax.set_xlabel("time (s)")
    for ax in axes[::2] if n == 4 else axes[:1]:
        ax.set_ylabel("frequency (kHz)")
    if image is None:
        explain_empty(axes[0], "no signals")
    else:
        figure.colorbar(
            image,
            ax=list(axes),
            label="level (dB re full-scale sine)",
            extend="both",
            aspect=30,
            pad=0.02,
        )
    figure.suptitle(title)
    return figure


@styled
def difference_spectrograms(
    signals: Mapping[str, np.ndarray],
    sample_rate: int,
    title: str = "",
    bandwidth_hz: float | None = None,
) -> Figure:
    """Spectrograms minus that of `clean`, beside each other: red is too much, blue is missing; floor -80 dB, as in LSD.

    Args:
        signals: as for `spectrograms`, `clean` among them; the first 6 s are drawn.
        bandwidth_hz: as there.
    """
    levels = {
        name: stft.spectrogram_db(np.asarray(signal)[: round(6.0 * sample_rate)])
        for name, signal in signals.items()
    }
    clean = np.maximum(levels.pop("clean"), stft.FLOOR_DB)
    figure, axes = blank(1, max(len(levels), 1), height=3.8, sharey=True)
    for ax, (name, spectrum) in zip(axes, levels.items(), strict=False):
        change = np.maximum(spectrum, stft.FLOOR_DB) - clean
        image = _image(
            ax, change, sample_rate, bandwidth_hz, "black", cmap="RdBu_r", vmin=-20, vmax=20
        )
        ax.set_title(f"{name} - clean", loc="left")
        ax.set_xlabel("time (s)")
    axes[0].set_ylabel("frequency (kHz)")
    if levels:
        figure.colorbar(
            image, ax=list(axes), label="difference (dB)", extend="both", aspect=20, pad=0.02
        )
    figure.suptitle(title)
    return figure


def _image(ax, values: np.ndarray, sample_rate: int, bandwidth_hz: float | None, line: str, **look):
    """`values` `[F, frames]` over seconds and kHz, and a dashed line at `bandwidth_hz`."""
    seconds = (values.shape[1] - 1) * HOP_LENGTH / sample_rate + N_FFT / sample_rate
    if bandwidth_hz is not None and bandwidth_hz < 0.99 * sample_rate / 2:
        ax.axhline(bandwidth_hz / 1000, color=line, linestyle="--", linewidth=1)
    ax.grid(visible=False)
    return ax.imshow(
        values, origin="lower", aspect="auto", extent=(0, seconds, 0, sample_rate / 2000), **look
    )
