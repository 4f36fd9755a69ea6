"""Figures of the timbre: medians above, each class with its quartiles below."""

import numpy as np
import pandas as pd
import pytest

from lib.evaluation import timbre_figures
from lib.figures.base import png


def test_the_timbre_before_and_after_shows_all_items_and_each_snr():
    levels = {"enhanced": -4.0, "restored": -1.0}
    rows = [
        (system, snr_db, hz, level)
        for snr_db in (0.0, 10.0)
        for hz in (500.0, 4000.0)
        for system, level in levels.items()
    ]
    axes = timbre_figures.before_and_after(
        pd.DataFrame(rows, columns=["system", "snr_db", "hz", "change_db"])
    ).axes
    assert [ax.get_title() for ax in axes] == ["", "0 dB SNR", "10 dB SNR"]
    for ax in axes:
        assert [line.get_ydata().tolist() for line in ax.lines[:2]] == [[-4.0, -4.0], [-1.0, -1.0]]


def test_pairs_without_noise_have_a_panel_of_their_own_beside_ranges_of_snrs():
    columns = {"system": "enhanced", "hz": 500.0, "change_db": -1.0}
    table = pd.DataFrame({"snr_db": [*range(-5, 25, 5), np.nan]}).assign(**columns)
    table.loc[table.snr_db.isna(), "change_db"] = 0.0
    _, *single = timbre_figures.before_and_after(table).axes
    ranges = ["-5 to 0", "0 to 5", "5 to 10", "10 to 15", "15 to 20"]
    assert [ax.get_title() for ax in single] == [*(f"{r} dB SNR" for r in ranges), "no noise"]
    assert [ax.lines[0].get_ydata().tolist() for ax in single] == [[-1.0]] * 5 + [[0.0]]


def test_the_timbre_profile_has_all_medians_above_and_each_with_its_quartiles_below():
    hz = np.geomspace(100, 20_000, 8)
    table = pd.DataFrame({"hz": hz, "low": -4.0, "high": 0.0, "n_pairs": 7})
    tables = [table.assign(snr_db=snr, median=-2.0 + snr / 10) for snr in (-5.0, 5.0, 15.0)]
    whole, *single = timbre_figures.profile_figure(pd.concat(tables), "taken").axes
    assert [line.get_label() for line in whole.lines[:3]] == ["-5 dB SNR", "5 dB SNR", "15 dB SNR"]
    assert [line.get_ydata()[0] for line in whole.lines[:3]] == [-2.5, -1.5, -0.5]
    assert [ax.get_title() for ax in single] == ["-5 dB, n = 7", "5 dB, n = 7", "15 dB, n = 7"]
    assert [label.get_text() for label in whole.get_xticklabels()][:3] == ["100", "250", "500"]
    clean = tables[0].assign(snr_db=np.inf)
    whole, *single = timbre_figures.profile_figure(pd.concat([tables[1], clean])).axes
    assert [line.get_label() for line in whole.lines[:2]] == ["5 dB SNR", "no noise"]
    assert [ax.get_title() for ax in single] == ["5 dB, n = 7", "no noise, n = 7"]
    few = tables[0].assign(n_pairs=[7] * 6 + [3, 1])  # recordings that end below drop out
    solid, dotted = timbre_figures.profile_figure(few).axes[0].lines[:2]
    assert np.isnan(solid.get_ydata()).tolist() == [False] * 6 + [True] * 2
    assert dotted.get_linestyle() == ":"
    assert len(timbre_figures.profile_figure(tables[0][:0]).axes) == 1  # "no pairs"


def test_the_colour_shows_both_systems_and_marks_the_bands_with_a_veto():
    intervals = pd.DataFrame({"band": [8, 9, 8, 9], "hz": [400.0, 475.0, 400.0, 475.0]})
    intervals["system"] = ["enhanced"] * 2 + ["restored"] * 2
    intervals["mean"] = [-1.0, -0.4, -0.5, 2.2]
    intervals = intervals.assign(low=intervals["mean"] - 0.2, high=intervals["mean"] + 0.2)
    ax = timbre_figures.colour_figure(intervals, [9]).axes[0]
    lines = {line.get_label(): list(line.get_ydata()) for line in ax.lines}
    assert lines["enhanced"] == [-1.0, -0.4] and lines["restored"] == [-0.5, 2.2]
    (marks,) = [mark for mark in ax.collections if mark.get_label() == "veto"]
    assert marks.get_offsets()[:, 1].tolist() == [2.2]
    plain = timbre_figures.colour_figure(intervals).axes[0]
    assert "veto" not in [mark.get_label() for mark in plain.collections]


@pytest.mark.filterwarnings("error")
def test_no_items_are_drawn_as_such_without_a_warning():
    table = pd.DataFrame(columns=["system", "snr_db", "hz", "change_db"], dtype=float)
    figure = timbre_figures.before_and_after(table)
    assert png(figure, dpi=50).startswith(b"\x89PNG")
    assert [text.get_text() for text in figure.axes[0].texts] == ["no items"]
