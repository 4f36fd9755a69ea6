"""Charts of a training and of scores: each function returns one `Figure`, none shows or saves it."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from lib.evaluation import summary
from lib.figures.base import COLOURS, CYCLE, Figure, blank, explain_empty, grid, styled
from lib.metrics import labels, registry, stats


@styled
def paired_differences(table: pd.DataFrame, title: str = "restored against enhanced") -> Figure:
    """Paired differences with their 95 % intervals, a row for each metric in its own unit; right of the line is better.

    Args:
        table: as from `evaluation.summary`: an index of metrics, columns `difference low high n_items`.
    """
    figure, axes = blank(max(len(table), 1), 1, height=1.5 + 0.72 * max(len(table), 2))
    if not len(table):
        explain_empty(axes[0], "no scores")
    for ax, (metric, row) in zip(axes, table.iterrows(), strict=False):
        sign = registry.SIGN[metric]
        mean, low, high = row["difference"], row["low"], row["high"]
        sides = np.sign([sign * low, sign * high])
        colour = CYCLE[0] if min(sides) > 0 else CYCLE[1] if max(sides) < 0 else "#666666"
        label, unit, digits = labels.LABELS.get(metric, (metric, "", 2))
        ax.axvline(0, color="black", linewidth=1)
        if np.isfinite([mean, low, high]).all():
            ax.plot([low, high], [0, 0], color=colour, linewidth=4, solid_capstyle="butt")
            ax.plot([mean], [0], "o", color=colour, markersize=11)
            reach = 1.15 * max(abs(low), abs(high), 1e-9)
            ax.set_xlim(
                -sign * reach, sign * reach
            )  # a metric that is better when lower runs from right to left
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
        scores: long, as `scoring.score_table` gives it: columns `item_id`, `system` and `names`.
    """
    figure, axes = grid(len(names))
    for ax, name in zip(axes, names, strict=False):
        wide = scores.pivot(index="item_id", columns="system", values=name).reindex(
            columns=["restored", "enhanced"]
        )
        gain = (wide["restored"] - wide["enhanced"]).to_numpy(float)
        gain = gain[np.isfinite(gain)]
        label, unit, digits = labels.LABELS.get(name, (name, "", 2))
        ax.set_title(f"{label} ({unit})" if unit else label, loc="left")
        if not len(gain):
            explain_empty(ax, "no values")
            continue
        reach = max(np.abs(np.quantile(gain, [0.01, 0.99]))) or 1.0
        edges = np.linspace(-reach, reach, 2 * 15 + 1)  # zero is an edge
        counts, _ = np.histogram(gain.clip(-reach, reach), edges)
        sides = np.sign(registry.SIGN[name] * (edges[:-1] + edges[1:]))
        ax.bar(
            edges[:-1],
            counts,
            np.diff(edges),
            align="edge",
            color=np.where(sides > 0, CYCLE[0], CYCLE[1]),
        )
        ax.axvline(gain.mean(), color="black", linewidth=1.5)
        worse = np.mean(registry.SIGN[name] * gain < 0)
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
        scores: long, as `scoring.score_table` gives it: columns `system`, `by` and `metric`.
    """
    figure, axes = blank(1, 1)
    ax = axes[0]
    scores = scores[
        np.isfinite(scores[metric].to_numpy(float))
        & scores[by].notna()
        & (scores["system"] != "clean")
    ]
    systems = [name for name in COLOURS if (scores["system"] == name).any()]
    groups, names = summary.value_classes(scores[by])
    counted = [0] * len(names)
    for i, system in enumerate(systems):
        at, means, intervals = [], [], []
        for place in range(len(names)):
            values = scores.loc[(scores["system"] == system) & (groups == place), metric].to_numpy(
                float
            )
            counted[place] = max(counted[place], len(values))
            if len(values):
                at.append(place + 0.08 * (i - (len(systems) - 1) / 2))
                means.append(values.mean())
                intervals.append(stats.bootstrap_interval(values, seed=0, n_bootstrap=1000))
        errors = np.abs(np.array(intervals).T - means)
        form = "o-" if pd.api.types.is_numeric_dtype(scores[by]) else "o"
        ax.errorbar(
            at,
            means,
            errors,
            fmt=form,
            color=COLOURS[system],
            capsize=3,
            linewidth=1.5,
            label=system,
        )
    if systems:
        ax.set_xticks(
            range(len(names)), [f"{name}\nn = {n}" for name, n in zip(names, counted, strict=True)]
        )
        ax.legend(ncols=len(systems), loc="lower left", bbox_to_anchor=(0, 1))
    else:
        explain_empty(ax, "no scores")
    label, unit, _ = labels.LABELS.get(metric, (metric, "", 2))
    ax.set_ylabel(f"{label} ({unit})" if unit else label)
    ax.set_title(
        f"{'higher' if registry.SIGN[metric] > 0 else 'lower'} is better", loc="right", fontsize=11
    )
    ax.set_xlabel({"snr_db": "SNR (dB)"}.get(by, by))
    figure.suptitle(title)
    return figure
