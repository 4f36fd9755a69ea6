"""Figures for notebooks, the listening page and talks: each function returns one `Figure`, none shows or saves it.

The four signals keep their colours everywhere. The colours are those of Okabe and Ito (jfly.uni-koeln.de/color), which
people with any kind of colour vision can tell apart. Values that are NaN or infinite are left out and counted.
"""

import io
import itertools
import math
from collections.abc import Mapping, Sequence

import matplotlib
import matplotlib.figure
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from lib import metrics

COLOURS = {"noisy": "#999999", "enhanced": "#D55E00", "restored": "#0072B2", "clean": "#000000"}
CYCLE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
LABELS = {  # of scores: what to call them, their unit, and the decimals worth showing
    "pesq": ("PESQ wide band", "MOS", 2),
    "estoi": ("ESTOI", "", 3),
    "si_sdr_db": ("SI-SDR", "dB", 2),
    "lsd_db": ("LSD", "dB", 2),
    "lsd_above_4k_db": ("LSD above 4 kHz", "dB", 2),
    "mcd_db": ("MCD", "dB", 2),
}
N_FFT, HOP_LENGTH = metrics.N_FFT, metrics.HOP_LENGTH  # of all spectra, as in the LSD
STYLE = {
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.labelsize": 13,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 13,
    "font.size": 12,
    "grid.alpha": 0.25,
    "legend.fontsize": 11,
    "legend.frameon": False,
    "lines.linewidth": 2,
}
_styled = matplotlib.rc_context(STYLE)  # as a decorator: the style is ours alone, the user's own settings stay


class Figure(matplotlib.figure.Figure):
    """A figure that a notebook shows as PNG without any pyplot backend: papermill, Lab and plain IPython alike."""

    def _repr_png_(self) -> bytes:
        return png(self)


def png(figure: matplotlib.figure.Figure, dpi: float | str = "figure") -> bytes:
    """`figure` as a PNG file in memory."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=dpi)
    return file.getvalue()


# -- distributions ---------------------------------------------------------------------------------------------------


@_styled
def histogram(
    values: Sequence[float], xlabel: str, title: str = "", bins: int = 40, marks: Mapping[str, float] | None = None
) -> Figure:
    """How `values` are spread; `marks` (name -> value) are drawn as vertical lines, e.g. the gates of a check."""
    figure, axes = _figure(1, 1, height=4.5)
    _bars(axes[0], values, xlabel, bins)
    for (name, value), style in zip((marks or {}).items(), _cycle(("--", ":", "-.")), strict=False):
        axes[0].axvline(value, color=COLOURS["enhanced"], linestyle=style, label=f"{name} ({value:g})")
    if marks:
        axes[0].legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3)
    figure.suptitle(title)
    return figure


@_styled
def histograms(columns: Mapping[str, Sequence[float]], title: str = "", bins: int = 30) -> Figure:
    """One small histogram for each of `columns` (label with unit -> values)."""
    figure, axes = _grid(len(columns))
    for ax, (label, values) in zip(axes, columns.items(), strict=False):
        _bars(ax, values, label, bins)
    for ax in axes:
        ax.set_ylabel("count" if ax.get_subplotspec().is_first_col() else "")
    figure.suptitle(title)
    return figure


@_styled
def counts(series: Mapping[str, int], xlabel: str, title: str = "") -> Figure:
    """Horizontal bars with their numbers, in the order given: formats, speakers, reasons of refusal."""
    names, numbers = [str(name) for name in series.keys()], list(dict(series).values())
    figure, axes = _figure(1, 1, height=1.6 + 0.4 * max(len(names), 2))
    ax = axes[0]
    if names:
        ax.bar_label(ax.barh(names, numbers, color=CYCLE[0], height=0.7), padding=4)
        ax.margins(x=0.1)
        ax.invert_yaxis()
        ax.grid(visible=False, axis="y")
        ax.tick_params(left=False)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    else:
        _say(ax, "no values")
    ax.set_xlabel(xlabel)
    figure.suptitle(title)
    return figure


@_styled
def scatter(
    x: Sequence[float],
    y: Sequence[float],
    xlabel: str,
    ylabel: str,
    title: str = "",
    identity: bool = False,
    band: float | None = None,
) -> Figure:
    """Each point as it is. `identity` draws the line y = x, `band` the strip of +-`band` about it; points outside of
    the strip are coloured and counted."""
    x, y = np.asarray(x, float), np.asarray(y, float)
    if x.shape != y.shape:
        raise ValueError(f"{x.size} values of x but {y.size} of y: one y for each x is needed")
    kept = np.isfinite(x) & np.isfinite(y)
    (x, y), n_left_out = (x[kept], y[kept]), int(np.count_nonzero(~kept))
    figure, axes = _figure(1, 1, width=7.5, height=6.0)
    ax = axes[0]
    if len(x):
        ends = np.array([x.min(), x.max()]) if len(x) else np.zeros(2)
        outside = np.abs(y - x) > (math.inf if band is None else band)
        if identity:
            ax.plot(ends, ends, color="#444444", linewidth=1, label="equal")
        if band is not None:
            ax.fill_between(
                ends, ends - band, ends + band, color="#444444", alpha=0.12, linewidth=0, label=f"±{band:g}"
            )
        ax.scatter(x[~outside], y[~outside], s=22, alpha=0.6, color=CYCLE[0], linewidths=0)
        if outside.any():
            ax.scatter(x[outside], y[outside], s=30, color=CYCLE[1], label=f"{outside.sum()} of {len(x)} outside")
        if identity or band is not None:
            ax.legend(loc="upper left")
    else:
        _say(ax, "no values")
    _note(ax, len(x), n_left_out)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    figure.suptitle(title)
    return figure


# -- spectra ---------------------------------------------------------------------------------------------------------


def level(signal: np.ndarray) -> np.ndarray:
    """Spectrogram `[N_FFT // 2 + 1, frames]` in dB re a full-scale sine (Hann 2048, hop 512), floor -160 dB.

    Frames lie within the signal; one shorter than a frame is padded with zeros.

    >>> t = np.arange(48_000) / 48_000
    >>> spectrum = level(np.sin(2 * np.pi * 1500 * t))  # 1500 Hz is the middle of bin 64
    >>> spectrum.shape, int(spectrum[:, 5].argmax()), round(float(spectrum[64].max()), 3) + 0.0
    ((1025, 90), 64, 0.0)
    """
    return 10 * np.log10(np.maximum(_power(signal), 1e-16))


@_styled
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
    figure, axes = _figure(2, 2, height=6.6) if n == 4 else _figure(1, max(n, 1), height=4.4)
    image = None
    for ax, (name, signal) in zip(axes, signals.items(), strict=False):
        spectrum = level(np.asarray(signal)[: round(max_seconds * sample_rate)])
        seconds = (spectrum.shape[1] - 1) * HOP_LENGTH / sample_rate + N_FFT / sample_rate
        extent = (0, seconds, 0, sample_rate / 2000)
        image = ax.imshow(spectrum, origin="lower", aspect="auto", extent=extent, cmap="magma", vmin=-100, vmax=-30)
        if bandwidth_hz is not None and bandwidth_hz < 0.99 * sample_rate / 2:
            ax.axhline(bandwidth_hz / 1000, color="white", linestyle="--", linewidth=1)
        ax.set_title(name, loc="left")
        ax.grid(visible=False)
        ax.label_outer()
    for ax in axes[-2:] if n == 4 else axes:
        ax.set_xlabel("time (s)")
    for ax in axes[::2] if n == 4 else axes[:1]:
        ax.set_ylabel("frequency (kHz)")
    if image is None:
        _say(axes[0], "no signals")
    else:
        figure.colorbar(image, ax=list(axes), label="level (dB re full-scale sine)", extend="both", aspect=30, pad=0.02)
    figure.suptitle(title)
    return figure


def long_term(signals: Sequence[np.ndarray], active: Sequence[np.ndarray], frequencies: np.ndarray, sample_rate: int):
    """Mean level in dB re a full-scale sine of many signals at `frequencies` (Hz), each over 1/6 octave or two bins.

    A frame counts if the same frame of `active` (the signal itself, or its clean version) is within 40 dB of the
    loudest frame there. The mean is of powers, over the frames of all signals.
    """
    total, n_frames = np.zeros(N_FFT // 2 + 1), 0
    for signal, judge in zip(signals, active, strict=True):
        if len(signal) != len(judge):
            raise ValueError(f"{len(signal)} samples, but its clean version has {len(judge)}: equal lengths are needed")
        energy = _power(judge).sum(axis=0)
        chosen = energy >= max(energy.max() * 1e-4, 1e-16)
        total += _power(signal)[:, chosen].sum(axis=1)
        n_frames += int(chosen.sum())
    spacing = sample_rate / N_FFT
    edges = (np.arange(len(total) + 1) - 0.5) * spacing  # bin k reaches from edge k to edge k + 1
    below = np.concatenate([[0.0], np.cumsum(total / max(n_frames, 1))]) * spacing
    low = np.minimum(frequencies * 2 ** (-1 / 12), frequencies - spacing)
    high = np.minimum(np.maximum(frequencies * 2 ** (1 / 12), frequencies + spacing), sample_rate / 2)
    mean = (np.interp(high, edges, below) - np.interp(low, edges, below)) / (high - low)
    return 10 * np.log10(np.maximum(mean, 1e-16))


@_styled
def long_term_spectrum(
    signals: Mapping[str, Sequence[np.ndarray]], sample_rate: int, title: str = "", bandwidth_hz: float | None = None
) -> Figure:
    """Long-term spectra of the signals over speech, and below them their difference to `clean`, if that is given.

    Args:
        signals: name -> signals `[T]`; the i-th of each name belong together.
        bandwidth_hz: upper edge of what the recordings hold, drawn as a dashed line.
    """
    clean = signals.get("clean")
    figure, axes = _figure(2 if clean else 1, 1, height=6.6, sharex=True)
    frequencies = np.geomspace(50, sample_rate / 2 * 2 ** (-1 / 12), 240)
    curves = {
        name: long_term(each, clean or each, frequencies, sample_rate) for name, each in signals.items() if len(each)
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
        axes[0].set_ylim(max(min(curve.min() for curve in curves.values()), loudest - 90) - 3, loudest + 6)
    else:
        _say(axes[0], "no signals")
    if clean:
        gaps = [curve - curves["clean"] for name, curve in curves.items() if name not in ("noisy", "clean")]
        reach = min(max([6.0, *(1.1 * np.abs(gap).max() for gap in gaps)]), 30.0)
        axes[1].axhline(0, color=COLOURS["clean"])
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


# -- training and scores ---------------------------------------------------------------------------------------------


@_styled
def curves(
    history: pd.DataFrame,
    columns: Mapping[str, str | Sequence[str]],
    title: str = "",
    gan_start_epoch: int | None = None,
) -> Figure:
    """One panel for each of `columns` (label with unit -> column or columns) over the column `epoch` of `history`.

    The epochs with discriminators, from `gan_start_epoch` on, are shaded. Columns that are not there are left out.
    """
    figure, axes = _grid(len(columns))
    shaded = False
    epochs = history["epoch"].to_numpy(float) if len(history) else np.zeros(0)
    for ax, (label, names) in zip(axes, columns.items(), strict=False):
        names = [names] if isinstance(names, str) else list(names)
        drawn = [name for name in names if name in history and history[name].notna().any()]
        for name, colour in zip(drawn, _cycle(CYCLE), strict=False):
            values = history[name].to_numpy(float)
            kept = np.isfinite(values)
            ax.plot(epochs[kept], values[kept], "o-", color=colour, markersize=4, label=name.rpartition("/")[2])
        if len(names) > 1 and drawn:
            ax.legend()
        if not drawn:
            _say(ax, "no values")
        elif gan_start_epoch is not None and gan_start_epoch <= epochs.max():
            ax.axvspan(gan_start_epoch - 0.5, epochs.max() + 0.5, color=CYCLE[4], alpha=0.15, linewidth=0)
            shaded = True
        if len(epochs) > 1 and drawn:
            ax.set_xlim(epochs.min() - 0.5, epochs.max() + 0.5)
        ax.set_title(label, loc="left")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    _label_lowest(axes, "epoch")
    figure.suptitle(f"{title} (shaded: with discriminators)".strip() if shaded else title)
    return figure


@_styled
def differences(table: pd.DataFrame, title: str = "restored against enhanced") -> Figure:
    """Paired differences with their 95 % intervals, a row for each metric in its own unit; right of the line is better.

    Args:
        table: as from `listening.summary`: an index of metrics, columns `difference low high n_items`.
    """
    figure, axes = _figure(max(len(table), 1), 1, height=1.5 + 0.72 * max(len(table), 2))
    if not len(table):
        _say(axes[0], "no scores")
    for ax, (metric, row) in zip(axes, table.iterrows(), strict=False):
        sign = metrics.SIGN[metric]
        mean, low, high = row["difference"], row["low"], row["high"]
        colour = (
            CYCLE[0]
            if min(sign * low, sign * high) > 0
            else CYCLE[1]
            if max(sign * low, sign * high) < 0
            else "#666666"
        )
        label, unit, digits = LABELS.get(metric, (metric, "", 2))
        ax.axvline(0, color="black", linewidth=1)
        if np.isfinite([mean, low, high]).all():
            ax.plot([low, high], [0, 0], color=colour, linewidth=4, solid_capstyle="butt")
            ax.plot([mean], [0], "o", color=colour, markersize=11)
            reach = 1.15 * max(abs(low), abs(high), 1e-9)
            ax.set_xlim(-sign * reach, sign * reach)  # a metric that is better when lower runs from right to left
        text = f"{mean:+.{digits}f} {unit}\n[{low:+.{digits}f}, {high:+.{digits}f}]"
        ax.text(1.02, 0.5, text, transform=ax.transAxes, va="center", color=colour)
        ax.set_yticks([0], [label])
        ax.tick_params(left=False, labelsize=12)
        ax.tick_params(axis="x", labelsize=9, pad=1)
        ax.xaxis.set_major_locator(MaxNLocator(5))
        ax.spines[["left", "bottom"]].set_visible(False)
    if len(table):
        n = int(table["n_items"].max())
        axes[-1].set_xlabel(f"← worse      mean difference, 95 % interval, {n} items      better →")
    figure.suptitle(title)
    return figure


@_styled
def scores_by(scores: pd.DataFrame, metric: str, by: str = "snr_db", title: str = "") -> Figure:
    """Mean score of each system with its 95 % bootstrap interval against `by`; many numbers are taken in five classes.

    Clean is left out: its score is the same everywhere, and far off.

    Args:
        scores: long, as `listening.score_table` gives it: columns `system`, `by` and `metric`.
    """
    figure, axes = _figure(1, 1)
    ax = axes[0]
    scores = scores[np.isfinite(scores[metric].to_numpy(float)) & scores[by].notna() & (scores["system"] != "clean")]
    systems = [name for name in COLOURS if (scores["system"] == name).any()]
    classes, names = _classes(scores[by])
    counted = [0] * len(names)
    for i, system in enumerate(systems):
        at, means, intervals = [], [], []
        for place in range(len(names)):
            values = scores.loc[(scores["system"] == system) & (classes == place), metric].to_numpy(float)
            counted[place] = max(counted[place], len(values))
            if len(values):
                at.append(place + 0.08 * (i - (len(systems) - 1) / 2))
                means.append(values.mean())
                intervals.append(metrics.bootstrap_interval(values, seed=0, n_bootstrap=1000))
        errors = np.abs(np.array(intervals).T - means)
        form = "o-" if pd.api.types.is_numeric_dtype(scores[by]) else "o"
        ax.errorbar(at, means, errors, fmt=form, color=COLOURS[system], capsize=3, linewidth=1.5, label=system)
    if systems:
        ax.set_xticks(range(len(names)), [f"{name}\nn = {n}" for name, n in zip(names, counted, strict=True)])
        ax.legend(ncols=len(systems), loc="lower left", bbox_to_anchor=(0, 1))
    else:
        _say(ax, "no scores")
    label, unit, _ = LABELS.get(metric, (metric, "", 2))
    ax.set_ylabel(f"{label} ({unit})" if unit else label)
    ax.set_title(f"{'higher' if metrics.SIGN[metric] > 0 else 'lower'} is better", loc="right", fontsize=11)
    ax.set_xlabel({"snr_db": "SNR (dB)"}.get(by, by))
    figure.suptitle(title)
    return figure


# -- parts -----------------------------------------------------------------------------------------------------------


def _figure(n_rows: int, n_columns: int, width: float = 10.0, height: float = 5.6, **grid) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(width, height), dpi=150, layout="constrained")
    axes = list(figure.subplots(n_rows, n_columns, squeeze=False, **grid).flat)
    for ax in axes:
        ax.tick_params(labelsize=11)
    return figure, axes


def _grid(n: int) -> tuple[Figure, list[Axes]]:
    n_columns = 2 if n == 4 else min(max(n, 1), 3)
    n_rows = math.ceil(max(n, 1) / n_columns)
    figure, axes = _figure(n_rows, n_columns, height=0.6 + 2.9 * n_rows)
    for ax in axes[n:]:
        ax.set_axis_off()
    if n == 0:
        _say(axes[0], "no values")
    return figure, axes


def _label_lowest(axes: Sequence[Axes], xlabel: str) -> None:
    shown = [ax for ax in axes if ax.axison]
    for ax in shown[-axes[0].get_subplotspec().get_gridspec().ncols :]:
        ax.set_xlabel(xlabel)


def _bars(ax: Axes, values: Sequence[float], xlabel: str, bins: int) -> None:
    values = np.asarray(values, float)
    finite = values[np.isfinite(values)]
    if len(finite):
        low, high = finite.min(), finite.max()
        spread = high - low > 1e-9 * max(abs(low), abs(high))
        reach = max(abs(low) * 0.1, 0.5)  # equal values: one bar in the middle of an axis that can be read
        limits = None if spread else (low - reach, high + reach)
        ax.hist(finite, bins=bins if spread else 21, range=limits, color=CYCLE[0])
        ax.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    else:
        _say(ax, "no values")
    _note(ax, len(finite), len(values) - len(finite))
    ax.set_xlabel(xlabel)
    ax.set_ylabel("count")


def _note(ax: Axes, n: int, n_left_out: int) -> None:
    text = f"n = {n:,}" + (f", {n_left_out:,} not a number" if n_left_out else "")
    ax.set_title(text, loc="right", fontsize=10, color="#666666")


def _say(ax: Axes, text: str) -> None:
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center", color="#666666")
    ax.set(xticks=[], yticks=[])


def _cycle(things: Sequence) -> list:
    return list(things) * 20


def _classes(column: pd.Series) -> tuple[pd.Series, list[str]]:
    """The class of each value (0, 1, ...) and the names of the classes."""
    if not pd.api.types.is_numeric_dtype(column) or column.nunique() <= 6:
        names = sorted(column.unique())
        return column.map({name: i for i, name in enumerate(names)}), [
            f"{name:g}" if isinstance(name, float) else str(name) for name in names
        ]
    edges = np.linspace(column.min(), column.max(), 6)
    groups = pd.Series(np.clip(np.digitize(column, edges) - 1, 0, 4), index=column.index)
    return groups, [f"{low:.0f} to {high:.0f}" for low, high in itertools.pairwise(edges)]


def _power(signal: np.ndarray) -> np.ndarray:
    """Power of each bin and frame, `[N_FFT // 2 + 1, frames]`; a full-scale sine in the middle of a bin has 1."""
    signal = np.asarray(signal, np.float32)
    signal = np.pad(signal, (0, max(0, N_FFT - len(signal))))
    window = np.hanning(N_FFT + 1)[:-1].astype(np.float32)  # periodic
    frames = np.lib.stride_tricks.sliding_window_view(signal, N_FFT)[::HOP_LENGTH] * window
    return np.square(np.abs(np.fft.rfft(frames, axis=1)) * (2 / window.sum())).T
