"""The exported chain in half the bytes: the weights of its networks in half precision.

Each is stored as float16 with a Cast behind it, which ONNX Runtime does once, while it loads the
model. So it computes in single precision as before, and a hop takes the same time.

What is no weight of a network stays as it is: windows, the DFT, bands, the loudness. With windows
and the DFT in half precision, too, restored speech differs by -40 dB, and without by -73. Small
weights stay as well, all together 2 % of the bytes.

Integers of 8 bits (`onnxruntime.quantization.quantize_dynamic`) are not offered. They leave GRUs
alone, four fifths of the file: it gets 9 % smaller, a hop 3 % quicker, the difference is -35 dB.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from lib.inference.chain import Chain

HALF_BYTES = 32_768  # weights of this size on
# A weight is off by at most 2^-11 of itself. If that added up over all layers that follow each
# other, 15 of DeepFilterNet3 and 5 of the restorer, results would be off by 1 %.
MAX_DIFFERENCE_HALF = 20 * 2**-11  # of a sample at full scale


def halved(model: onnx.ModelProto, chain: Chain) -> onnx.ModelProto:
    """A copy of the model with the weights of both networks in half precision.

    Args:
        model: from `export_chain`.
        chain: what it was made of; its buffers are no weights, and are kept as they are.

    >>> from lib.inference.chain_graph import export_chain
    >>> from lib.models.pretrained import load_weights
    >>> chain = Chain(load_weights())
    >>> single = export_chain(chain)
    >>> round(halved(single, chain).ByteSize() / single.ByteSize(), 1)
    0.5
    """
    constants = {_values(buffer.numpy()) for buffer in chain.buffers()}
    half = onnx.ModelProto()
    half.CopyFrom(model)
    casts = []
    for tensor in half.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or len(tensor.raw_data) < HALF_BYTES:
            continue
        name, weights = tensor.name, numpy_helper.to_array(tensor)
        if _values(weights) in constants:
            continue
        tensor.CopyFrom(numpy_helper.from_array(weights.astype(np.float16), f"{name}_half"))
        casts.append(helper.make_node("Cast", [tensor.name], [name], to=TensorProto.FLOAT))
    # A value is computed before it is used.
    nodes = [*casts, *half.graph.node]
    del half.graph.node[:]
    half.graph.node.extend(nodes)
    onnx.checker.check_model(half, full_check=True)
    return half


def _values(array: np.ndarray) -> bytes:
    """What an array holds, in whatever order: the exporter stores some of them transposed."""
    return np.sort(array, axis=None).tobytes()
