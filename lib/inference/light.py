"""Both stages without PyTorch: ONNX Runtime and NumPy, on a CPU.

Importing PyTorch takes seconds and hundreds of MB, more than restoring a short file. On a CPU this
way is faster for long files, too.

>>> restorer = LightRestorer()
>>> restorer(np.zeros((4_410, 2)), 44_100).shape
(4410, 2)
"""

from functools import cached_property

import numpy as np

from lib.deepfilter.light import LightDeepFilter, block_length
from lib.deepfilter.onnx_models import open_session
from lib.inference.light_models import first_stage_model, restorer_model
from lib.inference.stage_restorer import StageRestorer


class LightStages:
    """`Stages` (see `lib.inference.stages`) with the weights of this repository."""

    def __init__(self) -> None:
        self.session = open_session(restorer_model())
        metadata = self.session.get_modelmeta().custom_metadata_map
        self.delay, self.n_inputs = int(metadata["delay"]), int(metadata["n_inputs"])
        _, *states = self.session.get_inputs()
        # Of the axes the first is the batch, which has no fixed size.
        self.shapes = {part.name: part.shape[1:] for part in states}

    def first_stage(self) -> LightDeepFilter:
        """See `Stages`."""
        return self._first_stage

    @cached_property
    def _first_stage(self) -> LightDeepFilter:
        return LightDeepFilter(open_session(first_stage_model()))

    def generate(
        self, inputs: np.ndarray, state: dict[str, np.ndarray] | None = None
    ) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """See `Stages`; block by block, so that memory does not grow with T."""
        if state is None:
            state = {
                name: np.zeros((len(inputs), *shape), np.float32)
                for name, shape in self.shapes.items()
            }
        outputs, length = [], block_length(len(inputs))
        for start in range(0, inputs.shape[2], length):
            block = inputs[:, :, start : start + length]
            restored, *after = self.session.run(None, {"inputs": block, **state})
            state = dict(zip(state, after, strict=True))
            outputs.append(restored[:, 0])
        return np.concatenate(outputs, axis=1), state


class LightRestorer(StageRestorer):
    """`Restorer` without PyTorch: `restorer(signal, sample_rate)`, `stream()`."""

    def __init__(self) -> None:
        super().__init__(LightStages())
