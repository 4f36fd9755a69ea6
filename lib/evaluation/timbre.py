"""The timbre profile: the change of power in each of DeepFilterNet3's 32 ERB bands."""

from typing import Any

import numpy as np
import pandas as pd

from lib.audio.files import SAMPLE_RATE
from lib.corpus.manifest import load_pair, with_speech
from lib.metrics import colour, stats
from lib.runtime import parallel

NO_NOISE_DB = np.inf  # SNR of pairs without noise
MIN_ITEM_SHARE = 0.5  # of the items that a band needs, so that its mean is about them


def measure(corpus: str, manifest: pd.DataFrame, n_processes: int = 1) -> pd.DataFrame:
    """The `change` from clean to enhanced of each usable pair of a corpus.

    Args:
        corpus: its name.
        manifest: its rows.

    Returns: a row for each pair and band, with the columns id, split, snr_db, band, hz (middle of
        the band), change_db. `snr_db` of recorded pairs is the SI-SDR of noisy, rounded to 5 dB;
        that of pairs without noise is infinite. Noise without speech is left out.
    """
    rows = with_speech(manifest[manifest.verdict == "ok"])
    # A room lowers the SI-SDR of such pairs: it would put them among the noisy ones.
    without_noise = (rows.noise_path == "") & (rows.noisy_path == "")
    snr_db = rows.snr_db.fillna((rows.si_sdr_noisy_db / 5).round() * 5)
    rows = rows.assign(snr_db=snr_db.mask(without_noise, NO_NOISE_DB))
    arguments = [(corpus, row) for row in rows.itertuples(index=False)]
    tables = parallel.each(_measure_row, arguments, "timbre profile", n_processes)
    return pd.concat(tables, ignore_index=True)


def change(estimate: np.ndarray, clean: np.ndarray, bandwidth_hz: float) -> pd.DataFrame:
    """Power of `estimate` over power of `clean` in each ERB band, as a table.

    0 dB: as clean; below: speech was taken; above: noise is left. `colour.band_changes_db` says
    which frames count.

    Args:
        estimate, clean: `[T]` at 48 kHz, sample-aligned.
        bandwidth_hz: upper edge of what clean holds; bands that reach beyond it are left out.

    Returns: columns band (0 to 31), hz (middle of the band), change_db.

    >>> noise = np.random.default_rng(0).standard_normal(48_000)
    >>> table = change(noise / 2, noise, 24_000)
    >>> len(table), set(table.change_db.round(2))
    (32, {-6.02})
    """
    changes_db = colour.band_changes_db(estimate, clean, SAMPLE_RATE, bandwidth_hz)
    middles_hz, _ = colour.band_edges_hz(SAMPLE_RATE)
    columns = {"band": range(len(changes_db)), "hz": middles_hz, "change_db": changes_db}
    return pd.DataFrame(columns)[np.isfinite(changes_db)]


def profile(table: pd.DataFrame, by: str = "snr_db") -> pd.DataFrame:
    """Median and quartiles of `change_db` over pairs, for each band and value of a column.

    Args:
        table: from `measure`, or from `change` with further columns.
        by: the column, `snr_db` or `system`.

    Returns: columns `by`, hz, low, median, high (dB), n_pairs.

    >>> table = pd.DataFrame({"snr_db": 0.0, "hz": 100.0, "change_db": [-3.0, -1.0, 1.0, 3.0, 5.0]})
    >>> profile(table).to_dict("records")
    [{'snr_db': 0.0, 'hz': 100.0, 'low': -1.0, 'median': 1.0, 'high': 3.0, 'n_pairs': 5}]
    """
    groups = table.groupby([by, "hz"]).change_db
    low, median, high = (groups.quantile(q) for q in (0.25, 0.5, 0.75))
    columns = {"low": low, "median": median, "high": high, "n_pairs": groups.size()}
    return pd.DataFrame(columns).reset_index()


def band_means(colours: pd.DataFrame) -> pd.DataFrame:
    """Mean change of each band by enhanced and by restored, over the items that hold the band.

    Bands that fewer than half of the items hold are left out, and those that hold no voice.

    Args:
        colours: a row for each item, system and band: columns `item_id system band hz change_db`.

    Returns: an index of bands, and the columns hz, n_items, enhanced_db, restored_db, and
        farther_db: how much farther from clean restored is than enhanced. Too loud and too soft
        are the same distance.

    >>> columns = {"item_id": "a", "band": 9, "hz": 475.0, "change_db": [-0.5, 2.0]}
    >>> table = pd.DataFrame(columns | {"system": ["enhanced", "restored"]})
    >>> band_means(table).farther_db.tolist()
    [1.5]
    """
    colours = colours[colours.hz >= colour.MIN_HZ]
    means = colours.pivot_table("change_db", ["band", "hz"], "system", "mean", observed=True)
    means = means.reindex(columns=["enhanced", "restored"]).add_suffix("_db")
    n_items = colours.groupby(["band", "hz"]).item_id.nunique().rename("n_items")
    table = means.join(n_items).reset_index("hz").rename_axis(columns=None)
    table = table[table.n_items >= MIN_ITEM_SHARE * colours.item_id.nunique()]
    return table.assign(farther_db=table.restored_db.abs() - table.enhanced_db.abs())


def band_intervals(colours: pd.DataFrame, seed: int = 0, n_bootstrap: int = 1000) -> pd.DataFrame:
    """Means and their 95 % bootstrap intervals over items, for the bands of `band_means`.

    Returns: columns system, band, hz, mean, low, high (dB).
    """
    rows = []
    for (system, band, hz), part in colours.groupby(["system", "band", "hz"]):
        low, high = stats.bootstrap_interval(part.change_db, seed, n_bootstrap)
        rows.append([system, band, hz, part.change_db.mean(), low, high])
    table = pd.DataFrame(rows, columns=["system", "band", "hz", "mean", "low", "high"])
    return table[table.band.isin(band_means(colours).index)].reset_index(drop=True)


def _measure_row(corpus: str, row: Any) -> pd.DataFrame:
    signals = load_pair(corpus, row)
    table = change(signals["enhanced"], signals["clean"], row.bandwidth_hz)
    return table.assign(id=row.id, split=row.split, snr_db=row.snr_db)
