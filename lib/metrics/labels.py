"""How tables and figures show scores: their labels, units and decimals."""

from typing import NamedTuple

import numpy as np


class Label(NamedTuple):
    """The name of a score as people read it, its unit, and the decimals that are shown."""

    name: str
    unit: str = ""
    decimals: int = 2


LABELS = {
    "distillmos": Label("DistillMOS"),
    "visqol": Label("ViSQOL 48 kHz"),
    "speaker_similarity": Label("speaker similarity", decimals=3),
    "phone_error": Label("phones wrong", decimals=3),
    "plcmos": Label("PLCMOS"),
    "colour_db": Label("largest colour", "dB"),
    "lsd_2k_4k_db": Label("LSD 2-4 kHz", "dB"),
    "lsd_4k_8k_db": Label("LSD 4-8 kHz", "dB"),
    "lsd_8k_16k_db": Label("LSD 8-16 kHz", "dB"),
    "lsd_16k_24k_db": Label("LSD 16-24 kHz", "dB"),
    "pesq": Label("PESQ wide band", "MOS"),
    "estoi": Label("ESTOI", decimals=3),
    "si_sdr_db": Label("SI-SDR", "dB"),
    "lsd_db": Label("LSD", "dB"),
    "lsd_above_4k_db": Label("LSD above 4 kHz", "dB"),
    "mcd_db": Label("MCD", "dB"),
    "over_attenuation_db": Label("missing", "dB"),
    "pause_level_db": Label("pauses re speech", "dB", 1),
    "loudness_difference_lu": Label("loudness off by", "LU"),
    "f0_error_cents": Label("F0 off by", "cents", 1),
    "voicing_error": Label("voicing error", decimals=3),
    "dnsmos_sig": Label("DNSMOS voice"),
    "dnsmos_bak": Label("DNSMOS background"),
    "dnsmos_ovrl": Label("DNSMOS overall"),
    "dnsmos_p808": Label("DNSMOS P.808"),
}


def label(metric: str) -> str:
    """The label of a score and its unit; a score without a label is called by its name.

    >>> label("lsd_db"), label("estoi"), label("unheard_of")
    ('LSD (dB)', 'ESTOI', 'unheard_of')
    """
    name, unit, _ = LABELS.get(metric, Label(metric))
    return f"{name} ({unit})" if unit else name


def number(value: float, metric: str, sign: str = "") -> str:
    """A score with its decimals; a hyphen where it is missing.

    >>> number(2.345, "pause_level_db"), number(2.345, "pesq", "+"), number(np.nan, "pesq")
    ('2.3', '+2.35', '-')
    """
    decimals = LABELS.get(metric, Label(metric)).decimals
    return f"{value:{sign}.{decimals}f}" if np.isfinite(value) else "-"
