"""Charts of a training and of scores: each function returns one `Figure`, none shows or saves it."""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from lib import evaluation, figures, metrics, stats
from lib.figures import Figure


@figures.styled
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
    figure, axes = figures.grid(len(columns))
    shaded = False
    shown_in_all = {tuple(map(_ending, [names] if isinstance(names, str) else names)) for names in columns.values()}
    shared = len(columns) > 1 and len(shown_in_all) == 1 and len(*shown_in_all) > 1
    epochs = history["epoch"].to_numpy(float) if len(history) else np.zeros(0)
    for ax, (label, names) in zip(axes, columns.items(), strict=False):
        names = [names] if isinstance(names, str) else list(names)
        drawn = [name for name in names if name in history and history[name].notna().any()]
        widths = np.linspace(4.5, 1.5, len(names)) if shared else np.full(len(names), 2.0)
        for name, colour, width in zip(
            names, itertools.cycle([*figures.CYCLE, figures.COLOURS["clean"]]), widths, strict=False
        ):
            if name in drawn:
                values = history[name].to_numpy(float)
                kept = np.isfinite(values)
                look = {"color": colour, "linewidth": width, "markersize": 2 * width}
                ax.plot(epochs[kept], values[kept], "o-", label=_ending(name), **look)
        shown = history[drawn].to_numpy(float)
        if shown.size and np.nanmin(shown) > 0 and np.nanmax(shown) > 50 * np.nanmin(shown):
            ax.set_yscale("log")
        if len(names) > 1 and drawn and not shared:  # after the scale, by which the emptiest corner is found
            ax.legend(fontsize=9, ncols=1 + (len(drawn) > 3), framealpha=0.8, frameon=True)
        if not drawn:
            figures.say(ax, "no values")
        elif gan_start_epoch is not None and gan_start_epoch <= epochs.max():
            ax.axvspan(gan_start_epoch - 0.5, epochs.max() + 0.5, color=figures.CYCLE[4], alpha=0.15, linewidth=0)
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


@figures.styled
def differences(table: pd.DataFrame, title: str = "restored against enhanced") -> Figure:
    """Paired differences with their 95 % intervals, a row for each metric in its own unit; right of the line is better.

    Args:
        table: as from `evaluation.summary`: an index of metrics, columns `difference low high n_items`.
    """
    figure, axes = figures.blank(max(len(table), 1), 1, height=1.5 + 0.72 * max(len(table), 2))
    if not len(table):
        figures.say(axes[0], "no scores")
    for ax, (metric, row) in zip(axes, table.iterrows(), strict=False):
        sign = metrics.SIGN[metric]
        mean, low, high = row["difference"], row["low"], row["high"]
        sides = np.sign([sign * low, sign * high])
        colour = figures.CYCLE[0] if min(sides) > 0 else figures.CYCLE[1] if max(sides) < 0 else "#666666"
        label, unit, digits = evaluation.LABELS.get(metric, (metric, "", 2))
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


@figures.styled
def distributions(
    scores: pd.DataFrame, names: Sequence[str], title: str = "restored - enhanced, item by item"
) -> Figure:
    """How the paired differences of each score are spread: what gained is blue, what lost orange, the mean a line.

    Args:
        scores: long, as `scoring.score_table` gives it: columns `item_id`, `system` and `names`.
    """
    figure, axes = figures.grid(len(names))
    for ax, name in zip(axes, names, strict=False):
        wide = scores.pivot(index="item_id", columns="system", values=name).reindex(columns=["restored", "enhanced"])
        gain = (wide["restored"] - wide["enhanced"]).to_numpy(float)
        gain = gain[np.isfinite(gain)]
        label, unit, digits = evaluation.LABELS.get(name, (name, "", 2))
        ax.set_title(f"{label} ({unit})" if unit else label, loc="left")
        if not len(gain):
            figures.say(ax, "no values")
            continue
        reach = max(np.abs(np.quantile(gain, [0.01, 0.99]))) or 1.0
        edges = np.linspace(-reach, reach, 2 * 15 + 1)  # zero is an edge
        counts, _ = np.histogram(gain.clip(-reach, reach), edges)
        sides = np.sign(metrics.SIGN[name] * (edges[:-1] + edges[1:]))
        ax.bar(
            edges[:-1],
            counts,
            np.diff(edges),
            align="edge",
            color=np.where(sides > 0, figures.CYCLE[0], figures.CYCLE[1]),
        )
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


@figures.styled
def latencies(table: pd.DataFrame, limit_ms: float, title: str = "") -> Figure:
    """How long each hop took: a panel for each column of `table` (ms), all hops, counts on a logarithmic scale.

    Args:
        limit_ms: what real time leaves, drawn as a line.
    """
    figure, axes = figures.blank(max(table.shape[1], 1), 1, height=1.2 + 1.5 * max(table.shape[1], 1), sharex=True)
    reach = max(1.15 * limit_ms, 1.05 * np.nanmax(table.to_numpy(float), initial=0.0))
    for ax, (name, values) in zip(axes, table.items(), strict=False):
        ax.hist(values, bins=np.linspace(0, reach, 200), color=figures.CYCLE[0], log=True)
        ax.axvline(limit_ms, color=figures.COLOURS["enhanced"], linestyle="--")
        p95, p99 = values.quantile([0.95, 0.99])
        text = f"median {values.median():.2f}, p95 {p95:.2f}, p99 {p99:.2f}, worst {values.max():.2f} ms"
        ax.set_title(name, loc="left")
        ax.set_title(text, loc="right", fontsize=11)
        ax.set_ylabel("hops")
    axes[-1].set_xlabel("ms for a hop; real time is left of the line")
    axes[-1].set_xlim(0, reach)
    figure.suptitle(title)
    return figure


@figures.styled
def scores_by(scores: pd.DataFrame, metric: str, by: str = "snr_db", title: str = "") -> Figure:
    """Mean score of each system with its 95 % bootstrap interval against `by`; many numbers are taken in five classes.

    Clean is left out: its score is the same everywhere, and far off.

    Args:
        scores: long, as `scoring.score_table` gives it: columns `system`, `by` and `metric`.
    """
    figure, axes = figures.blank(1, 1)
    ax = axes[0]
    scores = scores[np.isfinite(scores[metric].to_numpy(float)) & scores[by].notna() & (scores["system"] != "clean")]
    systems = [name for name in figures.COLOURS if (scores["system"] == name).any()]
    groups, names = evaluation.classes(scores[by])
    counted = [0] * len(names)
    for i, system in enumerate(systems):
        at, means, intervals = [], [], []
        for place in range(len(names)):
            values = scores.loc[(scores["system"] == system) & (groups == place), metric].to_numpy(float)
            counted[place] = max(counted[place], len(values))
            if len(values):
                at.append(place + 0.08 * (i - (len(systems) - 1) / 2))
                means.append(values.mean())
                intervals.append(stats.bootstrap_interval(values, seed=0, n_bootstrap=1000))
        errors = np.abs(np.array(intervals).T - means)
        form = "o-" if pd.api.types.is_numeric_dtype(scores[by]) else "o"
        ax.errorbar(at, means, errors, fmt=form, color=figures.COLOURS[system], capsize=3, linewidth=1.5, label=system)
    if systems:
        ax.set_xticks(range(len(names)), [f"{name}\nn = {n}" for name, n in zip(names, counted, strict=True)])
        ax.legend(ncols=len(systems), loc="lower left", bbox_to_anchor=(0, 1))
    else:
        figures.say(ax, "no scores")
    label, unit, _ = evaluation.LABELS.get(metric, (metric, "", 2))
    ax.set_ylabel(f"{label} ({unit})" if unit else label)
    ax.set_title(f"{'higher' if metrics.SIGN[metric] > 0 else 'lower'} is better", loc="right", fontsize=11)
    ax.set_xlabel({"snr_db": "SNR (dB)"}.get(by, by))
    figure.suptitle(title)
    return figure


def _ending(column: str) -> str:
    return column.rpartition("/")[2].removeprefix("grad_norm_")


def _label_lowest(axes: Sequence[Axes], xlabel: str) -> None:
    shown = [ax for ax in axes if ax.axison]
    for ax in shown[-axes[0].get_subplotspec().get_gridspec().ncols :]:
        ax.set_xlabel(xlabel)
