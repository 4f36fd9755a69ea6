"""Style and empty figures; the functions beside this file draw into them.

Each of these functions returns one `Figure`; none shows or saves it. Values that are NaN or
infinite are left out; histograms and scatter plots count them.
"""

import io
import math

import matplotlib
import matplotlib.figure
from matplotlib.axes import Axes

# The colours of Okabe and Ito (jfly.uni-koeln.de/color), which people with any kind of colour
# vision can tell apart. The four signals keep theirs in all figures.
COLOURS = {"noisy": "#999999", "enhanced": "#D55E00", "restored": "#0072B2", "clean": "#000000"}
CYCLE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
STYLE = {
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.labelsize": 13,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 13,
    "font.size": 12,
    "grid.alpha": 0.25,
    "legend.fontsize": 11,
    "legend.frameon": False,
    "lines.linewidth": 2,
}
# A decorator: a function draws in this style and leaves the settings of the user alone.
styled = matplotlib.rc_context(STYLE)
DPI = 150


class Figure(matplotlib.figure.Figure):
    """A figure that a notebook shows as PNG, without a pyplot backend.

    So it looks the same under papermill, in JupyterLab and in plain IPython.
    """

    def _repr_png_(self) -> bytes:
        return png(self)


def png(figure: matplotlib.figure.Figure, dpi: float | str = "figure") -> bytes:
    """`figure` as a PNG file in memory."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=dpi)
    return file.getvalue()


def blank(
    n_rows: int, n_columns: int, width: float = 10.0, height: float = 5.6, **subplots
) -> tuple[Figure, list[Axes]]:
    """An empty figure of `width` x `height` inches and its axes, row by row.

    Args:
        subplots: more arguments of matplotlib's `Figure.subplots`, such as `sharex`.
    """
    # Constrained, since it makes room for legends outside the axes.
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    # Not squeezed, so that one panel comes as an array, too.
    axes = list(figure.subplots(n_rows, n_columns, squeeze=False, **subplots).flat)
    for ax in axes:
        ax.tick_params(labelsize=11)
    return figure, axes


def grid(n: int) -> tuple[Figure, list[Axes]]:
    """An empty figure of `n` panels, up to three beside each other; axes left over are hidden.

    >>> len(grid(5)[1]), len(grid(4)[1])
    (6, 4)
    """
    # Four panels fill two columns; three columns would leave two places empty.
    n_columns = 2 if n == 4 else min(max(n, 1), 3)
    n_rows = math.ceil(max(n, 1) / n_columns)
    # 2.9 inches for each row and 0.6 for the title.
    figure, axes = blank(n_rows, n_columns, height=0.6 + 2.9 * n_rows)
    for ax in axes[n:]:
        ax.set_axis_off()
    if n == 0:
        explain_empty(axes[0], "no values")
    return figure, axes


def explain_empty(ax: Axes, text: str) -> None:
    """Write `text` into the middle of empty axes."""
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center", color="#666666")
    ax.set(xticks=[], yticks=[])
