"""Parameters of the notebook `workers`."""

from typing import Annotated

from pydantic import Field

from lib.config import fields
from lib.config.base import Parameters


class Workers(Parameters):
    """`workers`: which numbers of loader workers are tried, with which training steps."""

    corpus: fields.Name = "demo"
    n_workers: list[Annotated[int, Field(ge=0, le=256)]] = Field(
        [0, 1, 2, 4, 8, 12, 16], min_length=1
    )
    n_steps: fields.Count = 10
    n_warmup_steps: Annotated[int, Field(ge=1)] = 3
    n_repeats: fields.Count = 3
    batch_size: fields.Count = 8
    segment_length: fields.Segment = 48000
    condition_on_noisy: bool = True
    channels: Annotated[int, Field(ge=4, le=256)] = 24
    max_memory_share: Annotated[float, Field(gt=0, le=0.98)] = 0.9
    n_files_read: fields.Count = 100
    seed: fields.Seed = 0
    device: fields.Device = "auto"
