"""Reads checkpoints that were written before parameters, states and records got their names."""

import math

from lib.losses.reconstruction import TERMS

OLD_FORMAT = "retimbre training 1"
STATE_FIELDS = {
    "sums": "term_sums",
    "steps": "step_sums",
    "largest": "max_grad_norm",
    "n_bad": "n_nonfinite",
    "went_back": "has_restarted",
}
OLD_TERMS = {"disturbance": "pesq"}
# Terms whose validation losses were `valid/<term>`; now that is the place of scores alone.
LOSSES = {*TERMS, *OLD_TERMS, "adversarial", "features", "discriminator"} - {"pesq"}


def converted(saved: dict) -> dict:
    """A checkpoint of the old format in the present one; `format` stays as it was.

    Raises:
        KeyError: it has no state or no parameters.
    """
    state = {STATE_FIELDS.get(name, name): value for name, value in saved["place"].items()}
    state["term_sums"] = {OLD_TERMS.get(name, name): x for name, x in state["term_sums"].items()}
    state["history"] = [_converted_record(record) for record in state["history"]]
    kept = {name: value for name, value in saved.items() if name != "place"}
    return kept | {"state": state}


def _converted_record(record: dict) -> dict:
    """One epoch's record with the present names and the present scale of the MCD."""
    record = {_current_key(key): value for key, value in record.items()}
    if "valid/mcd_db" in record:
        # It was computed with a normalised DCT of 80 bands, which scales coefficients by sqrt(40).
        record["valid/mcd_db"] /= math.sqrt(40)
    return record


def _current_key(key: str) -> str:
    """The present name of a record's value.

    >>> [_current_key(key) for key in ("train/disturbance", "valid/disturbance", "valid/pesq")]
    ['train/pesq', 'valid/loss_pesq', 'valid/pesq']
    """
    part, slash, name = key.partition("/")
    if part == "valid" and name in LOSSES:
        return f"valid/loss_{OLD_TERMS.get(name, name)}"
    return part + slash + OLD_TERMS.get(name, name)
