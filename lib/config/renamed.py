"""Parameters that have been renamed, or that came later.

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

# What a training did before these parameters were there.
BEFORE = {
    "mask_noisy": True,
    "gate_pauses": False,
    "condition_discriminators": False,
    "target": "clean",
    "gan_share": 0.0,
    "lambda_dominant": 0.0,
    "lambda_overshoot": 0.0,
    "lambda_bands": 0.0,
    "lambda_bins": 0.0,
    "lambda_contrast": 0.0,
    "pesq_forgives": True,
}


def current_names(values: dict[str, Any]) -> dict[str, Any]:
    """The same values under the current names of their parameters, in the same order.

    Those of a training get the parameters that came later and change what it is.

    >>> current_names({"epochs": 12, "warm_up_steps": 100})
    {'epochs': 12, 'warmup_steps': 100}
    """
    later = BEFORE if "condition_on_noisy" in values and "architecture" in values else {}
    return {RENAMED.get(name, name): value for name, value in values.items()} | {
        name: value for name, value in later.items() if name not in values
    }
