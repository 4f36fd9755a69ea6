"""Pictures of the timbre profile, on the ERB scale."""

from collections.abc import Sequence

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from lib.evaluation import summary, timbre
from lib.figures.base import COLOURS, Figure, blank, explain_empty, styled


@styled
def profile_figure(table: pd.DataFrame, title: str = "") -> Figure:
    """What DeepFilterNet3 took of each ERB band: the medians over pairs for each SNR, and below them each with its quartiles.

    Dotted where less than half of the pairs hold anything: there it is another population.

    Args:
        table: as from `profile`: columns `snr_db hz low median high n_pairs`.
    """
    groups = list(table.groupby("snr_db"))
    figure, axes = blank(2, max(len(groups), 1), height=7.2, sharey="row", height_ratios=[3, 2])
    grid, (whole, *unused) = axes[0].get_gridspec(), axes[: max(len(groups), 1)]
    for ax in unused:
        ax.remove()
    whole.set_subplotspec(grid[0, :])
    colours = matplotlib.colormaps["viridis"](np.linspace(0.0, 0.85, max(len(groups), 1)))
    for (snr_db, rows), ax, colour in zip(groups, axes[len(axes) // 2 :], colours, strict=False):
        many = rows["n_pairs"] >= rows["n_pairs"].max() / 2
        hz, median = _erb(rows["hz"]), rows["median"].where(many)
        whole.plot(hz, median, color=colour, label=f"{snr_db:g} dB SNR", marker="o", markersize=4)
        ax.fill_between(hz, rows["low"], rows["high"], color=colour, alpha=0.3, linewidth=0)
        ax.plot(hz, median, color=colour)
        for panel in (whole, ax) if not many.all() else ():
            panel.plot(hz, rows["median"], color=colour, linestyle=":", linewidth=1.2)
        ax.set_title(f"{snr_db:g} dB, n = {rows['n_pairs'].max():,}", fontsize=11)
        _erb_axis(ax, (250, 1000, 4000, 16_000))
    if groups:
        whole.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=6)
        whole.text(
            1, 0, " as clean", transform=whole.get_yaxis_transform(), va="center", fontsize=11
        )
        _erb_axis(whole, (100, 250, 500, 1000, 2000, 4000, 8000, 16_000))
        axes[len(groups)].set_ylabel("median and quartiles (dB)", fontsize=11)
    else:
        axes[-1].remove()
        explain_empty(whole, "no pairs")
    whole.set_ylabel("enhanced re clean (dB)")
    figure.supxlabel("frequency (Hz), ERB scale", fontsize=13)
    figure.suptitle(title)
    return figure


@styled
def before_and_after(table: pd.DataFrame, title: str = "") -> Figure:
    """The timbre profile before and after: each ERB band re clean, median and quartiles; all items, and below them by SNR.

    Args:
        table: a row for each item, system and band: columns `system snr_db hz change_db`, as from `change`.
    """
    figure, axes = blank(2, 5, height=7.2, sharey="row", height_ratios=[3, 2])
    grid, whole = axes[0].get_gridspec(), axes[0]
    groups, names = summary.value_classes(table["snr_db"], most=5)
    places = range(min(len(names), 5)) if len(names) > 1 else []
    for ax in [*axes[1:5], *axes[5 + len(places) :]]:
        ax.remove()
    whole.set_subplotspec(grid[0, :] if len(places) else grid[:, :])
    _draw_systems(whole, table)
    for place, ax in zip(places, axes[5:], strict=False):
        _draw_systems(ax, table[groups == place])
        ax.set_title(f"{names[place]} dB SNR", fontsize=11)
        _erb_axis(ax, (250, 1000, 4000, 16_000))
    if len(table):
        whole.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
        whole.text(
            1, 0, " as clean", transform=whole.get_yaxis_transform(), va="center", fontsize=11
        )
        _erb_axis(whole, (100, 250, 500, 1000, 2000, 4000, 8000, 16_000))
    else:
        explain_empty(whole, "no items")
    whole.set_ylabel("re clean (dB)")
    figure.supxlabel("frequency (Hz), ERB scale; medians, and quartiles shaded", fontsize=13)
    figure.suptitle(title)
    return figure


def _draw_systems(ax: Axes, table: pd.DataFrame) -> None:
    for system, rows in timbre.profile(table, "system").groupby("system"):
        hz, colour = _erb(rows["hz"]), COLOURS[system]
        ax.fill_between(hz, rows["low"], rows["high"], color=colour, alpha=0.2, linewidth=0)
        ax.plot(hz, rows["median"], color=colour, marker="o", markersize=3, label=system)


def _erb(hz) -> np.ndarray:
    """Number of equivalent rectangular bandwidths below a frequency (Glasberg and Moore, 1990)."""
    return 21.4 * np.log10(1 + 0.00437 * np.asarray(hz, float))


def _erb_axis(ax: Axes, ticks: Sequence[int]) -> None:
    ax.axhline(0, color=COLOURS["clean"], linewidth=1)
    ax.set_xticks(_erb(ticks), [f"{hz / 1000:g} k" if hz >= 1000 else str(hz) for hz in ticks])
