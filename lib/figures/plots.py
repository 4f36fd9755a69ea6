"""Histograms, bars, scatter plots and lines."""

import itertools
import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from lib.figures.base import COLOURS, CYCLE, Figure, blank, explain_empty, grid, styled

MAX_MARKED_POINTS = 29  # lines of more points have no markers


@styled
def histogram(
    values: Sequence[float],
    xlabel: str,
    title: str = "",
    bins: int = 40,
    marks: Mapping[str, float] | None = None,
) -> Figure:
    """How `values` are spread.

    Args:
        marks: name with unit -> value, vertical lines, such as the gates of a check.
    """
    figure, axes = blank(1, 1, height=4.5)
    ax = axes[0]
    _draw_histogram(ax, values, xlabel, bins)
    # All marks have one colour, so their lines must differ.
    line_styles = itertools.cycle(("--", ":", "-."))
    for (name, value), style in zip((marks or {}).items(), line_styles, strict=False):
        ax.axvline(value, color=COLOURS["enhanced"], linestyle=style, label=f"{name}: {value:g}")
    if marks:
        # Above the axes, where it hides no bar.
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3)
    figure.suptitle(title)
    return figure


@styled
def histograms(columns: Mapping[str, Sequence[float]], title: str = "", bins: int = 30) -> Figure:
    """One small histogram for each of `columns` (label with unit -> values)."""
    figure, axes = grid(len(columns))
    # The grid may have more axes than there are columns.
    for ax, (label, values) in zip(axes, columns.items(), strict=False):
        _draw_histogram(ax, values, label, bins)
    for ax in axes:
        # All panels count, so the first one of a row says it.
        ax.set_ylabel("count" if ax.get_subplotspec().is_first_col() else "")
    figure.suptitle(title)
    return figure


@styled
def latencies(table: pd.DataFrame, limit_ms: float, title: str = "") -> Figure:
    """How long each hop took: one panel for each column of `table`, counts on a logarithmic scale.

    Args:
        table: a row for each hop, a column for each stage, in ms.
        limit_ms: the time of a hop in real time, drawn as a line.
    """
    n_panels = max(table.shape[1], 1)
    figure, axes = blank(n_panels, 1, height=1.2 + 1.5 * n_panels, sharex=True)
    # The line of the limit lies within, however fast the hops were.
    longest_ms = max(1.15 * limit_ms, 1.05 * np.nanmax(table.to_numpy(float), initial=0.0))
    for ax, (name, values) in zip(axes, table.items(), strict=False):
        # Equal bins in all panels. A logarithmic axis shows one slow hop beside thousands.
        ax.hist(values, bins=np.linspace(0, longest_ms, 200), color=CYCLE[0], log=True)
        ax.axvline(limit_ms, color=COLOURS["enhanced"], linestyle="--")
        p95, p99 = values.quantile([0.95, 0.99])
        percentiles = f"median {values.median():.2f}, p95 {p95:.2f}, p99 {p99:.2f}"
        ax.set_title(name, loc="left")
        ax.set_title(f"{percentiles}, worst {values.max():.2f} ms", loc="right", fontsize=11)
        ax.set_ylabel("hops")
    axes[-1].set_xlabel("ms for a hop; real time is left of the line")
    axes[-1].set_xlim(0, longest_ms)
    figure.suptitle(title)
    return figure


@styled
def counts(series: Mapping[str, int], xlabel: str, title: str = "") -> Figure:
    """Horizontal bars with their numbers, in the given order: formats, speakers, reasons."""
    # `dict` makes a pandas Series and a mapping alike.
    names, numbers = [str(name) for name in series.keys()], list(dict(series).values())
    # 0.4 inches for each bar, so that a longer list is a taller figure.
    figure, axes = blank(1, 1, height=1.6 + 0.4 * max(len(names), 2))
    ax = axes[0]
    if names:
        ax.bar_label(ax.barh(names, numbers, color=CYCLE[0], height=0.7), padding=4)
        # A single bar would fill the figure.
        ax.set_ylim(min(-0.5, len(names) / 2 - 1.5), max(len(names) - 0.5, len(names) / 2 + 0.5))
        _list_from_the_top(ax)
        ax.tick_params(left=False)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    else:
        explain_empty(ax, "no values")
    ax.set_xlabel(xlabel)
    figure.suptitle(title)
    return figure


@styled
def stacked(table: pd.DataFrame, xlabel: str, title: str = "") -> Figure:
    """A horizontal bar for each row of `table`, from the top, made of its columns, with its sum."""
    figure, axes = blank(1, 1, height=2.4 + 0.5 * len(table))
    ax, left = axes[0], np.zeros(len(table))
    rows = [str(row) for row in table.index]
    for name, colour in zip(table, itertools.cycle([*CYCLE, "#999999", "#000000"]), strict=False):
        bars = ax.barh(rows, table[name], 0.7, left, color=colour, label=name)
        left += table[name].to_numpy()
    # The last parts end where the bars end.
    ax.bar_label(bars, [f"{total:.3g}" for total in left], padding=4)
    _list_from_the_top(ax)
    ax.set_xlabel(xlabel)
    figure.legend(loc="outside lower center", ncols=3)
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
    """Each point as it is.

    Args:
        identity: draw the line y = x.
        band: draw the strip of +-`band` around that line; points outside are coloured and counted.

    Raises:
        ValueError: `x` and `y` differ in their number.
    """
    x, y = np.asarray(x, float), np.asarray(y, float)
    if x.shape != y.shape:
        raise ValueError(f"{x.size} values of x but {y.size} of y: one y for each x is needed")
    finite = np.isfinite(x) & np.isfinite(y)
    x, y = x[finite], y[finite]
    figure, axes = blank(1, 1, width=7.5, height=6.0)
    ax = axes[0]
    if len(x):
        # The line reaches as far as the points.
        ends = np.array([x.min(), x.max()])
        if identity:
            ax.plot(ends, ends, color="#444444", linewidth=1, label="equal")
        if band is not None:
            strip = {"color": "#444444", "alpha": 0.12, "linewidth": 0, "label": f"±{band:g}"}
            ax.fill_between(ends, ends - band, ends + band, **strip)
        # Without a band no point lies outside.
        outside = np.abs(y - x) > (math.inf if band is None else band)
        ax.scatter(x[~outside], y[~outside], s=22, alpha=0.6, color=CYCLE[0], linewidths=0)
        if outside.any():
            count = f"{outside.sum()} of {len(x)} outside"
            ax.scatter(x[outside], y[outside], s=30, color=CYCLE[1], label=count)
        if identity or band is not None:
            ax.legend(loc="upper left")
    else:
        explain_empty(ax, "no values")
    _note_number(ax, len(x), int(np.count_nonzero(~finite)))
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
    """One panel for each of `panels` over the column `x`; lines of few points have markers.

    Args:
        panels: label with unit -> columns of `table`.
        from_zero: start the vertical axes at 0, for ratios and sizes.
    """
    figure, axes = blank(len(panels), 1, height=1.2 + 2.6 * len(panels), sharex=True)
    marker = "o" if len(table) <= MAX_MARKED_POINTS else None
    for ax, (ylabel, columns) in zip(axes, panels.items(), strict=True):
        for column, colour in zip(columns, itertools.cycle(CYCLE), strict=False):
            ax.plot(table[x], table[column], color=colour, label=column, marker=marker)
        if len(columns) > 1:
            # Above the axes, where it hides no line.
            ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4)
        ax.set(ylabel=ylabel)
        # Numbers of workers, for example, have no halves.
        if pd.api.types.is_integer_dtype(table[x]):
            ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        if from_zero:
            ax.set_ylim(0, 1.1 * table[list(columns)].max().max())
    axes[-1].set_xlabel(xlabel)
    figure.suptitle(title)
    return figure


def _draw_histogram(ax: Axes, values: Sequence[float], xlabel: str, bins: int) -> None:
    values = np.asarray(values, float)
    finite = values[np.isfinite(values)]
    if len(finite):
        low, high = finite.min(), finite.max()
        # Equal values become one bar in the middle of an axis whose numbers can be read.
        is_spread = high - low > 1e-9 * max(abs(low), abs(high))
        margin = max(abs(low) * 0.1, 0.5)
        limits = None if is_spread else (low - margin, high + margin)
        # An odd number of bins, 21, has one in the middle, into which the value falls.
        ax.hist(finite, bins=bins if is_spread else 21, range=limits, color=CYCLE[0])
        # Counts are whole numbers.
        ax.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    else:
        explain_empty(ax, "no values")
    _note_number(ax, len(finite), len(values) - len(finite))
    ax.set_xlabel(xlabel)
    ax.set_ylabel("count")


def _list_from_the_top(ax: Axes) -> None:
    """Horizontal bars as a list: the first above, room for numbers at their ends."""
    ax.margins(x=0.1)
    # matplotlib puts the first bar at the bottom.
    ax.invert_yaxis()
    ax.grid(visible=False, axis="y")


def _note_number(ax: Axes, n: int, n_left_out: int) -> None:
    text = f"n = {n:,}" + (f", {n_left_out:,} not a number" if n_left_out else "")
    ax.set_title(text, loc="right", fontsize=10, color="#666666")
