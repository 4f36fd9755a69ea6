"""Parameters that have been renamed.

Old runs are read under the new names. A user who types an old name gets an error with the new one.
"""

from typing import Any

RENAMED: dict[str, str] = {  # old name -> current name
    "lambda_disturbance": "lambda_pesq",
    "high_weight": "high_band_weight",
    "warm_up_steps": "warmup_steps",
    "max_bad_steps": "max_nonfinite_steps",
    "discriminator_length": "discriminator_segment_length",
    "grad_norm_dump": "grad_norm_threshold",
    "n_warm_up": "n_warmup_steps",
}


def current_names(values: dict[str, Any]) -> dict[str, Any]:
    """The same values under the current names of their parameters, in the same order.

    >>> current_names({"epochs": 12, "warm_up_steps": 100})
    {'epochs': 12, 'warmup_steps': 100}
    """
    return {RENAMED.get(name, name): value for name, value in values.items()}
