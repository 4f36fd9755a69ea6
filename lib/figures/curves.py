"""Curves of a training over its epochs."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from lib.figures.base import COLOURS, CYCLE, Figure, explain_empty, grid, styled
from lib.figures.words import NOTHING, number

CURVE_COLOURS = (*CYCLE, COLOURS["clean"])
MAX_LINEAR_RATIO = 50  # of the largest to the smallest value; beyond it the axis is logarithmic
SCORES = "valid/"  # of their names; they may pass zero, so their axes are linear
# Of the loss terms; `complex` and `features` have none.
UNITS = dict.fromkeys(
    "spectral mel over_attenuation dominant overshoot bands bins contrast".split(), "dB"
) | {"l1": "re full scale", "pesq": "MOS", "dnsmos": "MOS"}
# Line widths from the first curve to the last, where one may hide another.
BROADEST, NARROWEST, USUAL = 4.5, 1.5, 2.0


@styled
def curves(
    history: pd.DataFrame,
    columns: Mapping[str, str | Sequence[str]],
    title: str = "",
    gan_start_epoch: int | None = None,
) -> Figure:
    """One panel for each of `columns` over the column `epoch` of `history`.

    If all panels show the same curves, and several of them, they share one legend below. Their
    first curves are then broad, so that they are seen behind the others.

    Args:
        history: one row an epoch.
        columns: label with unit -> column or columns. Columns that `history` lacks are left out.
        gan_start_epoch: the first epoch with discriminators; from there on panels are shaded.
    """
    panels = {
        label: [names] if isinstance(names, str) else list(names)
        for label, names in columns.items()
    }
    figure, axes = grid(len(panels))
    epochs = history["epoch"].to_numpy(float) if len(history) else np.zeros(0)
    has_shared_legend = _show_the_same_curves(list(panels.values()))
    is_shaded = False
    # The grid may have more axes than there are panels.
    for ax, (label, names) in zip(axes, panels.items(), strict=False):
        # A column without values would be a name in the legend without a curve.
        drawn = [name for name in names if name in history and history[name].notna().any()]
        _draw(ax, epochs, history, names, drawn, has_shared_legend)
        # The scale comes first: the legend looks for the corner that is empty then.
        if len(names) > 1 and drawn and not has_shared_legend:
            ax.legend(fontsize=9, ncols=1 + (len(drawn) > 3), framealpha=0.8, frameon=True)
        if not drawn:
            explain_empty(ax, "no values")
        elif gan_start_epoch is not None and gan_start_epoch <= epochs.max():
            # It begins half an epoch earlier, so that the marker of its first epoch lies within.
            shade = {"color": CYCLE[4], "alpha": 0.15, "linewidth": 0}
            ax.axvspan(gan_start_epoch - 0.5, epochs.max() + 0.5, **shade)
            is_shaded = True
        if len(epochs) > 1 and drawn:
            ax.set_xlim(epochs.min() - 0.5, epochs.max() + 0.5)
        ax.set_title(label, loc="left")
        # Epochs are whole numbers.
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    _label_lowest(axes, "epoch")
    if has_shared_legend:
        _add_shared_legend(figure, axes)
    figure.suptitle(f"{title} (shaded: with discriminators)".strip() if is_shaded else title)
    return figure


def loss_label(term: str) -> str:
    """The name of a loss term with its unit.

    >>> loss_label("mel"), loss_label("complex")
    ('mel (dB)', 'complex')
    """
    return f"{term} ({UNITS[term]})" if term in UNITS else term


def curves_in_words(history: pd.DataFrame, columns: Mapping[str, str | Sequence[str]]) -> str:
    """Where each curve begins and ends: what `curves` shows, in a sentence.

    >>> history = pd.DataFrame({"epoch": [1, 2], "train/mel": [4.0, 3.5]})
    >>> curves_in_words(history, {"mel (dB)": "train/mel", "never": "train/none"})
    'From epoch 1 to 2: mel (dB) 4 to 3.5.'
    """
    parts, epochs = [], []
    for label, names in columns.items():
        told = []
        for name in [names] if isinstance(names, str) else names:
            rows = history[history[name].notna()] if name in history else history[:0]
            if len(rows):
                # What stands behind a colon explains a run; its letter is enough here.
                what = "" if isinstance(names, str) else f"{_short_name(name).partition(': ')[0]} "
                told.append(what + _ends(rows[name].iloc[0], rows[name].iloc[-1]))
                epochs += [rows.epoch.min(), rows.epoch.max()]
        if told:
            parts.append(f"{label}{' ' if isinstance(names, str) else ': '}{', '.join(told)}")
    if not parts:
        return NOTHING
    return f"From epoch {min(epochs)} to {max(epochs)}: {'; '.join(parts)}."


def _ends(first: float, last: float) -> str:
    """
    >>> _ends(5e-5, 0.2864), _ends(4.0, 3.5)
    ('0 to 0.286', '4 to 3.5')
    """
    largest = max(abs(first), abs(last))
    # Both in the digits of the larger one.
    decimals = 2 - int(np.floor(np.log10(largest))) if largest else 0
    return f"{number(round(first, decimals))} to {number(round(last, decimals))}"


def _show_the_same_curves(panels: Sequence[Sequence[str]]) -> bool:
    """Whether there are several panels of the same several curves."""
    # Without the part before the slash, which is the panel's own.
    kinds = {tuple(map(_short_name, names)) for names in panels}
    return len(panels) > 1 and len(kinds) == 1 and len(*kinds) > 1


def _draw(
    ax: Axes,
    epochs: np.ndarray,
    history: pd.DataFrame,
    names: Sequence[str],
    drawn: Sequence[str],
    has_shared_legend: bool,
) -> None:
    """The curves `drawn`; a curve has the colour and width of its place in `names`."""
    n = len(names)
    widths = np.linspace(BROADEST, NARROWEST, n) if has_shared_legend else np.full(n, USUAL)
    for i, (name, width) in enumerate(zip(names, widths, strict=True)):
        # Skipped here and not left out before, so that the others keep their colours.
        if name not in drawn:
            continue
        values = history[name].to_numpy(float)
        # Epochs without a value are left out, so that the line joins their neighbours.
        finite = np.isfinite(values)
        turn, place = divmod(i, len(CURVE_COLOURS))
        look = {"color": CURVE_COLOURS[place], "linewidth": width, "markersize": 2 * width}
        # A colour that comes again is dashed, with squares.
        form = "s--" if turn else "o-"
        ax.plot(epochs[finite], values[finite], form, label=_short_name(name), **look)
    shown = history[drawn].to_numpy(float)
    if not shown.size:
        return
    low, high = np.nanmin(shown), np.nanmax(shown)
    are_scores = all(name.startswith(SCORES) for name in drawn)
    # A logarithmic axis has no place for zero.
    if low > 0 and high > MAX_LINEAR_RATIO * low and not are_scores:
        ax.set_yscale("log")
    elif low == high == 0:
        # A count that stays at zero would stand on an axis of hundredths.
        ax.set_ylim(-0.05, 1)


def _add_shared_legend(figure: Figure, axes: Sequence[Axes]) -> None:
    """One entry a name, below the panels."""
    # By name: the panels draw the same names, though one of them may lack a curve.
    handles = {
        label: line
        for ax in axes
        for line, label in zip(*ax.get_legend_handles_labels(), strict=True)
    }
    n_columns = 2 if len(handles) > 3 else 1
    figure.legend(handles.values(), handles, loc="outside lower center", ncols=n_columns)


def _short_name(column: str) -> str:
    """
    >>> _short_name("train/grad_norm_generator"), _short_name("valid/gain_visqol")
    ('generator', 'visqol')
    """
    return column.rpartition("/")[2].removeprefix("grad_norm_").removeprefix("gain_")


def _label_lowest(axes: Sequence[Axes], xlabel: str) -> None:
    """Label the lowest visible panel of each column."""
    visible = [ax for ax in axes if ax.axison]
    n_columns = axes[0].get_subplotspec().get_gridspec().ncols
    # Axes are in the order of rows, so the last ones are the lowest of their columns.
    for ax in visible[-n_columns:]:
        ax.set_xlabel(xlabel)
