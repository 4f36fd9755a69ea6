"""Histograms, bars, scatter plots and lines: what is drawn is what was given."""

import numpy as np
import pandas as pd
import pytest

from lib.figures import plots
from lib.figures.base import png


def heights(ax):
    return [bar.get_height() for bar in ax.patches]


def test_a_histogram_counts_each_finite_value_once_and_names_the_others():
    figure = plots.histogram([0.0, 1.0, 1.0, 2.0, np.nan, np.inf], "lag (ms)", marks={"gate": 0.5})
    assert sum(heights(figure.axes[0])) == 4
    assert figure.axes[0].get_title(loc="right") == "n = 4, 2 not a number"
    assert figure.axes[0].lines[0].get_xdata()[0] == 0.5


@pytest.mark.parametrize("value", [0.0, -1e-12, 48_000.0, 1e12])
def test_equal_values_are_one_bar(value):
    figure = plots.histogram([value] * 7, "x")
    filled = [bar for bar in figure.axes[0].patches if bar.get_height()]
    assert [bar.get_height() for bar in filled] == [7]
    assert filled[0].get_x() <= value <= filled[0].get_x() + filled[0].get_width()


def test_a_scatter_counts_what_is_outside_of_its_band():
    figure = plots.scatter(
        [0, 1, 2, 3, 4], [0.4, 1.6, 2, 3, np.nan], "claimed", "achieved", identity=True, band=0.5
    )
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert "1 of 4 outside" in labels


def test_a_scatter_wants_one_y_for_each_x():
    with pytest.raises(ValueError, match="2 values of x but 3 of y"):
        plots.scatter([1, 2], [1, 2, 3], "x", "y")


def test_counts_are_written_at_their_bars_in_the_given_order():
    ax = plots.counts({"FLAC": 3, "WAV": 12}, "files").axes[0]
    assert [bar.get_width() for bar in ax.patches] == [3, 12]
    assert [text.get_text() for text in ax.texts] == ["3", "12"]


def test_a_single_bar_does_not_fill_its_figure():
    ax = plots.counts({"joe": 160}, "files").axes[0]
    assert np.ptp(ax.get_ylim()) == 2 and np.mean(ax.get_ylim()) == 0


def test_lines_draw_a_panel_for_each_label_and_start_at_0_where_asked():
    table = pd.DataFrame({"size": [1, 2, 4], "ratio": [5.0, 7.0, 8.0], "memory": [2.0, 2.0, 2.0]})
    table["least"] = table.ratio - 1
    panels = {"ratio": ["ratio", "least"], "memory (MB)": ["memory"]}
    first, second = plots.lines(table, "size", panels, "batch size", from_zero=True).axes
    assert [first.get_ylabel(), second.get_ylabel()] == ["ratio", "memory (MB)"]
    assert second.get_xlabel() == "batch size"
    assert [line.get_ydata().tolist() for line in first.lines] == [[5.0, 7.0, 8.0], [4.0, 6.0, 7.0]]
    assert first.get_ylim() == pytest.approx((0, 8.8))
    assert second.get_ylim() == pytest.approx((0, 2.2))


def test_a_stacked_bar_has_its_parts_one_after_the_other_and_their_sum_at_its_end():
    table = pd.DataFrame({"load": [1.0, 2.0], "run": [3.0, 0.5]}, index=["a", "b"])
    ax = plots.stacked(table, "time (s)").axes[0]
    assert [bar.get_x() for bar in ax.patches] == [0, 0, 1, 2]
    assert [bar.get_width() for bar in ax.patches] == [1, 2, 3, 0.5]
    assert [text.get_text() for text in ax.texts] == ["4", "2.5"]


def test_latencies_draw_every_hop_and_tell_the_worst():
    table = pd.DataFrame({"fast": [0.1] * 98 + [0.2, 12.0], "slow": [3.0] * 100})
    fast, slow = plots.latencies(table, 10.0).axes
    assert sum(heights(fast)) == sum(heights(slow)) == 100
    assert fast.get_title(loc="right").startswith("median 0.10, p95 0.10,")
    assert fast.get_title(loc="right").endswith("worst 12.00 ms")
    assert fast.get_xlim() == slow.get_xlim() == (0, pytest.approx(12.6))


NOTHING = {
    "histogram of none": lambda: plots.histogram([], "x", marks={"gate": 1.0}),
    "histogram of NaN": lambda: plots.histogram([np.nan] * 3, "x"),
    "histogram of one": lambda: plots.histogram([3.0], "x"),
    "histograms of none": lambda: plots.histograms({}),
    "histograms": lambda: plots.histograms({"a": [], "b": [np.inf], "c": [1.0, 1.0], "d": [1, 2]}),
    "counts of none": lambda: plots.counts({}, "files"),
    "scatter of none": lambda: plots.scatter([], [], "x", "y", identity=True, band=1.0),
    "scatter of one": lambda: plots.scatter([1.0], [np.nan], "x", "y", identity=True),
    "scatter of equals": lambda: plots.scatter([1, 1], [1, 1], "x", "y", identity=True, band=1.0),
    "latencies of none": lambda: plots.latencies(pd.DataFrame(), 10.0),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("draw", NOTHING.values(), ids=NOTHING.keys())
def test_nothing_to_draw_is_drawn_without_a_warning(draw):
    assert png(draw(), dpi=50).startswith(b"\x89PNG")
