"""A figure of a prepared corpus: its speakers, and the conditions of its pairs."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from lib.figures.base import CYCLE, DPI, Figure, explain_empty, styled

COLOURS = {"train": CYCLE[0], "valid": CYCLE[5], "test": CYCLE[1]}  # of the splits
MAX_SPEAKERS = 40  # that a figure has room for
FULL_BAND_KHZ = 24.0


@styled
def corpus_overview(
    speakers: pd.DataFrame,
    snr_counts: pd.DataFrame,
    shares: pd.DataFrame,
    loud_pauses_db: float,
    title: str = "",
) -> Figure:
    """Minutes, pairs, bandwidth and pauses of each speaker; below them SNRs and other conditions.

    The names of held-out speakers, who occur in the test alone, have the test's colour. Of more
    than 40 speakers the first are drawn.

    Args:
        speakers, snr_counts, shares: as from `lib.corpus.overview`.
        loud_pauses_db: a dashed line; pauses that are louder get a hollow mark.
    """
    shown = speakers.head(MAX_SPEAKERS)
    upper_height = 1.4 + 0.27 * max(len(shown), 3)
    figure = Figure(figsize=(13, upper_height + 4.0), dpi=DPI, layout="constrained")
    upper, lower = figure.subfigures(2, 1, height_ratios=[upper_height, 3.4])
    axes = upper.subplots(1, 4, sharey=True, width_ratios=[3, 3, 2, 2])
    _stack(axes[0], shown, "minutes", "minutes of distinct clean speech", "{:.1f}")
    _stack(axes[1], shown, "pairs", "pairs", "{:.0f}")
    _draw_bandwidth(axes[2], shown)
    _draw_pauses(axes[3], shown.pauses_db, loud_pauses_db)
    _name_speakers(axes[0], shown)
    for ax in axes:
        ax.tick_params(axis="y", left=False)
    below = lower.subplots(1, 2, width_ratios=[3, 2])
    _draw_snr(below[0], snr_counts)
    _draw_shares(below[1], shares)
    handles, labels = axes[0].get_legend_handles_labels()
    held_out = "names in bold: held out, in the test alone" if shown.held_out.any() else None
    look = {"loc": "outside lower center", "ncols": len(COLOURS), "title": held_out}
    figure.legend(handles, labels, **look)
    left_out = len(speakers) - len(shown)
    figure.suptitle(title + (f" ({left_out} more speakers)" if left_out else ""), fontsize=16)
    return figure


def _stack(ax: Axes, speakers: pd.DataFrame, name: str, xlabel: str, number: str) -> None:
    """Bars of the splits one after the other, with their sum at the end."""
    left = np.zeros(len(speakers))
    for split, colour in COLOURS.items():
        values = speakers[f"{name}_{split}"].to_numpy(float)
        bars = ax.barh(range(len(speakers)), values, 0.72, left, color=colour, label=split)
        left += values
    ax.bar_label(bars, [number.format(total) for total in left], padding=3, fontsize=10)
    ax.margins(x=0.18)
    ax.grid(visible=False, axis="y")
    ax.set_xlabel(xlabel)


def _draw_bandwidth(ax: Axes, speakers: pd.DataFrame) -> None:
    for i, row in enumerate(speakers.itertuples()):
        ends = row.lowest_bandwidth_hz / 1000, row.highest_bandwidth_hz / 1000
        ax.plot(ends, [i, i], color="#666666", linewidth=3, solid_capstyle="butt")
        ax.plot([row.bandwidth_hz / 1000], [i], "o", color="#000000", markersize=7)
    ax.set_xlim(0, FULL_BAND_KHZ + 1)
    ax.set_xticks(range(0, 25, 6))
    ax.set_xlabel("bandwidth (kHz):\nmedian and range")


def _draw_pauses(ax: Axes, pauses_db: pd.Series, loud_pauses_db: float) -> None:
    rows, levels = np.arange(len(pauses_db)), pauses_db.to_numpy(float)
    is_loud = levels > loud_pauses_db
    ax.plot(levels[~is_loud], rows[~is_loud], "o", color="#000000", markersize=7)
    look = {"markerfacecolor": "white", "markeredgecolor": CYCLE[3], "markeredgewidth": 2.5}
    ax.plot(levels[is_loud], rows[is_loud], "o", markersize=8, **look)
    ax.axvline(loud_pauses_db, color=CYCLE[3], linestyle="--", linewidth=1.5)
    ax.set_xlim(-100, 0)
    ax.set_xticks(range(-80, 1, 20))
    ax.set_xlabel("pauses (dB re speech);\nleft is quieter")


def _name_speakers(ax: Axes, speakers: pd.DataFrame) -> None:
    about = [name for name in ("language", "sex") if name in speakers]
    names = []
    for speaker, row in speakers.iterrows():
        known = ", ".join(row[name] for name in about if isinstance(row[name], str) and row[name])
        names.append(f"{speaker} ({known})" if known else str(speaker))
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(max(len(names), 1) - 0.5, -0.5)
    for label, held_out in zip(ax.get_yticklabels(), speakers.held_out, strict=True):
        if held_out:
            label.set(color=COLOURS["test"], fontweight="bold")


def _draw_snr(ax: Axes, counts: pd.DataFrame) -> None:
    if counts.empty:
        explain_empty(ax, "no pairs")
        return
    bottom = np.zeros(len(counts))
    for split, colour in COLOURS.items():
        values = counts[split].to_numpy(float)
        ax.bar(range(len(counts)), values, 0.72, bottom, color=colour)
        bottom += values
    ax.set_xticks(range(len(counts)), counts.index)
    ax.grid(visible=False, axis="x")
    ax.set(xlabel="SNR (dB)", ylabel="pairs")


def _draw_shares(ax: Axes, shares: pd.DataFrame) -> None:
    """Three thin bars for each condition, in per cent of the pairs of their split."""
    if shares.empty:
        explain_empty(ax, "no other conditions")
        return
    for i, (split, colour) in enumerate(COLOURS.items()):
        places = np.arange(len(shares)) + 0.26 * (i - 1)
        ax.barh(places, 100 * shares[split].to_numpy(float), 0.24, color=colour)
    ax.set_yticks(range(len(shares)), shares.index)
    ax.tick_params(axis="y", left=False)
    ax.set_ylim(len(shares) - 0.5, -0.5)
    ax.grid(visible=False, axis="y")
    ax.set_xlim(0, max(10.0, 108 * shares.to_numpy().max()))
    ax.set_xlabel("% of a split's pairs")
