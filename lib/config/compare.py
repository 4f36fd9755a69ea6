"""Parameters of the notebook `compare`."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from lib.config import fields
from lib.config.base import Parameters


class Compare(Parameters):
    """`compare`: which runs are held against the first of them, on what."""

    runs: list[fields.Text] = Field([])
    condition: str = ""
    corpus: Annotated[str, AfterValidator(lambda value: value and fields.plain_name(value))] = ""
    split: Literal["train", "valid", "test"] = "test"
    n_items: Annotated[int, Field(ge=0)] = 0
    n_players: Annotated[int, Field(ge=0)] = 2
    n_bootstrap: Annotated[int, Field(ge=100)] = 2000
    seed: fields.Seed = 0
    n_processes: fields.Count = 2
