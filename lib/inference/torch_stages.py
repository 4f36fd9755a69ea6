"""Both stages in PyTorch, on a CPU or on CUDA."""

import numpy as np
import torch
from torch import Tensor, nn

from lib.audio.files import SAMPLE_RATE
from lib.deepfilter.model import DeepFilter, load
from lib.models.export import run_hops

CHUNK_LENGTH = 4 * SAMPLE_RATE  # samples of each signal that the generator gets at once


class TorchStages:
    """`Stages` (see `lib.inference.stages`) for whole signals and batches of them.

    Args:
        generator: in eval mode.
    """

    def __init__(self, generator: nn.Module) -> None:
        self.generator = generator
        self.device = next(generator.parameters()).device
        self.delay, self.n_inputs = generator.delay, generator.n_inputs

    def first_stage(self) -> DeepFilter:
        """On the generator's device."""
        return load(device=self.device.type)

    @torch.no_grad()
    def generate(
        self, inputs: np.ndarray, state: list[Tensor] | None = None
    ) -> tuple[np.ndarray, list[Tensor]]:
        """See `Stages`; chunk by chunk, so that memory does not grow with T."""
        outputs = []
        for chunk in torch.from_numpy(inputs).split(CHUNK_LENGTH, dim=2):
            restored, state = self.generator(chunk.to(self.device), state)
            outputs.append(restored[:, 0].cpu().numpy())
        return np.concatenate(outputs, axis=1), state


class HopStages(TorchStages):
    """The same for streams, which come in few hops: on a CPU those are faster in ONNX Runtime."""

    def first_stage(self) -> DeepFilter:
        """On the CPU, where a single hop is faster than on CUDA."""
        return load()

    def generate(self, inputs: np.ndarray, state: list | None = None) -> tuple[np.ndarray, list]:
        """See `Stages`; of a single signal."""
        if self.device.type != "cpu":
            return super().generate(inputs, state)
        restored, state = run_hops(self.generator, inputs, state)
        return restored[:, 0], state
