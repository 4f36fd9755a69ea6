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
    "over_attenuation_db": ("missing", "dB", 2),
    "pause_level_db": ("pauses re speech", "dB", 1),
    "loudness_difference_lu": ("loudness off by", "LU", 2),
    "f0_error_cents": ("F0 off by", "cents", 1),
    "voicing_error": ("voicing error", "", 3),
    "dnsmos_sig": ("DNSMOS voice", "", 2),
    "dnsmos_bak": ("DNSMOS background", "", 2),
    "dnsmos_ovrl": ("DNSMOS overall", "", 2),
    "dnsmos_p808": ("DNSMOS P.808", "", 2),
}
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
styled = matplotlib.rc_context(STYLE)  # as a decorator: the style is ours alone, the user's own settings stay


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


@styled
def histogram(
    values: Sequence[float], xlabel: str, title: str = "", bins: int = 40, marks: Mapping[str, float] | None = None
) -> Figure:
    """How `values` are spread; `marks` (name -> value) are drawn as vertical lines, e.g. the gates of a check."""
    figure, axes = blank(1, 1, height=4.5)
    _bars(axes[0], values, xlabel, bins)
    for (name, value), style in zip((marks or {}).items(), _cycle(("--", ":", "-.")), strict=False):
        axes[0].axvline(value, color=COLOURS["enhanced"], linestyle=style, label=f"{name} ({value:g})")
    if marks:
        axes[0].legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3)
    figure.suptitle(title)
    return figure


@styled
def histograms(columns: Mapping[str, Sequence[float]], title: str = "", bins: int = 30) -> Figure:
    """One small histogram for each of `columns` (label with unit -> values)."""
    figure, axes = _grid(len(columns))
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
        say(ax, "no values")
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
                ends, ends - band, ends + band, color="#444444", alpha=0.12, linewidth=0, label=f"±{band:g}"
            )
        ax.scatter(x[~outside], y[~outside], s=22, alpha=0.6, color=CYCLE[0], linewidths=0)
        if outside.any():
            ax.scatter(x[outside], y[outside], s=30, color=CYCLE[1], label=f"{outside.sum()} of {len(x)} outside")
        if identity or band is not None:
            ax.legend(loc="upper left")
    else:
        say(ax, "no values")
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
        for column, colour in zip(columns, _cycle(CYCLE), strict=False):
            ax.plot(table[x], table[column], color=colour, label=column, marker="o" if len(table) < 30 else None)
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
def timbre_profile(table: pd.DataFrame, title: str = "") -> Figure:
    """What DeepFilterNet3 took of each ERB band: the medians over pairs for each SNR, and below them each with its quartiles.

    Dotted where less than half of the pairs hold anything: there it is another population.

    Args:
        table: as from `verify.profile`: columns `snr_db hz low median high n_pairs`.
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
        whole.plot(
            _erb(rows["hz"]),
            rows["median"].where(many),
            color=colour,
            label=f"{snr_db:g} dB SNR",
            marker="o",
            markersize=4,
        )
        ax.fill_between(_erb(rows["hz"]), rows["low"], rows["high"], color=colour, alpha=0.3, linewidth=0)
        ax.plot(_erb(rows["hz"]), rows["median"].where(many), color=colour)
        for panel in (whole, ax) if not many.all() else ():
            panel.plot(_erb(rows["hz"]), rows["median"], color=colour, linestyle=":", linewidth=1.2)
        ax.set_title(f"{snr_db:g} dB, n = {rows['n_pairs'].max():,}", fontsize=11)
        _erb_axis(ax, (250, 1000, 4000, 16_000))
    if groups:
        whole.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=6)
        whole.text(1, 0, " as clean", transform=whole.get_yaxis_transform(), va="center", fontsize=11)
        _erb_axis(whole, (100, 250, 500, 1000, 2000, 4000, 8000, 16_000))
        axes[len(groups)].set_ylabel("median and quartiles (dB)", fontsize=11)
    else:
        axes[-1].remove()
        say(whole, "no pairs")
    whole.set_ylabel("enhanced re clean (dB)")
    figure.supxlabel("frequency (Hz), ERB scale", fontsize=13)
    figure.suptitle(title)
    return figure


@styled
def timbre_change(table: pd.DataFrame, title: str = "") -> Figure:
    """The timbre profile before and after: each ERB band re clean, median and quartiles; all items, and below them by SNR.

    Args:
        table: a row for each item, system and band: columns `system snr_db hz change_db`, as from `verify.band_change`.
    """
    figure, axes = blank(2, 5, height=7.2, sharey="row", height_ratios=[3, 2])
    grid, whole = axes[0].get_gridspec(), axes[0]
    groups, names = classes(table["snr_db"], most=5)
    places = range(min(len(names), 5)) if len(names) > 1 else []
    for ax in [*axes[1:5], *axes[5 + len(places) :]]:
        ax.remove()
    whole.set_subplotspec(grid[0, :] if len(places) else grid[:, :])
    _before_and_after(whole, table)
    for place, ax in zip(places, axes[5:], strict=False):
        _before_and_after(ax, table[groups == place])
        ax.set_title(f"{names[place]} dB SNR", fontsize=11)
        _erb_axis(ax, (250, 1000, 4000, 16_000))
    if len(table):
        whole.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
        whole.text(1, 0, " as clean", transform=whole.get_yaxis_transform(), va="center", fontsize=11)
        _erb_axis(whole, (100, 250, 500, 1000, 2000, 4000, 8000, 16_000))
    else:
        say(whole, "no items")
    whole.set_ylabel("re clean (dB)")
    figure.supxlabel("frequency (Hz), ERB scale; medians, and quartiles shaded", fontsize=13)
    figure.suptitle(title)
    return figure


def _before_and_after(ax: Axes, table: pd.DataFrame) -> None:
    for system in [name for name in ("enhanced", "restored") if (table["system"] == name).any()]:
        change = table[table["system"] == system].groupby("hz")["change_db"]
        hz = _erb(np.array(sorted(change.groups)))
        ax.fill_between(hz, change.quantile(0.25), change.quantile(0.75), color=COLOURS[system], alpha=0.2, linewidth=0)
        ax.plot(hz, change.median(), color=COLOURS[system], marker="o", markersize=3, label=system)


# -- training and scores ---------------------------------------------------------------------------------------------


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
    figure, axes = _grid(len(columns))
    shaded = False
    shown_in_all = {tuple(map(_ending, [names] if isinstance(names, str) else names)) for names in columns.values()}
    shared = len(columns) > 1 and len(shown_in_all) == 1 and len(*shown_in_all) > 1
    epochs = history["epoch"].to_numpy(float) if len(history) else np.zeros(0)
    for ax, (label, names) in zip(axes, columns.items(), strict=False):
        names = [names] if isinstance(names, str) else list(names)
        drawn = [name for name in names if name in history and history[name].notna().any()]
        widths = np.linspace(4.5, 1.5, len(names)) if shared else np.full(len(names), 2.0)
        for name, colour, width in zip(names, _cycle([*CYCLE, "#000000"]), widths, strict=False):
            if name in drawn:
                values = history[name].to_numpy(float)
                kept = np.isfinite(values)
                ax.plot(
                    epochs[kept],
                    values[kept],
                    "o-",
                    color=colour,
                    linewidth=width,
                    markersize=2 * width,
                    label=_ending(name),
                )
        shown = history[drawn].to_numpy(float)
        if shown.size and np.nanmin(shown) > 0 and np.nanmax(shown) > 50 * np.nanmin(shown):
            ax.set_yscale("log")
        if len(names) > 1 and drawn and not shared:  # after the scale, by which the emptiest corner is found
            ax.legend(fontsize=9, ncols=1 + (len(drawn) > 3), framealpha=0.8, frameon=True)
        if not drawn:
            say(ax, "no values")
        elif gan_start_epoch is not None and gan_start_epoch <= epochs.max():
            ax.axvspan(gan_start_epoch - 0.5, epochs.max() + 0.5, color=CYCLE[4], alpha=0.15, linewidth=0)
            shaded = True
        if len(epochs) > 1 and drawn:
            ax.set_xlim(epochs.min() - 0.5, epochs.max() + 0.5)
        ax.set_title(label, loc="left")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    _label_lowest(axes, "epoch")
    if shared:
        handles = {label: line for ax in axes for line, label in zip(*ax.get_legend_handles_labels(), strict=True)}
        figure.legend(handles.values(), handles, loc="outside lower center", ncols=2 if len(handles) > 3 else 1)
    figure.suptitle(f"{title} (shaded: with discriminators)".strip() if shaded else title)
    return figure


@styled
def stacked(table: pd.DataFrame, xlabel: str, title: str = "") -> Figure:
    """A horizontal bar for each row of `table`, from the top, made of its columns, with its sum."""
    figure, axes = blank(1, 1, height=2.4 + 0.5 * len(table))
    ax, left = axes[0], np.zeros(len(table))
    for name, colour in zip(table, _cycle([*CYCLE, "#999999", "#000000"]), strict=False):
        bars = ax.barh([str(row) for row in table.index], table[name], 0.7, left, color=colour, label=name)
        left += table[name].to_numpy()
    ax.bar_label(bars, [f"{total:.3g}" for total in left], padding=4)
    ax.margins(x=0.1)
    ax.invert_yaxis()
    ax.grid(visible=False, axis="y")
    ax.set_xlabel(xlabel)
    figure.legend(loc="outside lower center", ncols=3)
    figure.suptitle(title)
    return figure


@styled
def differences(table: pd.DataFrame, title: str = "restored against enhanced") -> Figure:
    """Paired differences with their 95 % intervals, a row for each metric in its own unit; right of the line is better.

    Args:
        table: as from `evaluation.summary`: an index of metrics, columns `difference low high n_items`.
    """
    figure, axes = blank(max(len(table), 1), 1, height=1.5 + 0.72 * max(len(table), 2))
    if not len(table):
        say(axes[0], "no scores")
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


@styled
def distributions(
    scores: pd.DataFrame, names: Sequence[str], title: str = "restored - enhanced, item by item"
) -> Figure:
    """How the paired differences of each score are spread: what gained is blue, what lost orange, the mean a line.

    Args:
        scores: long, as `evaluation.score_table` gives it: columns `item_id`, `system` and `names`.
    """
    figure, axes = _grid(len(names))
    for ax, name in zip(axes, names, strict=False):
        wide = scores.pivot(index="item_id", columns="system", values=name).reindex(columns=["restored", "enhanced"])
        gain = (wide["restored"] - wide["enhanced"]).to_numpy(float)
        gain = gain[np.isfinite(gain)]
        label, unit, digits = LABELS.get(name, (name, "", 2))
        ax.set_title(f"{label} ({unit})" if unit else label, loc="left")
        if not len(gain):
            say(ax, "no values")
            continue
        reach = max(np.abs(np.quantile(gain, [0.01, 0.99]))) or 1.0
        edges = np.linspace(-reach, reach, 2 * 15 + 1)  # zero is an edge
        counts, _ = np.histogram(gain.clip(-reach, reach), edges)
        sides = np.sign(metrics.SIGN[name] * (edges[:-1] + edges[1:]))
        ax.bar(edges[:-1], counts, np.diff(edges), align="edge", color=np.where(sides > 0, CYCLE[0], CYCLE[1]))
        ax.axvline(gain.mean(), color="black", linewidth=1.5)
        worse = np.mean(metrics.SIGN[name] * gain < 0)
        ax.text(0.98, 0.95, f"mean {gain.mean():+.{digits}f}\n{100 * worse:.0f} % worse", transform=ax.transAxes, ha="right",
                va="top", fontsize=10)  # fmt: skip
        ax.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        ax.set_ylim(0, 1.25 * max(counts))
    for ax in axes[:: 2 if len(names) == 4 else 3]:
        ax.set_ylabel("items")
    figure.suptitle(title)
    return figure


@styled
def scores_by(scores: pd.DataFrame, metric: str, by: str = "snr_db", title: str = "") -> Figure:
    """Mean score of each system with its 95 % bootstrap interval against `by`; many numbers are taken in five classes.

    Clean is left out: its score is the same everywhere, and far off.

    Args:
        scores: long, as `evaluation.score_table` gives it: columns `system`, `by` and `metric`.
    """
    figure, axes = blank(1, 1)
    ax = axes[0]
    scores = scores[np.isfinite(scores[metric].to_numpy(float)) & scores[by].notna() & (scores["system"] != "clean")]
    systems = [name for name in COLOURS if (scores["system"] == name).any()]
    groups, names = classes(scores[by])
    counted = [0] * len(names)
    for i, system in enumerate(systems):
        at, means, intervals = [], [], []
        for place in range(len(names)):
            values = scores.loc[(scores["system"] == system) & (groups == place), metric].to_numpy(float)
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
        say(ax, "no scores")
    label, unit, _ = LABELS.get(metric, (metric, "", 2))
    ax.set_ylabel(f"{label} ({unit})" if unit else label)
    ax.set_title(f"{'higher' if metrics.SIGN[metric] > 0 else 'lower'} is better", loc="right", fontsize=11)
    ax.set_xlabel({"snr_db": "SNR (dB)"}.get(by, by))
    figure.suptitle(title)
    return figure


# -- parts -----------------------------------------------------------------------------------------------------------


def blank(n_rows: int, n_columns: int, width: float = 10.0, height: float = 5.6, **grid) -> tuple[Figure, list[Axes]]:
    """An empty figure of `width` x `height` inches and its axes, row by row."""
    figure = Figure(figsize=(width, height), dpi=150, layout="constrained")
    axes = list(figure.subplots(n_rows, n_columns, squeeze=False, **grid).flat)
    for ax in axes:
        ax.tick_params(labelsize=11)
    return figure, axes


def _grid(n: int) -> tuple[Figure, list[Axes]]:
    n_columns = 2 if n == 4 else min(max(n, 1), 3)
    n_rows = math.ceil(max(n, 1) / n_columns)
    figure, axes = blank(n_rows, n_columns, height=0.6 + 2.9 * n_rows)
    for ax in axes[n:]:
        ax.set_axis_off()
    if n == 0:
        say(axes[0], "no values")
    return figure, axes


def _ending(column: str) -> str:
    return column.rpartition("/")[2].removeprefix("grad_norm_")


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
        say(ax, "no values")
    _note(ax, len(finite), len(values) - len(finite))
    ax.set_xlabel(xlabel)
    ax.set_ylabel("count")


def _note(ax: Axes, n: int, n_left_out: int) -> None:
    text = f"n = {n:,}" + (f", {n_left_out:,} not a number" if n_left_out else "")
    ax.set_title(text, loc="right", fontsize=10, color="#666666")


def say(ax: Axes, text: str) -> None:
    """Empty axes that tell why."""
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center", color="#666666")
    ax.set(xticks=[], yticks=[])


def _cycle(things: Sequence) -> list:
    return list(things) * 20


def _erb(hz) -> np.ndarray:
    """Number of equivalent rectangular bandwidths below a frequency (Glasberg and Moore, 1990)."""
    return 21.4 * np.log10(1 + 0.00437 * np.asarray(hz, float))


def _erb_axis(ax: Axes, ticks: Sequence[int]) -> None:
    ax.axhline(0, color=COLOURS["clean"], linewidth=1)
    ax.set_xticks(_erb(ticks), [f"{hz / 1000:g} k" if hz >= 1000 else str(hz) for hz in ticks])


def classes(column: pd.Series, most: int = 10) -> tuple[pd.Series, list[str]]:
    """The class of each value (0, 1, ...) and the names of the classes: five ranges where there are more than `most` numbers."""
    if not pd.api.types.is_numeric_dtype(column) or column.nunique() <= most:
        names = sorted(column.unique())
        return column.map({name: i for i, name in enumerate(names)}), [
            f"{name:g}" if isinstance(name, float) else str(name) for name in names
        ]
    edges = np.linspace(column.min(), column.max(), 6)
    groups = pd.Series(np.clip(np.digitize(column, edges) - 1, 0, 4), index=column.index)
    return groups, [f"{low:.0f} to {high:.0f}" for low, high in itertools.pairwise(edges)]
