"""Charts of trainings and scores, and the timbre before and after: what is drawn is what was given."""

import matplotlib
import numpy as np
import pandas as pd
import pytest

from lib.evaluation import charts, timbre_figures
from lib.figures import curves

RNG = np.random.default_rng(0)


def test_curves_shade_the_epochs_with_discriminators_and_leave_gaps_out():
    history = pd.DataFrame({"epoch": [1, 2, 3, 4], "valid/lsd_db": [4.0, 3.0, np.nan, 2.0]})
    ax = curves.curves(history, {"LSD (dB)": "valid/lsd_db"}, gan_start_epoch=3).axes[0]
    assert ax.lines[0].get_xdata().tolist() == [1, 2, 4]
    assert (ax.patches[0].get_x(), ax.patches[0].get_width()) == (2.5, 2.0)
    assert (
        not curves.curves(history, {"LSD (dB)": "valid/lsd_db"}, gan_start_epoch=5).axes[0].patches
    )


def test_a_panel_of_several_curves_keeps_its_own_title():
    history = pd.DataFrame(
        {"epoch": [1, 2], "train/adversarial": [0.5, 0.4], "train/mel": [1.0, 0.8]}
    )
    ax = curves.curves(
        history, {"losses of the generator": ["train/adversarial", "train/mel"]}
    ).axes[0]
    assert ax.get_title(loc="left") == "losses of the generator"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["adversarial", "mel"]


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


def test_panels_of_the_same_curves_have_one_legend_and_each_run_keeps_its_colour():
    runs = ["A: lr=0.1", "B: lr=0.2"]
    history = pd.DataFrame(
        {
            "epoch": [0, 1],
            **{f"pesq/{run}": [1.0, 2.0] for run in runs},
            f"mcd_db/{runs[1]}": [3.0, 2.0],
        }
    )
    figure = curves.curves(
        history, {name: [f"{name}/{run}" for run in runs] for name in ("pesq", "mcd_db")}
    )
    assert [text.get_text() for text in figure.legends[0].get_texts()] == runs
    assert all(ax.get_legend() is None for ax in figure.axes)
    assert figure.axes[0].lines[1].get_color() == figure.axes[1].lines[0].get_color()


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
        {"system": "enhanced", "snr_db": snr_db, "pesq": 1 + snr_db / 10 + RNG.normal(0, 0.1, 40)}
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


def test_the_timbre_before_and_after_shows_all_items_and_each_snr():
    rows = [
        (system, snr_db, hz, level) for snr_db in (0.0, 10.0) for hz in (500.0, 4000.0)
        for system, level in (("enhanced", -4.0), ("restored", -1.0)) for _ in range(3)
    ]  # fmt: skip
    axes = timbre_figures.before_and_after(
        pd.DataFrame(rows, columns=["system", "snr_db", "hz", "change_db"])
    ).axes
    assert [ax.get_title() for ax in axes] == ["", "0 dB SNR", "10 dB SNR"]
    for ax in axes:
        assert [line.get_ydata().tolist() for line in ax.lines[:2]] == [[-4.0, -4.0], [-1.0, -1.0]]


def test_the_timbre_profile_has_all_medians_above_and_each_with_its_quartiles_below():
    hz = np.geomspace(100, 20_000, 8)
    tables = [pd.DataFrame({"snr_db": snr_db, "hz": hz, "low": -4.0, "median": -2.0 + snr_db / 10, "high": 0.0, "n_pairs": 7})
              for snr_db in (-5.0, 5.0, 15.0)]  # fmt: skip
    whole, *single = timbre_figures.profile_figure(pd.concat(tables), "taken").axes
    assert [line.get_label() for line in whole.lines[:3]] == ["-5 dB SNR", "5 dB SNR", "15 dB SNR"]
    assert [line.get_ydata()[0] for line in whole.lines[:3]] == [-2.5, -1.5, -0.5]
    assert [ax.get_title() for ax in single] == ["-5 dB, n = 7", "5 dB, n = 7", "15 dB, n = 7"]
    assert [label.get_text() for label in whole.get_xticklabels()][:3] == ["100", "250", "500"]
    few = tables[0].assign(n_pairs=[7] * 6 + [3, 1])  # recordings that end below drop out
    solid, dotted = timbre_figures.profile_figure(few).axes[0].lines[:2]
    assert (
        np.isnan(solid.get_ydata()).tolist() == [False] * 6 + [True] * 2
        and dotted.get_linestyle() == ":"
    )
    assert len(timbre_figures.profile_figure(tables[0][:0]).axes) == 1  # "no pairs"


def test_latencies_draw_every_hop_and_tell_the_worst():
    table = pd.DataFrame({"fast": [0.1] * 98 + [0.2, 12.0], "slow": [3.0] * 100})
    fast, slow = curves.latencies(table, 10.0).axes
    assert [sum(bar.get_height() for bar in ax.patches) for ax in (fast, slow)] == [100, 100]
    assert fast.get_title(loc="right").startswith("median 0.10, p95 0.10,")
    assert fast.get_title(loc="right").endswith("worst 12.00 ms")
    assert fast.get_xlim() == slow.get_xlim() == (0, pytest.approx(12.6))
