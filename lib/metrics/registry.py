"""The table of all scores: their functions, their better side, their ideal value.

Signals are mono float32 `[T]` of equal length and sample-aligned: no score searches for a delay,
except PESQ. A score that cannot be computed (PESQ of silence, LSD of no bins) is NaN, never zero.
LSD and MCD stop at `bandwidth_hz`, the upper edge of what the clean recording holds.
"""

import inspect
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from lib.metrics.dnsmos import dnsmos
from lib.metrics.estoi import estoi
from lib.metrics.loudness import loudness_difference_lu
from lib.metrics.lsd import lsd_db, over_attenuation_db
from lib.metrics.mcd import mcd_db
from lib.metrics.pauses import pause_level_db
from lib.metrics.pesq import pesq_wb
from lib.metrics.pitch import pitch
from lib.metrics.si_sdr import si_sdr_db


class Score(NamedTuple):
    """One line of the table.

    Args:
        names: of what the function returns: one, or several separated by spaces.
        function: its parameters are any of `estimate`, `reference`, `sample_rate` and
            `bandwidth_hz`, by these names. It returns a float, or for several names a dict.
        better: "higher" or "lower".
        ideal: the score of the clean recording against itself; None if that depends on it.
    """

    names: str
    function: Callable
    better: str
    ideal: float | None


# To add a score, write its function in a file of its own and add a line here. Its label, unit and
# decimals go to `labels`. Tables show the scores in this order.
SCORES = (
    Score("pesq", pesq_wb, "higher", 4.643888),
    Score("estoi", estoi, "higher", 1.0),
    Score("si_sdr_db", si_sdr_db, "higher", np.inf),
    Score("lsd_db", lsd_db, "lower", 0.0),
    Score("lsd_above_4k_db", partial(lsd_db, above_hz=4000.0), "lower", 0.0),
    Score("mcd_db", mcd_db, "lower", 0.0),
    Score("over_attenuation_db", over_attenuation_db, "lower", 0.0),
    Score("pause_level_db", pause_level_db, "lower", None),
    Score("loudness_difference_lu", loudness_difference_lu, "lower", 0.0),
    Score("f0_error_cents voicing_error", pitch, "lower", 0.0),
    Score("dnsmos_sig dnsmos_bak dnsmos_ovrl dnsmos_p808", dnsmos, "higher", None),
)
# The quick scores, at which training and comparisons look.
CORE = ("pesq", "estoi", "si_sdr_db", "lsd_db", "lsd_above_4k_db", "mcd_db")
# They choose the epoch and put runs in order. The discriminators have no say in it.
SELECTION = ("lsd_db", "mcd_db", "pesq")

_BY_NAME = {name: score for score in SCORES for name in score.names.split()}
ALL = tuple(_BY_NAME)
# A score times its sign is higher where it is better.
SIGN = {name: 1 if score.better == "higher" else -1 for name, score in _BY_NAME.items()}
IDEAL = {name: score.ideal for name, score in _BY_NAME.items() if score.ideal is not None}


def compute_scores(
    estimate: np.ndarray,
    reference: np.ndarray,
    sample_rate: int,
    bandwidth_hz: float,
    names: Sequence[str] = CORE,
) -> dict[str, float]:
    """The scores `names` (of `ALL`) of one estimate, in that order.

    Args:
        bandwidth_hz: upper edge of what the reference holds, see `lib.audio.bandwidth`.

    Raises:
        KeyError: no score has this name.

    >>> tone = np.sin(np.arange(48_000) / 7)
    >>> compute_scores(0.5 * tone, tone, 48_000, 24_000.0, ["loudness_difference_lu", "lsd_db"])
    {'loudness_difference_lu': 6.02..., 'lsd_db': ...}
    """
    arguments = {
        "estimate": estimate,
        "reference": reference,
        "sample_rate": sample_rate,
        "bandwidth_hz": bandwidth_hz,
    }
    results = {}
    for score in dict.fromkeys(_BY_NAME[name] for name in names):
        parameters = inspect.signature(score.function).parameters
        result = score.function(**{k: v for k, v in arguments.items() if k in parameters})
        results |= result if isinstance(result, dict) else {score.names: result}
    return {name: results[name] for name in names}
