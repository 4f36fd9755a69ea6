"""The neural part as ONNX, which ONNX Runtime runs on a CPU 1.5 times as fast as PyTorch."""

from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from torch import Tensor

from lib.deepfilter.grid import N_DF, N_ERB
from lib.deepfilter.network import ESTIMATES, FEATURES, STATES, make_network
from lib.deepfilter.onnx_models import exported, open_session


@cache
def onnx_network() -> Callable[..., list[Tensor]]:
    """`Network.forward` on a CPU by ONNX Runtime on one thread. Two threads are no faster.

    The model is exported once in a process.
    """
    session = open_session(export_network())

    def run(*inputs: Tensor) -> list[Tensor]:
        arrays = {
            name: np.ascontiguousarray(value.numpy())
            for name, value in zip((*FEATURES, *STATES), inputs, strict=True)
        }
        return [torch.from_numpy(array) for array in session.run(None, arrays)]

    return run


def export_network() -> bytes:
    """The network as an ONNX model, for any batch size and number of frames.

    Inputs: `erb`, `low` and the states. Outputs: `gains`, `taps`, `lsnr_db` and the states after.
    """
    # The example sets the graph up; its batch size and number of frames do not matter.
    network = make_network()
    input_names = [*FEATURES, *STATES]
    output_names = [*ESTIMATES, *(f"{name}_after" for name in STATES)]
    example = (torch.zeros(2, 10, N_ERB), torch.zeros(2, 2, 10, N_DF), *network.start(2))
    # One graph for batches of files and for single hops of a stream.
    axes = _variable_axes(input_names + output_names)
    return exported(network, example, input_names, output_names, axes)


def _variable_axes(names: list[str]) -> dict[str, dict[int, str]]:
    """The batch axis of every tensor; of features and estimates the axis of the frames, too."""
    axes = {name: {0: "batch"} for name in names}
    for name in ("erb", *ESTIMATES):
        axes[name][1] = "frames"
    axes["low"][2] = "frames"
    return axes
