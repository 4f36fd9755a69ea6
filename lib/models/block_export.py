"""The generator for blocks of many hops and for batches, as an ONNX model for ONNX Runtime.

`lib.models.export` writes a model of one hop, which other programs use. This one is for Retimbre
itself on a CPU: `inputs` `[B, n_inputs, T]` and the states `state_0`, ... give `restored`
`[B, 1, T]` and `state_0_after`, .... B is any number, and T at most `MAX_FRAMES` of
`lib.models.gate` hops.
"""

import numpy as np
import onnx
import torch
from torch import nn

from lib.deepfilter.onnx_models import exported, open_session
from lib.models.export import MAX_DIFFERENCE, SingleHop, names
from lib.models.generator import folded_copy


def export_blocks(generator: nn.Module) -> bytes:
    """The model, with the metadata delay (samples) and n_inputs.

    Args:
        generator: in eval mode.

    Raises:
        RuntimeError: a sample differs from PyTorch by more than 1e-4.
    """
    copy = folded_copy(generator)
    # The example sets the graph up: several hops, and a batch. Their numbers do not matter.
    state, inputs = copy.start(2), torch.zeros(2, copy.n_inputs, 10 * copy.hop_length)
    input_names, output_names = names(len(state))
    axes = {name: {0: "batch"} for name in input_names + output_names}
    axes["inputs"][2] = axes["restored"][2] = "samples"
    content = exported(SingleHop(copy), (inputs, *state), input_names, output_names, axes)
    model = onnx.load_from_string(content)
    metadata = {"delay": str(copy.delay), "n_inputs": str(copy.n_inputs)}
    onnx.helper.set_model_props(model, metadata)
    content = model.SerializeToString()
    # NaN is not below the limit either.
    if not (difference := max_difference(copy, content)) <= MAX_DIFFERENCE:
        raise RuntimeError(
            f"the exported generator differs from PyTorch by {difference:.2g},"
            f" expected at most {MAX_DIFFERENCE:g}"
        )
    return content


@torch.no_grad()
def max_difference(generator: nn.Module, model: bytes, seed: int = 0) -> float:
    """The largest difference of a sample between the model and PyTorch: three blocks of noise.

    The blocks have other sizes and another batch size than the export's example, and a pause.
    """
    rng = np.random.default_rng(seed)
    session = open_session(model)
    state = generator.start(3)
    arrays = [value.numpy() for value in state]
    differences = []
    for n_hops in (37, 1, 12):
        shape = (3, generator.n_inputs, n_hops * generator.hop_length)
        block = 0.1 * rng.standard_normal(shape).astype(np.float32)
        block[..., : n_hops // 2 * generator.hop_length] = 0.0
        expected, state = generator(torch.from_numpy(block), state)
        input_names, _ = names(len(arrays))
        inputs = dict(zip(input_names, [block, *arrays], strict=True))
        restored, *arrays = session.run(None, inputs)
        differences.append(np.abs(restored - expected.numpy()).max())
    return float(np.max(differences))
