"""What scores are called in tables and figures, their units and decimals."""

import numpy as np

LABELS = {  # of scores: what to call them, their unit, and the decimals worth showing
    "pesq": ("PESQ wide band", "MOS", 2),
    "estoi": ("ESTOI", "", 3),
    "si_sdr_db": ("SI-SDR", "dB", 2),
    "lsd_db": ("LSD", "dB", 2),
    "lsd_above_4k_db": ("LSD above 4 kHz", "dB", 2),
    "mcd_db": ("MCD", "dB", 2),
    "over_attenuation_db": ("missing", "dB", 2),
    "pause_level_db": ("pauses re speech", "dB", 1),
    "loudness_difference_lu": ("loudness off by", "LU", 2),
    "f0_error_cents": ("F0 off by", "cents", 1),
    "voicing_error": ("voicing error", "", 3),
    "dnsmos_sig": ("DNSMOS voice", "", 2),
    "dnsmos_bak": ("DNSMOS background", "", 2),
    "dnsmos_ovrl": ("DNSMOS overall", "", 2),
    "dnsmos_p808": ("DNSMOS P.808", "", 2),
}


def label(metric: str) -> str:
    """The name of a score and its unit."""
    name, unit, _ = LABELS.get(metric, (metric, "", 2))
    return f"{name} ({unit})" if unit else name


def number(value: float, metric: str, sign: str = "") -> str:
    """A score with the decimals worth showing; a hyphen where it is missing."""
    digits = LABELS.get(metric, (metric, "", 2))[2]
    return f"{value:{sign}.{digits}f}" if np.isfinite(value) else "-"
