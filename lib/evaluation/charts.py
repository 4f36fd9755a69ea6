"""Charts of scores: each function returns a `Figure`, and none shows or saves it."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from lib.evaluation import summary
from lib.figures.base import COLOURS, Figure, blank, explain_empty, grid, styled
from lib.figures.forest import BETTER, UNDECIDED, WORSE, side_colour
from lib.metrics import labels, registry, stats

N_BINS = 30  # of a histogram; an even number makes zero an edge


@styled
def paired_differences(table: pd.DataFrame, title: str = "restored against enhanced") -> Figure:
    """Paired differences with their 95 % intervals, a row for each metric; right is better.

    Args:
        table: as from `summary.summary`: an index of metrics, columns `difference low high
            n_items`.
    """
    figure, axes = blank(max(len(table), 1), 1, height=1.5 + 0.72 * max(len(table), 2))
    if not len(table):
        explain_empty(axes[0], "no scores")
    for ax, (metric, row) in zip(axes, table.iterrows(), strict=False):
        _draw_difference(ax, metric, row["difference"], row["low"], row["high"])
    if len(table):
        n = int(table["n_items"].max())
        axes[-1].set_xlabel(f"← worse    mean difference, 95 % interval, {n} items    better →")
    figure.suptitle(title)
    return figure


def _draw_difference(ax: Axes, metric: str, mean: float, low: float, high: float) -> None:
    sign = registry.SIGN[metric]
    colour = side_colour(sign * low, sign * high)
    label, unit, _ = labels.LABELS.get(metric, labels.Label(metric))
    ax.axvline(0, color="black", linewidth=1)
    if np.isfinite([mean, low, high]).all():
        ax.plot([low, high], [0, 0], color=colour, linewidth=4, solid_capstyle="butt")
        ax.plot([mean], [0], "o", color=colour, markersize=11)
        reach = 1.15 * max(abs(low), abs(high), 1e-9)
        # The axis of a metric that is better when lower runs from right to left.
        ax.set_xlim(-sign * reach, sign * reach)
    # Numbers beside the bar: each row has a scale of its own.
    mean_text, low_text, high_text = (labels.number(x, metric, "+") for x in (mean, low, high))
    text = f"{mean_text} {unit}\n[{low_text}, {high_text}]"
    ax.text(1.02, 0.5, text, transform=ax.transAxes, va="center", color=colour)
    ax.set_yticks([0], [label])
    ax.set_ylim(-1, 1)
    ax.tick_params(left=False, labelsize=12)
    ax.tick_params(axis="x", labelsize=9, pad=1)
    ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.spines[["left", "bottom"]].set_visible(False)
    if not np.isfinite([mean, low, high]).all():
        # Nothing is drawn, so no number belongs to the axis.
        ax.set_xlim(-1, 1)
        ax.set_xticks([])


@styled
def distributions(scores: pd.DataFrame, metrics: Sequence[str]) -> Figure:
    """Histograms of the paired differences of each score; gains are blue, losses orange.

    Items that did not change are a grey bar, as they are common where a score counts.

    Args:
        scores: a score table (see `lib.evaluation.summary`) with the columns `metrics`.
        metrics: a panel each.
    """
    figure, axes = grid(len(metrics))
    for ax, metric in zip(axes, metrics, strict=False):
        wide = scores.pivot(index="item_id", columns="system", values=metric)
        wide = wide.reindex(columns=["restored", "enhanced"])
        differences = (wide["restored"] - wide["enhanced"]).to_numpy(float)
        _draw_distribution(ax, metric, differences[np.isfinite(differences)])
    n_columns = 2 if len(metrics) == 4 else 3
    for ax in axes[::n_columns]:
        ax.set_ylabel("items")
    figure.suptitle("restored - enhanced, item by item")
    return figure


def distributions_in_words(table: pd.DataFrame) -> str:
    """The shares of items that each score's restored made better and worse: in a sentence.

    Args:
        table: as from `summary.summary`, the rows that are drawn.

    >>> columns = {"better": [0.7], "worse": [0.25], "n_items": [20]}
    >>> distributions_in_words(pd.DataFrame(columns, index=["distillmos"]))
    'Items that got better, and worse: DistillMOS 70 %, 25 %.'
    """
    parts = [
        f"{labels.LABELS[metric].name} {100 * row['better']:.0f} %, {100 * row['worse']:.0f} %"
        for metric, row in table.iterrows()
        if row["n_items"]
    ]
    return f"Items that got better, and worse: {'; '.join(parts) or 'no scores'}."


def _draw_distribution(ax: Axes, metric: str, differences: np.ndarray) -> None:
    ax.set_title(labels.label(metric), loc="left")
    if not len(differences):
        explain_empty(ax, "no values")
        return
    # Single items far out are drawn in the last bar, so that the others are not squeezed.
    reach = max(np.abs(np.quantile(differences, [0.01, 0.99]))) or 1.0
    edges = np.linspace(-reach, reach, N_BINS + 1)
    edges[N_BINS // 2] = 0.0  # not 1e-17
    changed = differences[differences != 0]
    counts, _ = np.histogram(changed.clip(-reach, reach), edges)
    gains = np.sign(registry.SIGN[metric] * (edges[:-1] + edges[1:])) > 0
    colours = np.where(gains, BETTER, WORSE)
    ax.bar(edges[:-1], counts, np.diff(edges), align="edge", color=colours)
    n_equal = len(differences) - len(changed)
    ax.bar(0, n_equal, edges[-1] - edges[-2], color=UNDECIDED)
    ax.axvline(differences.mean(), color="black", linewidth=1.5)
    worse = np.mean(registry.SIGN[metric] * differences < 0)
    digits = labels.LABELS.get(metric, labels.Label(metric)).decimals
    text = f"mean {differences.mean():+.{digits}f}\n{100 * worse:.0f} % worse"
    if n_equal:
        text += f"\n{100 * n_equal / len(differences):.0f} % equal"
    ax.text(0.98, 0.95, text, transform=ax.transAxes, ha="right", va="top", fontsize=10)
    ax.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    # More numbers would touch each other.
    ax.xaxis.set_major_locator(MaxNLocator(4))
    ax.set_ylim(0, 1.25 * max(*counts, n_equal))


@styled
def scores_by(scores: pd.DataFrame, metric: str, by: str = "snr_db") -> Figure:
    """Mean score of each system with its 95 % bootstrap interval, against the values of a column.

    Clean is left out: its score is the same everywhere, and far off.

    Args:
        scores: a score table (see `lib.evaluation.summary`) with the columns `by` and `metric`.
        metric: the score.
        by: the column; many different numbers make five classes.
    """
    figure, axes = blank(1, 1)
    ax = axes[0]
    shown = np.isfinite(scores[metric].to_numpy(float))
    scores = scores[shown & (scores["system"] != "clean")]
    systems = [name for name in COLOURS if (scores["system"] == name).any()]
    classes, names = summary.value_classes(scores[by])
    n_values = [0] * len(names)
    for i, system in enumerate(systems):
        positions, means, intervals = [], [], []
        for k in range(len(names)):
            chosen = (scores["system"] == system) & (classes == k)
            values = scores.loc[chosen, metric].to_numpy(float)
            n_values[k] = max(n_values[k], len(values))
            if len(values):
                # Side by side, so that the intervals do not cover each other.
                positions.append(k + 0.08 * (i - (len(systems) - 1) / 2))
                means.append(values.mean())
                intervals.append(stats.bootstrap_interval(values, seed=0, n_bootstrap=1000))
        # matplotlib wants the distances to the mean.
        errors = np.abs(np.array(intervals).T - means)
        form = "o-" if pd.api.types.is_numeric_dtype(scores[by]) else "o"
        look = {"color": COLOURS[system], "capsize": 3, "linewidth": 1.5, "label": system}
        ax.errorbar(positions, means, errors, fmt=form, **look)
    if systems:
        ticks = [f"{name}\nn = {n}" for name, n in zip(names, n_values, strict=True)]
        ax.set_xticks(range(len(names)), ticks)
        ax.legend(ncols=len(systems), loc="lower left", bbox_to_anchor=(0, 1))
    else:
        explain_empty(ax, "no scores")
    better = "higher" if registry.SIGN[metric] > 0 else "lower"
    ax.set_title(f"{better} is better", loc="right", fontsize=11)
    ax.set_ylabel(labels.label(metric))
    ax.set_xlabel({"snr_db": "SNR (dB)"}.get(by, by))
    return figure


def scores_by_in_words(scores: pd.DataFrame, metric: str, by: str = "snr_db") -> str:
    """In which class restored is farthest above, and farthest below, enhanced: in a sentence.

    Args:
        scores, metric, by: as of `scores_by`.

    >>> columns = {"item_id": ["a", "a", "b", "b"], "system": ["enhanced", "restored"] * 2}
    >>> scores = pd.DataFrame(columns | {"snr_db": [0, 0, 5, 5], "lsd_db": [4.0, 3.0, 2.0, 2.5]})
    >>> scores_by_in_words(scores, "lsd_db")
    'LSD (dB), restored - enhanced: best at SNR 0 dB (-1.00), worst at SNR 5 dB (+0.50).'
    """
    pairs = summary.paired(scores, metric)
    if pairs.empty:
        return "There is nothing to see: no scores."
    # The classes of the figure, which leaves out clean and missing scores, too.
    shown = np.isfinite(scores[metric].to_numpy(float)) & (scores["system"] != "clean")
    classes, names = summary.value_classes(scores[shown][by])
    of_item = classes.groupby(scores["item_id"]).first()
    means = (pairs.restored - pairs.enhanced).groupby(of_item).mean()
    # Best first, whichever side is better.
    means = means.iloc[np.argsort(-registry.SIGN[metric] * means.to_numpy(), kind="stable")]
    what = {"snr_db": "SNR {} dB"}.get(by, f"{by} {{}}")
    best, worst = (
        f"at {what.format(names[int(i)])} ({labels.number(means.loc[i], metric, '+')})"
        for i in means.index[[0, -1]]
    )
    return f"{labels.label(metric)}, restored - enhanced: best {best}, worst {worst}."
