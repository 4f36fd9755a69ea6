"""Networks as ONNX models: made by PyTorch's exporter, run by ONNX Runtime.

All exports have these settings. PyTorch is imported only to make a model.
"""

import io
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import onnxruntime

if TYPE_CHECKING:
    from torch import Tensor, nn

OPSET = 17


def exported(
    module: "nn.Module",
    example: "Sequence[Tensor]",
    inputs: Sequence[str],
    outputs: Sequence[str],
    axes: Mapping[str, Mapping[int, str]] | None = None,
) -> bytes:
    """A module as an ONNX model.

    Args:
        module: in eval mode.
        example: its arguments, whose shapes are those of the model.
        inputs, outputs: names of the arguments, and of the tensors that it returns.
        axes: the axes of any size, as name -> number of the axis -> word for its size.

    >>> import torch
    >>> one = torch.ones(2)
    >>> session = open_session(exported(torch.nn.ReLU(), [one], ["x"], ["y"], {"x": {0: "n"}}))
    >>> session.run(None, {"x": -one.repeat(2).numpy()})
    [array([0., 0., 0., 0.], dtype=float32)]
    """
    import torch

    file = io.BytesIO()
    with warnings.catch_warnings():
        # The exporter warns of itself, and of GRUs' states, which are inputs here.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            tuple(example),
            file,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes=axes,
            opset_version=OPSET,
            dynamo=False,
        )
    return file.getvalue()


def open_session(model: bytes) -> onnxruntime.InferenceSession:
    """A session on one thread of a CPU. It may be used by several threads at the same time."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3  # errors alone
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
