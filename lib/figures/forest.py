"""A forest plot: the paired differences of several scores on one axis."""

import numpy as np
import pandas as pd

from lib.figures.base import CYCLE, Figure, blank, explain_empty, styled
from lib.metrics import labels, registry

BETTER, WORSE, UNDECIDED = CYCLE[0], CYCLE[1], "#666666"  # colours
MIN_REACH = 0.1  # standard deviations that the axis shows at least


@styled
def forest(table: pd.DataFrame, title: str = "", first: str = "enhanced") -> Figure:
    """Paired differences with 95 % intervals, all on one axis; right is better, blue is surely so.

    The axis counts standard deviations of `first` over items, so that scores of different units
    stand beside each other. The numbers at the right are in the unit of each score.

    Args:
        table: an index of metrics; columns `difference low high spread worse n_items`, as from
            `lib.evaluation.summary`.
        first: the system whose spread is the unit.
    """
    height = 1.9 + 0.62 * max(len(table), 2)
    figure, (ax, beside) = blank(1, 2, height=height, sharey=True, width_ratios=[5, 3])
    beside.set_axis_off()
    reach, lines = MIN_REACH, []
    for i, (metric, row) in enumerate(table.iterrows()):
        sign = registry.SIGN[metric]
        values = sign * row[["difference", "low", "high"]].to_numpy(float) / row["spread"]
        colour = side_colour(sign * row["low"], sign * row["high"])
        if np.isfinite(values).all():
            ax.plot(values[1:], [i, i], color=colour, linewidth=5, solid_capstyle="butt")
            ax.plot(values[:1], [i], "o", color=colour, markersize=12)
            reach = max(reach, *np.abs(values))
        beside.text(0.0, i, _numbers(metric, row), va="center", color=colour)
        beside.text(1.0, i, _share(row["worse"]), va="center", ha="right", color=colour)
        lines.append(f"{'↑' if sign > 0 else '↓'} {labels.LABELS[metric].name}")
    n_items = int(table["n_items"].max()) if len(table) else 0
    if lines:
        ax.set_yticks(range(len(lines)), lines)
        ax.tick_params(axis="y", left=False, labelsize=14)
        ax.set_ylim(len(lines) - 0.5, -0.6)
        beside.text(0.0, -0.7, "mean [95 % interval]", fontsize=11)
        beside.text(1.0, -0.7, "items worse", ha="right", fontsize=11)
    else:
        explain_empty(ax, "no scores")
    ax.axvline(0, color="black", linewidth=1)
    ax.set_xlim(-1.1 * reach, 1.1 * reach)
    ax.grid(visible=False, axis="y")
    ax.spines["left"].set_visible(False)
    ax.set_xlabel(f"← worse      {n_items} items      better →\nstandard deviations of {first}")
    figure.suptitle(title, fontsize=16)
    return figure


def forest_in_words(table: pd.DataFrame) -> str:
    """Which scores surely differ, since their interval leaves out 0: the figure in a sentence.

    Args:
        table: as of `forest`.

    >>> columns = {"difference": [0.1, 0.2], "low": [0.05, -0.1], "high": [0.15, 0.5]}
    >>> forest_in_words(pd.DataFrame(columns, index=["distillmos", "lsd_db"]))
    'Surely better: DistillMOS +0.10. Surely worse: none. Undecided: LSD +0.20 dB.'
    """
    named = {"Surely better": BETTER, "Surely worse": WORSE, "Undecided": UNDECIDED}
    found = {colour: [] for colour in named.values()}
    for metric, row in table.iterrows():
        # A score that no item has is not drawn either.
        if np.isfinite([row["difference"], row["low"], row["high"]]).all():
            sign, label = registry.SIGN[metric], labels.LABELS[metric]
            text = f"{label.name} {labels.number(row['difference'], metric, '+')} {label.unit}"
            found[side_colour(sign * row["low"], sign * row["high"])].append(text.strip())
    return " ".join(f"{name}: {', '.join(found[x]) or 'none'}." for name, x in named.items())


def side_colour(low: float, high: float) -> str:
    """The colour of an interval whose sign says that more is better.

    An interval on both sides of zero decides nothing.

    >>> side_colour(0.1, 0.2) == BETTER, side_colour(-0.1, 0.2) == UNDECIDED
    (True, True)
    """
    return BETTER if min(low, high) > 0 else WORSE if max(low, high) < 0 else UNDECIDED


def _numbers(metric: str, row: pd.Series) -> str:
    mean, low, high = (labels.number(row[x], metric, "+") for x in ("difference", "low", "high"))
    unit = labels.LABELS[metric].unit
    return f"{mean} [{low}, {high}]{f' {unit}' if unit else ''}"


def _share(worse: float) -> str:
    return f"{100 * worse:.0f} %" if np.isfinite(worse) else "-"
