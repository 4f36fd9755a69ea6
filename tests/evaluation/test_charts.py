"""Charts of scores: the figures show the values that they get."""

import matplotlib
import numpy as np
import pandas as pd
import pytest

from lib.evaluation import charts
from lib.figures.base import png


@pytest.mark.parametrize("metric, n_worse", [("pesq", 1), ("lsd_db", 3)])
def test_distributions_count_each_item_on_its_side_of_zero(metric, n_worse):
    gains = {"a": 0.1, "b": 0.2, "c": 0.3, "d": -0.2}
    rows = [
        (item, system, gain * (system == "restored"))
        for item, gain in gains.items()
        for system in ("enhanced", "restored")
    ]
    ax = charts.distributions(
        pd.DataFrame(rows, columns=["item_id", "system", metric]), [metric]
    ).axes[0]
    orange = matplotlib.colors.to_rgba("#D55E00")
    assert sum(bar.get_height() for bar in ax.patches) == 4
    assert sum(bar.get_height() for bar in ax.patches if bar.get_facecolor() == orange) == n_worse
    assert f"{25 * n_worse} % worse" in ax.texts[0].get_text()


def test_items_that_did_not_change_are_neither_gains_nor_losses():
    rows = [(i, name, 0.5) for i in range(5) for name in ("enhanced", "restored")]
    rows[1] = (0, "restored", 0.4)
    table = pd.DataFrame(rows, columns=["item_id", "system", "phone_error"])
    ax = charts.distributions(table, ["phone_error"]).axes[0]
    heights = {bar.get_facecolor(): bar.get_height() for bar in ax.patches if bar.get_height()}
    colours = {matplotlib.colors.to_hex(colour).upper(): n for colour, n in heights.items()}
    assert colours == {"#0072B2": 1, "#666666": 4}
    assert ax.texts[0].get_text().endswith("80 % equal")


def test_right_of_the_line_is_better_for_every_metric():
    rows = {
        "pesq": (0.2, 0.1, 0.3, 9),
        "lsd_db": (-1.0, -2.0, -0.5, 9),
        "mcd_db": (0.5, 0.2, 0.8, 9),
    }
    table = pd.DataFrame.from_dict(
        rows, orient="index", columns=["difference", "low", "high", "n_items"]
    )
    better = []
    for ax, mean in zip(charts.paired_differences(table).axes, table["difference"], strict=True):
        to_pixels = ax.transData.transform
        better.append(to_pixels((mean, 0))[0] > to_pixels((0, 0))[0])
    assert better == [True, True, False]


def test_scores_by_class_are_means_within_their_intervals():
    snr_db = np.repeat([0.0, 10.0], 20)
    scores = pd.DataFrame(
        {
            "system": "enhanced",
            "snr_db": snr_db,
            "pesq": 1 + snr_db / 10 + np.random.default_rng(0).normal(0, 0.1, 40),
        }
    )
    ax = charts.scores_by(scores, "pesq").axes[0]
    means = scores.groupby("snr_db")["pesq"].mean()
    assert ax.lines[0].get_ydata() == pytest.approx(means.to_numpy())
    assert [text.get_text() for text in ax.get_xticklabels()] == ["0\nn = 20", "10\nn = 20"]


def test_many_snrs_are_taken_in_five_classes_and_none_is_lost():
    scores = pd.DataFrame({"system": "noisy", "snr_db": np.linspace(-5, 15, 41), "pesq": 1.0})
    names = [text.get_text() for text in charts.scores_by(scores, "pesq").axes[0].get_xticklabels()]
    assert [name.split("\n")[0] for name in names] == [
        "-5 to -1",
        "-1 to 3",
        "3 to 7",
        "7 to 11",
        "11 to 15",
    ]
    assert sum(int(name.split("n = ")[1]) for name in names) == 41


ROW = {"difference": np.nan, "low": np.nan, "high": np.nan, "n_items": 0}
NO_ITEMS = pd.DataFrame(columns=["item_id", "system", "pesq"])
NO_SCORES = pd.DataFrame({"system": [], "snr_db": [], "pesq": []})
NO_NUMBERS = pd.DataFrame({"system": ["noisy"], "snr_db": [1.0], "pesq": [np.nan]})
NOTHING = {
    "differences of none": lambda: charts.paired_differences(pd.DataFrame(columns=list(ROW))),
    "differences of NaN": lambda: charts.paired_differences(pd.DataFrame([ROW], index=["pesq"])),
    "distributions of none": lambda: charts.distributions(NO_ITEMS, ["pesq"]),
    "scores of none": lambda: charts.scores_by(NO_SCORES, "pesq"),
    "scores of NaN": lambda: charts.scores_by(NO_NUMBERS, "pesq"),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("draw", NOTHING.values(), ids=NOTHING.keys())
def test_nothing_to_draw_is_drawn_without_a_warning(draw):
    assert png(draw(), dpi=50).startswith(b"\x89PNG")
