"""Figures of the timbre profile, on the ERB scale."""

from collections.abc import Collection, Sequence

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from lib.evaluation import summary, timbre
from lib.figures.base import COLOURS, CYCLE, Figure, blank, explain_empty, styled
from lib.figures.words import NOTHING
from lib.metrics.colour import MIN_HZ

MAX_CLASSES = 5  # small panels beside each other
WIDE_TICKS = (100, 250, 500, 1000, 2000, 4000, 8000, 16_000)  # Hz
NARROW_TICKS = (250, 2000, 16_000)  # Hz


@styled
def profile_figure(table: pd.DataFrame, title: str = "") -> Figure:
    """The change of each ERB band by DeepFilterNet3: medians for each SNR, below with quartiles.

    A line is dotted where less than half of the pairs count: it is about other recordings there.

    Args:
        table: as from `timbre.profile`: columns `snr_db hz low median high n_pairs`; an infinite
            SNR means no noise.
    """
    groups = list(table.groupby("snr_db"))
    figure, wide, small = _panels(len(groups), max(len(groups), 1), wide_rows=1)
    colours = matplotlib.colormaps["viridis"](np.linspace(0.0, 0.85, max(len(groups), 1)))
    for (snr_db, rows), ax, colour in zip(groups, small, colours, strict=False):
        # Recordings with a low bandwidth drop out at the upper bands.
        enough = rows["n_pairs"] >= rows["n_pairs"].max() / 2
        hz, median = _erb(rows["hz"]), rows["median"].where(enough)
        wide.plot(hz, median, color=colour, label=_snr_label(snr_db), marker="o", markersize=4)
        ax.fill_between(hz, rows["low"], rows["high"], color=colour, alpha=0.3, linewidth=0)
        ax.plot(hz, median, color=colour)
        if not enough.all():
            for panel in (wide, ax):
                panel.plot(hz, rows["median"], color=colour, linestyle=":", linewidth=1.2)
        name = _snr_label(snr_db).removesuffix(" SNR")
        ax.set_title(f"{name}, n = {rows['n_pairs'].max():,}", fontsize=11)
        _erb_axis(ax, NARROW_TICKS)
    if groups:
        _finish_wide(wide, n_columns=6)
        small[0].set_ylabel("median and quartiles (dB)", fontsize=11)
    else:
        explain_empty(wide, "no pairs")
    wide.set_ylabel("enhanced re clean (dB)")
    figure.supxlabel("frequency (Hz), ERB scale", fontsize=13)
    figure.suptitle(title)
    return figure


def profile_in_words(table: pd.DataFrame) -> str:
    """What is taken most at each SNR: `profile_figure` in a sentence.

    Bands below 80 Hz are left out, which hold no voice, and those of less than half of the pairs.

    >>> columns = {"snr_db": 5.0, "hz": [200.0, 3000.0], "median": [-1.0, -4.0], "n_pairs": 9}
    >>> profile_in_words(pd.DataFrame(columns))
    'Enhanced re clean is lowest, in the median: at 5 dB SNR -4.0 dB (3.0 kHz).'
    """
    parts = []
    for snr_db, rows in table.groupby("snr_db"):
        rows = rows[(rows.hz >= MIN_HZ) & (rows.n_pairs >= rows.n_pairs.max() / 2)]
        if len(rows):
            least = rows.loc[rows["median"].idxmin()]
            lowest = f"{least['median']:+.1f} dB ({least['hz'] / 1000:.1f} kHz)"
            parts.append(f"at {_snr_label(snr_db)} {lowest}")
    return f"Enhanced re clean is lowest, in the median: {'; '.join(parts)}." if parts else NOTHING


def bands_in_words(table: pd.DataFrame, column: str) -> str:
    """Which band is farthest from clean: `colour_figure` and `before_and_after` in a sentence.

    And in how many bands restored is nearer to clean than enhanced.

    Args:
        table: a row for each system and band: columns `system hz` and the one in dB.
        column: `mean` of `timbre.band_intervals`, `median` of `timbre.profile`.

    >>> rows = {"system": ["enhanced"] * 2 + ["restored"] * 2, "hz": [200.0, 3000.0] * 2}
    >>> bands_in_words(pd.DataFrame(rows | {"mean": [0.5, -3.0, 0.6, -1.0]}), "mean")
    'Farthest from clean: enhanced -3.0 dB (3.0 kHz), restored -1.0 dB (3.0 kHz). Restored is ...
    """
    wide = table[table.hz >= MIN_HZ].pivot_table(column, "hz", "system", observed=True)
    if not {"enhanced", "restored"} <= set(wide):
        return NOTHING
    parts = []
    for system in ("enhanced", "restored"):
        hz = wide[system].abs().idxmax()
        parts.append(f"{system} {wide[system][hz]:+.1f} dB ({hz / 1000:.1f} kHz)")
    n_nearer = int((wide.restored.abs() < wide.enhanced.abs()).sum())
    return (
        f"Farthest from clean: {', '.join(parts)}. Restored is nearer to clean in {n_nearer} of"
        f" {len(wide)} bands."
    )


@styled
def before_and_after(table: pd.DataFrame, title: str = "") -> Figure:
    """The change of each ERB band before and after restoring: all items, and below them by SNR.

    Args:
        table: a row for each item, system and band: columns `system snr_db hz change_db`, as from
            `timbre.change`.
    """
    classes, names = summary.value_classes(table["snr_db"], max_values=MAX_CLASSES)
    n_small = len(names) if len(names) > 1 else 0
    n_columns = max(MAX_CLASSES, n_small)
    figure, wide, small = _panels(n_small, n_columns, wide_rows=1 if n_small else 2)
    _draw_systems(wide, table)
    for i, ax in enumerate(small):
        _draw_systems(ax, table[classes == i])
        name = names[i]
        plain = {summary.NO_VALUE: "no noise", summary.NO_SPEECH: summary.NO_SPEECH}
        ax.set_title(plain.get(name, f"{name} dB SNR"), fontsize=11)
        _erb_axis(ax, NARROW_TICKS)
    if len(table):
        _finish_wide(wide, n_columns=2)
    else:
        explain_empty(wide, "no items")
    wide.set_ylabel("re clean (dB)")
    figure.supxlabel("frequency (Hz), ERB scale; medians, and quartiles shaded", fontsize=13)
    figure.suptitle(title)
    return figure


@styled
def colour_figure(intervals: pd.DataFrame, vetoed: Collection[int] = (), title: str = "") -> Figure:
    """Mean change of each ERB band with its 95 % interval, and which bands meet the veto.

    Args:
        intervals: as from `timbre.band_intervals`: columns `system band hz mean low high`.
        vetoed: the bands that are farther from clean than those of enhanced by too much.
    """
    figure, axes = blank(1, 1)
    ax = axes[0]
    for system, rows in intervals.groupby("system"):
        hz, colour = _erb(rows["hz"]), COLOURS[system]
        ax.fill_between(hz, rows["low"], rows["high"], color=colour, alpha=0.25, linewidth=0)
        ax.plot(hz, rows["mean"], color=colour, marker="o", markersize=4, label=system)
    marked = intervals[intervals.band.isin(list(vetoed)) & (intervals.system == "restored")]
    if len(marked):
        look = {"facecolors": "none", "edgecolors": CYCLE[3], "linewidths": 2, "s": 130}
        ax.scatter(_erb(marked["hz"]), marked["mean"], label="veto", zorder=3, **look)
    if len(intervals):
        _finish_wide(ax, n_columns=3)
    else:
        explain_empty(ax, "no items")
    ax.set(ylabel="re clean (dB)", xlabel="frequency (Hz), ERB scale; means, 95 % intervals shaded")
    figure.suptitle(title)
    return figure


def _snr_label(snr_db: float) -> str:
    return f"{snr_db:g} dB SNR" if np.isfinite(snr_db) else "no noise"


def _panels(n_small: int, n_columns: int, wide_rows: int) -> tuple[Figure, Axes, list[Axes]]:
    """A figure with one wide panel over `wide_rows` rows, and `n_small` panels below it."""
    # `blank` makes a grid: the panels that are not needed go, the first one grows.
    figure, axes = blank(2, n_columns, height=7.2, sharey="row", height_ratios=[3, 2])
    wide = axes[0]
    for ax in [*axes[1:n_columns], *axes[n_columns + n_small :]]:
        ax.remove()
    wide.set_subplotspec(wide.get_gridspec()[:wide_rows, :])
    return figure, wide, axes[n_columns : n_columns + n_small]


def _finish_wide(ax: Axes, n_columns: int) -> None:
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=n_columns)
    ax.text(1, 0, " as clean", transform=ax.get_yaxis_transform(), va="center", fontsize=11)
    _erb_axis(ax, WIDE_TICKS)


def _draw_systems(ax: Axes, table: pd.DataFrame) -> None:
    for system, rows in timbre.profile(table, "system").groupby("system"):
        hz, colour = _erb(rows["hz"]), COLOURS[system]
        ax.fill_between(hz, rows["low"], rows["high"], color=colour, alpha=0.2, linewidth=0)
        ax.plot(hz, rows["median"], color=colour, marker="o", markersize=3, label=system)


def _erb(hz: Sequence[float]) -> np.ndarray:
    """Number of equivalent rectangular bandwidths below a frequency (Glasberg and Moore, 1990)."""
    return 21.4 * np.log10(1 + 0.00437 * np.asarray(hz, float))


def _erb_axis(ax: Axes, ticks: Sequence[int]) -> None:
    ax.axhline(0, color=COLOURS["clean"], linewidth=1)
    ax.set_xticks(_erb(ticks), [f"{hz / 1000:g} k" if hz >= 1000 else str(hz) for hz in ticks])
