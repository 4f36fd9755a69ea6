"""Curves of trainings: what is drawn is what was given."""

import numpy as np
import pandas as pd
import pytest

from lib.figures.base import png
from lib.figures.curves import UNITS, curves
from lib.losses.reconstruction import TERMS


def test_curves_shade_the_epochs_with_discriminators_and_leave_gaps_out():
    history = pd.DataFrame({"epoch": [1, 2, 3, 4], "valid/lsd_db": [4.0, 3.0, np.nan, 2.0]})
    columns = {"LSD (dB)": "valid/lsd_db"}
    figure = curves(history, columns, gan_start_epoch=3)
    ax = figure.axes[0]
    assert ax.lines[0].get_xdata().tolist() == [1, 2, 4]
    assert (ax.patches[0].get_x(), ax.patches[0].get_width()) == (2.5, 2.0)
    assert figure.get_suptitle() == "(shaded: with discriminators)"
    assert not curves(history, columns, gan_start_epoch=5).axes[0].patches


def test_a_panel_of_several_curves_keeps_its_own_title():
    history = pd.DataFrame(
        {"epoch": [1, 2], "train/adversarial": [0.5, 0.4], "train/mel": [1.0, 0.8]}
    )
    columns = {"losses of the generator": ["train/adversarial", "train/mel"]}
    ax = curves(history, columns).axes[0]
    assert ax.get_title(loc="left") == "losses of the generator"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["adversarial", "mel"]


def test_panels_of_the_same_curves_have_one_legend_and_each_run_keeps_its_colour():
    runs = ["A: lr=0.1", "B: lr=0.2"]
    pesq = {f"pesq/{run}": [1.0, 2.0] for run in runs}
    history = pd.DataFrame({"epoch": [0, 1], **pesq, f"mcd_db/{runs[1]}": [3.0, 2.0]})
    columns = {name: [f"{name}/{run}" for run in runs] for name in ("pesq", "mcd_db")}
    figure = curves(history, columns)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == runs
    assert all(ax.get_legend() is None for ax in figure.axes)
    assert figure.axes[0].lines[1].get_color() == figure.axes[1].lines[0].get_color()


@pytest.mark.parametrize("largest, scale", [(49.0, "linear"), (51.0, "log")])
def test_values_that_differ_more_than_50_fold_stand_on_a_logarithmic_axis(largest, scale):
    history = pd.DataFrame({"epoch": [1, 2], "x": [1.0, largest]})
    assert curves(history, {"x": "x"}).axes[0].get_yscale() == scale


def test_scores_and_counts_of_zero_stand_on_a_linear_axis():
    history = pd.DataFrame({"epoch": [0, 1], "valid/selection": [5e-5, 0.3], "skipped": [0, 0]})
    first, second = curves(history, {"a": "valid/selection", "b": "skipped"}).axes[:2]
    assert first.get_yscale() == "linear" and second.get_ylim() == (-0.05, 1)


def test_no_two_of_many_curves_look_the_same():
    names = [f"norm_{i}" for i in range(9)]
    history = pd.DataFrame({"epoch": [1, 2]} | dict.fromkeys(names, 1.0))
    lines = curves(history, {"norms": names}).axes[0].lines
    assert len({(line.get_color(), line.get_linestyle()) for line in lines}) == 9


def test_the_units_are_those_of_loss_terms():
    assert set(UNITS) < set(TERMS)


def test_only_the_lowest_panel_of_a_column_is_labelled():
    history = pd.DataFrame({"epoch": [1, 2], "x": [1.0, 2.0]})
    figure = curves(history, {f"panel {i}": "x" for i in range(5)})
    labelled = [ax.get_xlabel() for ax in figure.axes]
    assert labelled == ["", "", "epoch", "epoch", "epoch", ""]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "history, columns",
    [
        (pd.DataFrame(), {"LSD (dB)": "lsd_db"}),
        (pd.DataFrame({"epoch": [1], "x": [2.0]}), {"x": "x", "y": ["z", "x"]}),
        (pd.DataFrame({"epoch": [1]}), {}),
    ],
    ids=["no epoch", "one epoch", "no panels"],
)
def test_nothing_to_draw_is_drawn_without_a_warning(history, columns):
    assert png(curves(history, columns, gan_start_epoch=1), dpi=50).startswith(b"\x89PNG")
