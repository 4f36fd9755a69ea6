"""Parameters of the notebook `check`."""

from typing import Annotated

from pydantic import Field

from lib.config import fields
from lib.config.base import Parameters


class Check(Parameters):
    """`check`: how far a pair may be off."""

    corpus: fields.Name = "demo"
    max_lag_ms: fields.Weight = 0.5
    max_room_lag_ms: fields.Weight = 0.5
    max_snr_error_db: fields.Weight = 0.5
    min_level_db: float = -60.0
    max_bad_share: fields.Share = 0.0
    n_examples: Annotated[int, Field(ge=0, le=50)] = 3
    n_processes: fields.Count = 2
