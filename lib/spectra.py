"""Spectra of signals over time and of whole corpora: the levels, and their pictures.

Hann windows of 2048 samples, hop 512, in dB re a full-scale sine, as in the log-spectral distance (`lib.metrics`).
"""

from collections.abc import Mapping, Sequence

import numpy as np

from lib import figures, metrics

N_FFT, HOP_LENGTH = metrics.N_FFT, metrics.HOP_LENGTH  # of all spectra, as in the LSD


def power(signal: np.ndarray) -> np.ndarray:
    """Power of each bin and frame, `[N_FFT // 2 + 1, frames]`; a full-scale sine in the middle of a bin has 1."""
    return metrics.power(metrics.frames_of(np.asarray(signal, np.float32))).T


def level(signal: np.ndarray) -> np.ndarray:
    """Spectrogram `[N_FFT // 2 + 1, frames]` in dB re a full-scale sine (Hann 2048, hop 512), floor -160 dB.

    Frames lie within the signal; one shorter than a frame is padded with zeros.

    >>> t = np.arange(48_000) / 48_000
    >>> spectrum = level(np.sin(2 * np.pi * 1500 * t))  # 1500 Hz is the middle of bin 64
    >>> spectrum.shape, int(spectrum[:, 5].argmax()), round(float(spectrum[64].max()), 3) + 0.0
    ((1025, 90), 64, 0.0)
    """
    return 10 * np.log10(np.maximum(power(signal), 1e-16))


@figures.styled
def spectrograms(
    signals: Mapping[str, np.ndarray],
    sample_rate: int,
    title: str = "",
    bandwidth_hz: float | None = None,
    max_seconds: float = 6.0,
) -> figures.Figure:
    """Spectrograms side by side (four: 2 x 2) on one scale, -100 to -30 dB re a full-scale sine in every figure.

    Args:
        signals: name -> `[T]`; what is beyond `max_seconds` is not drawn.
        bandwidth_hz: upper edge of what the recording holds, drawn as a dashed line.
    """
    n = len(signals)
    figure, axes = figures.blank(2, 2, height=6.6) if n == 4 else figures.blank(1, max(n, 1), height=4.4)
    image = None
    for ax, (name, signal) in zip(axes, signals.items(), strict=False):
        spectrum = level(np.asarray(signal)[: round(max_seconds * sample_rate)])
        image = _image(ax, spectrum, sample_rate, bandwidth_hz, "white", cmap="magma", vmin=-100, vmax=-30)
        ax.set_title(name, loc="left")
        ax.label_outer()
    for ax in axes[-2:] if n == 4 else axes:
        ax.set_xlabel("time (s)")
    for ax in axes[::2] if n == 4 else axes[:1]:
        ax.set_ylabel("frequency (kHz)")
    if image is None:
        figures.say(axes[0], "no signals")
    else:
        figure.colorbar(image, ax=list(axes), label="level (dB re full-scale sine)", extend="both", aspect=30, pad=0.02)
    figure.suptitle(title)
    return figure


@figures.styled
def differences(
    signals: Mapping[str, np.ndarray], sample_rate: int, title: str = "", bandwidth_hz: float | None = None
) -> figures.Figure:
    """Spectrograms minus that of `clean`, beside each other: red is too much, blue is missing; floor -80 dB, as in LSD.

    Args:
        signals: as for `spectrograms`, `clean` among them; the first 6 s are drawn.
        bandwidth_hz: as there.
    """
    levels = {name: level(np.asarray(signal)[: round(6.0 * sample_rate)]) for name, signal in signals.items()}
    clean = np.maximum(levels.pop("clean"), metrics.FLOOR_DB)
    figure, axes = figures.blank(1, max(len(levels), 1), height=3.8, sharey=True)
    for ax, (name, spectrum) in zip(axes, levels.items(), strict=False):
        change = np.maximum(spectrum, metrics.FLOOR_DB) - clean
        image = _image(ax, change, sample_rate, bandwidth_hz, "black", cmap="RdBu_r", vmin=-20, vmax=20)
        ax.set_title(f"{name} - clean", loc="left")
        ax.set_xlabel("time (s)")
    axes[0].set_ylabel("frequency (kHz)")
    if levels:
        figure.colorbar(image, ax=list(axes), label="difference (dB)", extend="both", aspect=20, pad=0.02)
    figure.suptitle(title)
    return figure


def _image(ax, values: np.ndarray, sample_rate: int, bandwidth_hz: float | None, line: str, **look):
    """`values` `[F, frames]` over seconds and kHz, and a dashed line at `bandwidth_hz`."""
    seconds = (values.shape[1] - 1) * HOP_LENGTH / sample_rate + N_FFT / sample_rate
    if bandwidth_hz is not None and bandwidth_hz < 0.99 * sample_rate / 2:
        ax.axhline(bandwidth_hz / 1000, color=line, linestyle="--", linewidth=1)
    ax.grid(visible=False)
    return ax.imshow(values, origin="lower", aspect="auto", extent=(0, seconds, 0, sample_rate / 2000), **look)


def long_term(signals: Sequence[np.ndarray], active: Sequence[np.ndarray], frequencies: np.ndarray, sample_rate: int):
    """Mean level in dB re a full-scale sine of many signals at `frequencies` (Hz), each over 1/6 octave or two bins.

    A frame counts if the same frame of `active` (the signal itself, or its clean version) is within 40 dB of the
    loudest frame there. The mean is of powers, over the frames of all signals.
    """
    total, n_frames = np.zeros(N_FFT // 2 + 1), 0
    for signal, judge in zip(signals, active, strict=True):
        if len(signal) != len(judge):
            raise ValueError(f"{len(signal)} samples, but its clean version has {len(judge)}: equal lengths are needed")
        energy = power(judge).sum(axis=0)
        chosen = energy >= max(energy.max() * 1e-4, 1e-16)
        total += power(signal)[:, chosen].sum(axis=1)
        n_frames += int(chosen.sum())
    spacing = sample_rate / N_FFT
    edges = (np.arange(len(total) + 1) - 0.5) * spacing  # bin k reaches from edge k to edge k + 1
    below = np.concatenate([[0.0], np.cumsum(total / max(n_frames, 1))]) * spacing
    low = np.minimum(frequencies * 2 ** (-1 / 12), frequencies - spacing)
    high = np.minimum(np.maximum(frequencies * 2 ** (1 / 12), frequencies + spacing), sample_rate / 2)
    mean = (np.interp(high, edges, below) - np.interp(low, edges, below)) / (high - low)
    return 10 * np.log10(np.maximum(mean, 1e-16))


@figures.styled
def long_term_spectrum(
    signals: Mapping[str, Sequence[np.ndarray]], sample_rate: int, title: str = "", bandwidth_hz: float | None = None
) -> figures.Figure:
    """Long-term spectra of the signals over speech, and below them their difference to `clean`, if that is given.

    Args:
        signals: name -> signals `[T]`; the i-th of each name belong together.
        bandwidth_hz: upper edge of what the recordings hold, drawn as a dashed line.
    """
    clean = signals.get("clean")
    figure, axes = figures.blank(2 if clean else 1, 1, height=6.6, sharex=True)
    frequencies = np.geomspace(50, sample_rate / 2 * 2 ** (-1 / 12), 240)
    curves = {
        name: long_term(each, clean or each, frequencies, sample_rate) for name, each in signals.items() if len(each)
    }
    for name, curve in curves.items():
        colour = figures.COLOURS.get(name)
        axes[0].semilogx(frequencies, curve, color=colour, label=name)
        if clean and name != "clean":
            axes[1].semilogx(frequencies, curve - curves["clean"], color=colour)
    axes[0].set_ylabel("level (dB)")
    if curves:
        axes[0].legend(ncols=len(curves))
        loudest = max(curve.max() for curve in curves.values())
        axes[0].set_ylim(max(min(curve.min() for curve in curves.values()), loudest - 90) - 3, loudest + 6)
    else:
        figures.say(axes[0], "no signals")
    if clean:
        gaps = [curve - curves["clean"] for name, curve in curves.items() if name not in ("noisy", "clean")]
        reach = min(max([6.0, *(1.1 * np.abs(gap).max() for gap in gaps)]), 30.0)
        axes[1].axhline(0, color=figures.COLOURS["clean"])
        axes[1].set_ylim(-reach, reach)  # noisy may leave the panel
        axes[1].set_ylabel("minus clean (dB)")
    for ax in axes:
        ax.set_xlim(50, sample_rate / 2)
        ax.grid(visible=True, which="both", alpha=0.15)
        if bandwidth_hz is not None:
            ax.axvline(bandwidth_hz, color="#444444", linestyle="--", linewidth=1)
    ticks = [f for f in (50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000) if f <= sample_rate / 2]
    axes[-1].set_xticks(ticks, [f"{f / 1000:g} k" if f >= 1000 else str(f) for f in ticks])
    axes[-1].set_xlabel("frequency (Hz), means over 1/6 octave")
    figure.suptitle(title)
    return figure
