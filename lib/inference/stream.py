"""noisy -> restored while it is being recorded, with a generator in PyTorch."""

from torch import nn

from lib.inference.stage_stream import StageStream
from lib.inference.torch_stages import HopStages


class RestorerStream(StageStream):
    """One channel at 48 kHz: `restored = stream.push(noisy)`, at the end `stream.flush()`.

    Args:
        generator: in eval mode, on a CPU or on CUDA.
        mix, already_enhanced: see `StageStream`.

    >>> import numpy as np
    >>> from lib.models.pretrained import load_weights
    >>> stream = RestorerStream(load_weights())
    >>> [len(stream.push(np.zeros(n))) for n in (1, 1000, 480)], len(stream.flush()) == stream.delay
    ([1, 1000, 480], True)
    """

    def __init__(
        self, generator: nn.Module, mix: float = 1.0, already_enhanced: bool = False
    ) -> None:
        super().__init__(HopStages(generator), mix, already_enhanced)
