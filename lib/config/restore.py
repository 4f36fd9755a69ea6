"""Parameters of the notebook `restore`."""

from typing import Self

from pydantic import model_validator

from lib.config.base import Parameters
from lib.config.fields import CountOrZero, Device, FileOrFolder, Name, Share, Text


class Restore(Parameters):
    """`restore`: which recordings are restored, by which weights, and where they are written."""

    source: FileOrFolder = ""
    """A recording or a folder of recordings. Empty: three recordings of the embedded corpus."""
    target: Name = "restored"
    """Folder below `runs/restored` for the results."""
    run: Text = "shipped"
    """Weights: shipped, best, latest or the id of a training run."""
    mix: Share = 1.0
    """Share of restored in the result; the rest is the source."""
    already_enhanced: bool = False
    """The source has been through DeepFilterNet3."""
    noisy: FileOrFolder = ""
    """The noisy originals of such a source."""
    overwrite: bool = False
    """Replace results that exist."""
    export: bool = False
    """Also write the restorer as an ONNX model of one hop."""
    n_players: CountOrZero = 3
    """Recordings to see and hear."""
    seed: CountOrZero = 0
    """Of the choice of these recordings."""
    device: Device = "auto"
    """auto takes CUDA where there is one."""

    @model_validator(mode="after")
    def _check_combinations(self) -> Self:
        # Otherwise the source is the noisy recording itself.
        if self.noisy and not self.already_enhanced:
            raise ValueError("noisy: goes with already_enhanced")
        return self
