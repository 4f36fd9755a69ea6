"""Parameters of the notebook `bench`."""

from typing import Annotated

from pydantic import Field

from lib.config import fields
from lib.config.base import Parameters


class Bench(Parameters):
    """`bench`: what the engines are measured with, and how long."""

    speech_dir: fields.Folder = ""
    noise_dir: fields.Folder = ""
    n_files: fields.Count = 12
    snr_db: list[Annotated[float, Field(ge=-30, le=60)]] = Field([-5.0, 5.0, 15.0], min_length=1)
    batch_sizes: list[Annotated[int, Field(ge=1, le=256)]] = Field([1, 4, 8, 16, 32], min_length=1)
    n_repeats: fields.Count = 3
    n_hops: Annotated[int, Field(ge=10)] = 6000
    minutes: list[fields.Positive] = Field([1.0, 5.0, 20.0], min_length=1)
    n_lag_pairs: Annotated[int, Field(ge=5)] = 50
    segment_length: Annotated[fields.Segment, Field(ge=24_000)] = 96_000
    seed: fields.Seed = 0
