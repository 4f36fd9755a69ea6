"""The long-term spectrum of active speech."""

from collections.abc import Mapping, Sequence

import numpy as np

from lib.audio import stft
from lib.figures.base import COLOURS, Figure, blank, explain_empty, styled
from lib.figures.spectrograms import N_FFT


def long_term_level_db(
    signals: Sequence[np.ndarray],
    active: Sequence[np.ndarray],
    frequencies: np.ndarray,
    sample_rate: int,
):
    """Mean level in dB re a full-scale sine of many signals at `frequencies` (Hz), each over 1/6 octave or two bins.

    A frame counts if the same frame of `active` (the signal itself, or its clean version) is within 40 dB of the
    loudest frame there. The mean is of powers, over the frames of all signals.
    """
    total, n_frames = np.zeros(N_FFT // 2 + 1), 0
    for signal, judge in zip(signals, active, strict=True):
        if len(signal) != len(judge):
            raise ValueError(
                f"{len(signal)} samples, but its clean version has {len(judge)}: equal lengths are needed"
            )
        energy = stft.power_spectrogram(judge).sum(axis=0)
        chosen = energy >= max(energy.max() * 1e-4, 1e-16)
        total += stft.power_spectrogram(signal)[:, chosen].sum(axis=1)
        n_frames += int(chosen.sum())
    spacing = sample_rate / N_FFT
    edges = (np.arange(len(total) + 1) - 0.5) * spacing  # bin k reaches from edge k to edge k + 1
    below = np.concatenate([[0.0], np.cumsum(total / max(n_frames, 1))]) * spacing
    low = np.minimum(frequencies * 2 ** (-1 / 12), frequencies - spacing)
    high = np.minimum(
        np.maximum(frequencies * 2 ** (1 / 12), frequencies + spacing), sample_rate / 2
    )
    mean = (np.interp(high, edges, below) - np.interp(low, edges, below)) / (high - low)
    return 10 * np.log10(np.maximum(mean, 1e-16))


@styled
def long_term_spectrum(
    signals: Mapping[str, Sequence[np.ndarray]],
    sample_rate: int,
    title: str = "",
    bandwidth_hz: float | None = None,
) -> Figure:
    """Long-term spectra of the signals over speech, and below them their difference to `clean`, if that is given.

    Args:
        signals: name -> signals `[T]`; the i-th of each name belong together.
        bandwidth_hz: upper edge of what the recordings hold, drawn as a dashed line.
    """
    clean = signals.get("clean")
    figure, axes = blank(2 if clean else 1, 1, height=6.6, sharex=True)
    frequencies = np.geomspace(50, sample_rate / 2 * 2 ** (-1 / 12), 240)
    curves = {
        name: long_term_level_db(each, clean or each, frequencies, sample_rate)
        for name, each in signals.items()
        if len(each)
    }
    for name, curve in curves.items():
        colour = COLOURS.get(name)
        axes[0].semilogx(frequencies, curve, color=colour, label=name)
        if clean and name != "clean":
            axes[1].semilogx(frequencies, curve - curves["clean"], color=colour)
    axes[0].set_ylabel("level (dB)")
    if curves:
        axes[0].legend(ncols=len(curves))
        loudest = max(curve.max() for curve in curves.values())
        axes[0].set_ylim(
            max(min(curve.min() for curve in curves.values()), loudest - 90) - 3, loudest + 6
        )
    else:
        explain_empty(axes[0], "no signals")
    if clean:
        gaps = [
            curve - curves["clean"]
            for name, curve in curves.items()
            if name not in ("noisy", "clean")
        ]
        reach = min(max([6.0, *(1.1 * np.abs(gap).max() for gap in gaps)]), 30.0)
        axes[1].axhline(0, color=COLOURS["clean"])
        axes[1].set_ylim(-reach, reach)  # noisy may leave the panel
        axes[1].set_ylabel("minus clean (dB)")
    for ax in axes:
        ax.set_xlim(50, sample_rate / 2)
        ax.grid(visible=True, which="both", alpha=0.15)
        if bandwidth_hz is not None:
            ax.axvline(bandwidth_hz, color="#444444", linestyle="--", linewidth=1)
    ticks = [
        f for f in (50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000) if f <= sample_rate / 2
    ]
    axes[-1].set_xticks(ticks, [f"{f / 1000:g} k" if f >= 1000 else str(f) for f in ticks])
    axes[-1].set_xlabel("frequency (Hz), means over 1/6 octave")
    figure.suptitle(title)
    return figure
