"""Parameters of the notebook `check`."""

from typing import Annotated

from pydantic import Field

from lib.config.base import Parameters
from lib.config.fields import Count, Name, NonNegative, Share


class Check(Parameters):
    """`check`: how far a pair may be off before it is refused."""

    corpus: Name = "demo"
    """Folder of prepared pairs below `runs/pairs`."""
    max_lag_ms: NonNegative = 0.5
    """Largest lag in ms of enhanced behind noisy, where it is estimated with confidence."""
    max_room_lag_ms: NonNegative = 0.5
    """Largest lag in ms of noisy behind clean, where it is estimated with confidence."""
    max_snr_error_db: NonNegative = 0.5
    """Largest difference in dB of the measured SNR and the one in the manifest."""
    min_level_db: float = -60.0
    """Lowest level of clean in dBFS."""
    max_bad_share: Share = 0.0
    """Share of the pairs that may miss a limit before the corpus is refused."""
    n_examples: Annotated[int, Field(ge=0, le=50)] = 3
    """Pairs to see and hear: those with the lowest SNR."""
    n_processes: Count = 2
    """Processes that measure."""
