"""Parameters of the notebook `restore`."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from lib.config import fields
from lib.config.base import Parameters


class Restore(Parameters):
    """`restore`: which recordings, by which weights, to where."""

    source: Annotated[str, AfterValidator(fields.existing_path)] = ""
    target: fields.Name = "restored"
    run: fields.Text = "shipped"
    mix: fields.Share = 1.0
    already_enhanced: bool = False
    noisy: Annotated[str, AfterValidator(fields.existing_path)] = ""
    overwrite: bool = False
    export: bool = False
    n_players: Annotated[int, Field(ge=0)] = 3
    seed: fields.Seed = 0
    device: fields.Device = "auto"

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        if self.noisy and not self.already_enhanced:
            raise ValueError("noisy: goes with already_enhanced")
        return self
