"""Figures show themselves, and leave pyplot and the style of the user alone."""

import matplotlib
import numpy as np
import pytest
from matplotlib import colors

from lib.figures import plots
from lib.figures.base import COLOURS, CYCLE, blank, explain_empty, grid, png


def test_a_figure_shows_itself_and_leaves_pyplot_and_the_users_style_alone():
    import matplotlib.pyplot as plt

    before = dict(matplotlib.rcParams)
    figure = plots.histogram([1.0, 2.0], "x")
    assert figure._repr_png_().startswith(b"\x89PNG")
    assert dict(matplotlib.rcParams) == before and not plt.get_fignums()


def test_a_png_has_the_size_of_its_inches_times_its_dots():
    figure, _ = blank(1, 1, width=4.0, height=3.0)
    header = np.frombuffer(png(figure, dpi=50)[16:24], ">u4")
    assert header.tolist() == [200, 150]


@pytest.mark.parametrize("n, n_axes, n_columns", [(0, 1, 1), (1, 1, 1), (4, 4, 2), (5, 6, 3)])
def test_a_grid_shows_its_panels_and_hides_the_axes_left_over(n, n_axes, n_columns):
    _, axes = grid(n)
    assert len(axes) == n_axes
    assert sum(ax.axison for ax in axes) == n
    assert axes[0].get_subplotspec().get_gridspec().ncols == n_columns


def test_empty_axes_tell_why_and_have_no_ticks():
    _, axes = blank(1, 1)
    explain_empty(axes[0], "no values")
    assert [text.get_text() for text in axes[0].texts] == ["no values"]
    assert not len(axes[0].get_xticks()) and not len(axes[0].get_yticks())


def test_all_colours_differ_from_each_other():
    def rgb(names):
        return {colors.to_rgb(name) for name in names}

    assert len(rgb(COLOURS.values())) == 4 and len(rgb(CYCLE)) == 6
