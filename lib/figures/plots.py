"""Histograms, bars, scatter plots and lines."""

import itertools
import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from lib.figures.base import COLOURS, CYCLE, Figure, blank, explain_empty, grid, styled


@styled
def histogram(
    values: Sequence[float],
    xlabel: str,
    title: str = "",
    bins: int = 40,
    marks: Mapping[str, float] | None = None,
) -> Figure:
    """How `values` are spread; `marks` (name -> value) are drawn as vertical lines, e.g. the gates of a check."""
    figure, axes = blank(1, 1, height=4.5)
    _bars(axes[0], values, xlabel, bins)
    for (name, value), style in zip(
        (marks or {}).items(), itertools.cycle(("--", ":", "-.")), strict=False
    ):
        axes[0].axvline(
            value, color=COLOURS["enhanced"], linestyle=style, label=f"{name} ({value:g})"
        )
    if marks:
        axes[0].legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3)
    figure.suptitle(title)
    return figure


@styled
def histograms(columns: Mapping[str, Sequence[float]], title: str = "", bins: int = 30) -> Figure:
    """One small histogram for each of `columns` (label with unit -> values)."""
    figure, axes = grid(len(columns))
    for ax, (label, values) in zip(axes, columns.items(), strict=False):
        _bars(ax, values, label, bins)
    for ax in axes:
        ax.set_ylabel("count" if ax.get_subplotspec().is_first_col() else "")
    figure.suptitle(title)
    return figure


@styled
def counts(series: Mapping[str, int], xlabel: str, title: str = "") -> Figure:
    """Horizontal bars with their numbers, in the order given: formats, speakers, reasons of refusal."""
    names, numbers = [str(name) for name in series.keys()], list(dict(series).values())
    figure, axes = blank(1, 1, height=1.6 + 0.4 * max(len(names), 2))
    ax = axes[0]
    if names:
        ax.bar_label(ax.barh(names, numbers, color=CYCLE[0], height=0.7), padding=4)
        ax.margins(x=0.1)
        ax.invert_yaxis()
        ax.grid(visible=False, axis="y")
        ax.tick_params(left=False)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    else:
        explain_empty(ax, "no values")
    ax.set_xlabel(xlabel)
    figure.suptitle(title)
    return figure


@styled
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
    figure, axes = blank(1, 1, width=7.5, height=6.0)
    ax = axes[0]
    if len(x):
        ends = np.array([x.min(), x.max()]) if len(x) else np.zeros(2)
        outside = np.abs(y - x) > (math.inf if band is None else band)
        if identity:
            ax.plot(ends, ends, color="#444444", linewidth=1, label="equal")
        if band is not None:
            ax.fill_between(
                ends,
                ends - band,
                ends + band,
                color="#444444",
                alpha=0.12,
                linewidth=0,
                label=f"±{band:g}",
            )
        ax.scatter(x[~outside], y[~outside], s=22, alpha=0.6, color=CYCLE[0], linewidths=0)
        if outside.any():
            ax.scatter(
                x[outside],
                y[outside],
                s=30,
                color=CYCLE[1],
                label=f"{outside.sum()} of {len(x)} outside",
            )
        if identity or band is not None:
            ax.legend(loc="upper left")
    else:
        explain_empty(ax, "no values")
    _note(ax, len(x), n_left_out)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    figure.suptitle(title)
    return figure


@styled
def lines(
    table: pd.DataFrame,
    x: str,
    panels: Mapping[str, Sequence[str]],
    xlabel: str,
    title: str = "",
    from_zero: bool = False,
) -> Figure:
    """One panel for each of `panels` (label with unit -> columns of `table`) over the column `x`; few points are marked.

    `from_zero` starts the vertical axes at 0, for things that are ratios or sizes.
    """
    figure, axes = blank(len(panels), 1, height=1.2 + 2.6 * len(panels), sharex=True)
    for ax, (ylabel, columns) in zip(axes, panels.items(), strict=True):
        for column, colour in zip(columns, itertools.cycle(CYCLE), strict=False):
            ax.plot(
                table[x],
                table[column],
                color=colour,
                label=column,
                marker="o" if len(table) < 30 else None,
            )
        if len(columns) > 1:
            ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4)
        ax.set(ylabel=ylabel)
        if pd.api.types.is_integer_dtype(table[x]):
            ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        if from_zero:
            ax.set_ylim(0, 1.1 * table[list(columns)].max().max())
    axes[-1].set_xlabel(xlabel)
    figure.suptitle(title)
    return figure


@styled
def stacked(table: pd.DataFrame, xlabel: str, title: str = "") -> Figure:
    """A horizontal bar for each row of `table`, from the top, made of its columns, with its sum."""
    figure, axes = blank(1, 1, height=2.4 + 0.5 * len(table))
    ax, left = axes[0], np.zeros(len(table))
    for name, colour in zip(table, itertools.cycle([*CYCLE, "#999999", "#000000"]), strict=False):
        bars = ax.barh(
            [str(row) for row in table.index], table[name], 0.7, left, color=colour, label=name
        )
        left += table[name].to_numpy()
    ax.bar_label(bars, [f"{total:.3g}" for total in left], padding=4)
    ax.margins(x=0.1)
    ax.invert_yaxis()
    ax.grid(visible=False, axis="y")
    ax.set_xlabel(xlabel)
    figure.legend(loc="outside lower center", ncols=3)
    figure.suptitle(title)
    return figure


def _bars(ax: Axes, values: Sequence[float], xlabel: str, bins: int) -> None:
    values = np.asarray(values, float)
    finite = values[np.isfinite(values)]
    if len(finite):
        low, high = finite.min(), finite.max()
        spread = high - low > 1e-9 * max(abs(low), abs(high))
        reach = max(
            abs(low) * 0.1, 0.5
        )  # equal values: one bar in the middle of an axis that can be read
        limits = None if spread else (low - reach, high + reach)
        ax.hist(finite, bins=bins if spread else 21, range=limits, color=CYCLE[0])
        ax.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    else:
        explain_empty(ax, "no values")
    _note(ax, len(finite), len(values) - len(finite))
    ax.set_xlabel(xlabel)
    ax.set_ylabel("count")


def _note(ax: Axes, n: int, n_left_out: int) -> None:
    text = f"n = {n:,}" + (f", {n_left_out:,} not a number" if n_left_out else "")
    ax.set_title(text, loc="right", fontsize=10, color="#666666")
