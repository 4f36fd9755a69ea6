"""Curves of a training over its epochs; latencies of hops."""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from lib.figures.base import COLOURS, CYCLE, Figure, blank, explain_empty, grid, styled


@styled
def curves(
    history: pd.DataFrame,
    columns: Mapping[str, str | Sequence[str]],
    title: str = "",
    gan_start_epoch: int | None = None,
) -> Figure:
    """One panel for each of `columns` (label with unit -> column or columns) over the column `epoch` of `history`.

    The epochs with discriminators, from `gan_start_epoch` on, are shaded. Columns that are not there are left out. Panels that
    all show the same several curves have one legend below them, and the first curves are broad: they are seen below the others.
    """
    figure, axes = grid(len(columns))
    shaded = False
    shown_in_all = {
        tuple(map(_ending, [names] if isinstance(names, str) else names))
        for names in columns.values()
    }
    shared = len(columns) > 1 and len(shown_in_all) == 1 and len(*shown_in_all) > 1
    epochs = history["epoch"].to_numpy(float) if len(history) else np.zeros(0)
    for ax, (label, names) in zip(axes, columns.items(), strict=False):
        names = [names] if isinstance(names, str) else list(names)
        drawn = [name for name in names if name in history and history[name].notna().any()]
        widths = np.linspace(4.5, 1.5, len(names)) if shared else np.full(len(names), 2.0)
        for name, colour, width in zip(
            names, itertools.cycle([*CYCLE, COLOURS["clean"]]), widths, strict=False
        ):
            if name in drawn:
                values = history[name].to_numpy(float)
                kept = np.isfinite(values)
                look = {"color": colour, "linewidth": width, "markersize": 2 * width}
                ax.plot(epochs[kept], values[kept], "o-", label=_ending(name), **look)
        shown = history[drawn].to_numpy(float)
        if shown.size and np.nanmin(shown) > 0 and np.nanmax(shown) > 50 * np.nanmin(shown):
            ax.set_yscale("log")
        if (
            len(names) > 1 and drawn and not shared
        ):  # after the scale, by which the emptiest corner is found
            ax.legend(fontsize=9, ncols=1 + (len(drawn) > 3), framealpha=0.8, frameon=True)
        if not drawn:
            explain_empty(ax, "no values")
        elif gan_start_epoch is not None and gan_start_epoch <= epochs.max():
            ax.axvspan(
                gan_start_epoch - 0.5, epochs.max() + 0.5, color=CYCLE[4], alpha=0.15, linewidth=0
            )
            shaded = True
        if len(epochs) > 1 and drawn:
            ax.set_xlim(epochs.min() - 0.5, epochs.max() + 0.5)
        ax.set_title(label, loc="left")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    _label_lowest(axes, "epoch")
    if shared:
        handles = {
            label: line
            for ax in axes
            for line, label in zip(*ax.get_legend_handles_labels(), strict=True)
        }
        figure.legend(
            handles.values(),
            handles,
            loc="outside lower center",
            ncols=2 if len(handles) > 3 else 1,
        )
    figure.suptitle(f"{title} (shaded: with discriminators)".strip() if shaded else title)
    return figure


@styled
def latencies(table: pd.DataFrame, limit_ms: float, title: str = "") -> Figure:
    """How long each hop took: a panel for each column of `table` (ms), all hops, counts on a logarithmic scale.

    Args:
        limit_ms: what real time leaves, drawn as a line.
    """
    figure, axes = blank(
        max(table.shape[1], 1), 1, height=1.2 + 1.5 * max(table.shape[1], 1), sharex=True
    )
    reach = max(1.15 * limit_ms, 1.05 * np.nanmax(table.to_numpy(float), initial=0.0))
    for ax, (name, values) in zip(axes, table.items(), strict=False):
        ax.hist(values, bins=np.linspace(0, reach, 200), color=CYCLE[0], log=True)
        ax.axvline(limit_ms, color=COLOURS["enhanced"], linestyle="--")
        p95, p99 = values.quantile([0.95, 0.99])
        text = f"median {values.median():.2f}, p95 {p95:.2f}, p99 {p99:.2f}, worst {values.max():.2f} ms"
        ax.set_title(name, loc="left")
        ax.set_title(text, loc="right", fontsize=11)
        ax.set_ylabel("hops")
    axes[-1].set_xlabel("ms for a hop; real time is left of the line")
    axes[-1].set_xlim(0, reach)
    figure.suptitle(title)
    return figure


def _ending(column: str) -> str:
    return column.rpartition("/")[2].removeprefix("grad_norm_")


def _label_lowest(axes: Sequence[Axes], xlabel: str) -> None:
    shown = [ax for ax in axes if ax.axison]
    for ax in shown[-axes[0].get_subplotspec().get_gridspec().ncols :]:
        ax.set_xlabel(xlabel)
