"""The timbre profile: what became of the power in each of DeepFilterNet3's ERB bands, as tables and as pictures."""

from collections.abc import Sequence

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from lib import deepfilter, evaluation, figures, jobs, metrics, pairs
from lib.audio import SAMPLE_RATE
from lib.figures import Figure


def measure(corpus: str, manifest: pd.DataFrame, n_processes: int = 1) -> pd.DataFrame:
    """What DeepFilterNet3 took from each usable pair: `change_db` of each of its 32 ERB bands, a row for each pair and band.

    Power of enhanced over power of clean in a band, in dB, over the frames (20 ms, every 10 ms) in which clean is within 40 dB of
    its loudest. 0 dB: as clean; below: speech was taken; above: noise is left. Bands that reach beyond the pair's
    bandwidth are left out.

    Columns: id, split, snr_db (of own pairs: the SI-SDR of noisy, to 5 dB), band, hz (middle of the band), change_db.
    """
    rows = manifest[manifest.verdict == "ok"]
    rows = rows.assign(snr_db=rows.snr_db.fillna((rows.si_sdr_noisy_db / 5).round() * 5))
    arguments = [(corpus, row) for row in rows.itertuples(index=False)]
    return pd.concat(jobs.each(_measure_row, arguments, "timbre profile", n_processes), ignore_index=True)


def change(estimate: np.ndarray, clean: np.ndarray, bandwidth_hz: float) -> pd.DataFrame:
    """The change of power in each ERB band of one signal, as `measure` describes it: columns band, hz, change_db."""
    powers = [_powers(signal) for signal in (estimate, clean)]
    loud = powers[1].sum(axis=1)
    loud = loud >= loud.max() * 1e-4  # 40 dB
    edges = np.cumsum([0, *deepfilter.erb_widths()])
    bands = [np.add.reduceat(power[loud].sum(axis=0), edges[:-1]) for power in powers]
    hz_per_bin = SAMPLE_RATE / deepfilter.N_FFT
    upper_hz, middle_hz = (edges[1:] - 1) * hz_per_bin, (edges[:-1] + edges[1:] - 1) / 2 * hz_per_bin
    change_db = 10 * np.log10((bands[0] + 1e-12) / (bands[1] + 1e-12))
    table = pd.DataFrame({"band": range(len(middle_hz)), "hz": middle_hz, "change_db": change_db})
    return table[upper_hz <= bandwidth_hz * 1.001]


def profile(table: pd.DataFrame, by: str = "snr_db") -> pd.DataFrame:
    """Median and quartiles over the pairs of `measure`: columns `by`, hz, low, median, high (dB), n_pairs.

    Args:
        by: what else than the band makes a group: `snr_db`, or `system`.

    >>> table = pd.DataFrame({"snr_db": 0.0, "hz": 100.0, "change_db": [-3.0, -1.0, 1.0, 3.0, 5.0]})
    >>> profile(table).to_dict("records")
    [{'snr_db': 0.0, 'hz': 100.0, 'low': -1.0, 'median': 1.0, 'high': 3.0, 'n_pairs': 5}]
    """
    groups = table.groupby([by, "hz"]).change_db
    low, median, high = (groups.quantile(q) for q in (0.25, 0.5, 0.75))
    return pd.DataFrame({"low": low, "median": median, "high": high, "n_pairs": groups.size()}).reset_index()


@figures.styled
def profile_figure(table: pd.DataFrame, title: str = "") -> Figure:
    """What DeepFilterNet3 took of each ERB band: the medians over pairs for each SNR, and below them each with its quartiles.

    Dotted where less than half of the pairs hold anything: there it is another population.

    Args:
        table: as from `profile`: columns `snr_db hz low median high n_pairs`.
    """
    groups = list(table.groupby("snr_db"))
    figure, axes = figures.blank(2, max(len(groups), 1), height=7.2, sharey="row", height_ratios=[3, 2])
    grid, (whole, *unused) = axes[0].get_gridspec(), axes[: max(len(groups), 1)]
    for ax in unused:
        ax.remove()
    whole.set_subplotspec(grid[0, :])
    colours = matplotlib.colormaps["viridis"](np.linspace(0.0, 0.85, max(len(groups), 1)))
    for (snr_db, rows), ax, colour in zip(groups, axes[len(axes) // 2 :], colours, strict=False):
        many = rows["n_pairs"] >= rows["n_pairs"].max() / 2
        hz, median = _erb(rows["hz"]), rows["median"].where(many)
        whole.plot(hz, median, color=colour, label=f"{snr_db:g} dB SNR", marker="o", markersize=4)
        ax.fill_between(hz, rows["low"], rows["high"], color=colour, alpha=0.3, linewidth=0)
        ax.plot(hz, median, color=colour)
        for panel in (whole, ax) if not many.all() else ():
            panel.plot(hz, rows["median"], color=colour, linestyle=":", linewidth=1.2)
        ax.set_title(f"{snr_db:g} dB, n = {rows['n_pairs'].max():,}", fontsize=11)
        _erb_axis(ax, (250, 1000, 4000, 16_000))
    if groups:
        whole.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=6)
        whole.text(1, 0, " as clean", transform=whole.get_yaxis_transform(), va="center", fontsize=11)
        _erb_axis(whole, (100, 250, 500, 1000, 2000, 4000, 8000, 16_000))
        axes[len(groups)].set_ylabel("median and quartiles (dB)", fontsize=11)
    else:
        axes[-1].remove()
        figures.say(whole, "no pairs")
    whole.set_ylabel("enhanced re clean (dB)")
    figure.supxlabel("frequency (Hz), ERB scale", fontsize=13)
    figure.suptitle(title)
    return figure


@figures.styled
def before_and_after(table: pd.DataFrame, title: str = "") -> Figure:
    """The timbre profile before and after: each ERB band re clean, median and quartiles; all items, and below them by SNR.

    Args:
        table: a row for each item, system and band: columns `system snr_db hz change_db`, as from `change`.
    """
    figure, axes = figures.blank(2, 5, height=7.2, sharey="row", height_ratios=[3, 2])
    grid, whole = axes[0].get_gridspec(), axes[0]
    groups, names = evaluation.classes(table["snr_db"], most=5)
    places = range(min(len(names), 5)) if len(names) > 1 else []
    for ax in [*axes[1:5], *axes[5 + len(places) :]]:
        ax.remove()
    whole.set_subplotspec(grid[0, :] if len(places) else grid[:, :])
    _draw_systems(whole, table)
    for place, ax in zip(places, axes[5:], strict=False):
        _draw_systems(ax, table[groups == place])
        ax.set_title(f"{names[place]} dB SNR", fontsize=11)
        _erb_axis(ax, (250, 1000, 4000, 16_000))
    if len(table):
        whole.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
        whole.text(1, 0, " as clean", transform=whole.get_yaxis_transform(), va="center", fontsize=11)
        _erb_axis(whole, (100, 250, 500, 1000, 2000, 4000, 8000, 16_000))
    else:
        figures.say(whole, "no items")
    whole.set_ylabel("re clean (dB)")
    figure.supxlabel("frequency (Hz), ERB scale; medians, and quartiles shaded", fontsize=13)
    figure.suptitle(title)
    return figure


def _draw_systems(ax: Axes, table: pd.DataFrame) -> None:
    for system, rows in profile(table, "system").groupby("system"):
        hz, colour = _erb(rows["hz"]), figures.COLOURS[system]
        ax.fill_between(hz, rows["low"], rows["high"], color=colour, alpha=0.2, linewidth=0)
        ax.plot(hz, rows["median"], color=colour, marker="o", markersize=3, label=system)


def _measure_row(corpus: str, row) -> pd.DataFrame:
    signals = pairs.load(corpus, row)
    table = change(signals["enhanced"], signals["clean"], row.bandwidth_hz)
    return table.assign(id=row.id, split=row.split, snr_db=row.snr_db)


def _powers(signal: np.ndarray) -> np.ndarray:
    """`[frames, 481]`: of 20 ms Hann windows every 10 ms; a full-scale sine has 1."""
    window = np.hanning(deepfilter.N_FFT + 1)[:-1]
    frames = metrics.frames_of(signal, deepfilter.N_FFT, deepfilter.HOP_LENGTH)
    return np.abs(np.fft.rfft(frames * window) * (2 / window.sum())) ** 2


def _erb(hz) -> np.ndarray:
    """Number of equivalent rectangular bandwidths below a frequency (Glasberg and Moore, 1990)."""
    return 21.4 * np.log10(1 + 0.00437 * np.asarray(hz, float))


def _erb_axis(ax: Axes, ticks: Sequence[int]) -> None:
    ax.axhline(0, color=figures.COLOURS["clean"], linewidth=1)
    ax.set_xticks(_erb(ticks), [f"{hz / 1000:g} k" if hz >= 1000 else str(hz) for hz in ticks])
