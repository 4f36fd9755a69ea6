"""Parameters of the notebook `listen`."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from lib.config import fields
from lib.config.base import Parameters


class Listen(Parameters):
    """`listen`: which run is judged, on what."""

    run: Annotated[list[fields.Text], BeforeValidator(fields.as_list)] = Field([])
    corpus: Annotated[str, AfterValidator(lambda value: value and fields.plain_name(value))] = ""
    split: Literal["train", "valid", "test"] = "test"
    n_items: Annotated[int, Field(ge=0)] = 0
    n_players: Annotated[int, Field(ge=0)] = 6
    n_extremes: Annotated[int, Field(ge=0, le=20)] = 10
    n_clean: Annotated[int, Field(ge=0)] = 24
    n_blind: Annotated[int, Field(ge=0, le=12)] = 6
    answers: list[Annotated[str, AfterValidator(fields.existing_file)]] = Field([])
    n_bootstrap: Annotated[int, Field(ge=100)] = 2000
    seed: fields.Seed = 0
    n_processes: fields.Count = 2
    device: fields.Device = "auto"
