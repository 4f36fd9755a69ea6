"""`Chain` as one ONNX graph, in which pauses are a branch.

PyTorch exports parts without branches: what is known before the network, a hop that is active, the
hops that are pending when a pause begins, and what follows the first stage. Here they are joined:

    listen
    if is_active: active
    else: if n_pending > 0: pending, else: zeros
    finish

The branches are one network on one and on three frames. Their weights are stored once, as tensors
of the outer graph.
"""

from collections.abc import Iterable

import onnx
import torch
from onnx import TensorProto, helper
from torch import Tensor, nn

from lib.deepfilter.grid import DELAY_HOPS, HOP_LENGTH
from lib.deepfilter.onnx_models import OPSET, exported
from lib.inference.chain import INPUTS, Chain
from lib.inference.chain_frames import FRAME_STATES
from lib.inference.chain_level import LEVEL_STATES

IR_VERSION = 8  # of the first ONNX with this opset
SHARED_BYTES = 256  # constants of this size on are stored as weights


def export_chain(chain: Chain) -> onnx.ModelProto:
    """The model without metadata.

    Inputs are `INPUTS` and the states; outputs are `restored` and each `<state>_after`.
    """
    level, frames = list(LEVEL_STATES), list(FRAME_STATES)
    others = [name for name in chain.states if name not in (*level, *frames)]
    values = {
        "noisy": torch.zeros(1, HOP_LENGTH),
        **dict(zip(INPUTS[1:], chain.options(), strict=True)),
        **dict(zip(chain.states, chain.start(), strict=True)),
        "hop": torch.zeros(1, HOP_LENGTH),
        "is_active": torch.ones(1, dtype=torch.bool),
        "factor": torch.ones(1, 1),
        "share": torch.zeros(1, 1),
        "rows": torch.zeros(DELAY_HOPS, HOP_LENGTH),
        **{f"{name}_after": torch.zeros(shape) for name, shape in LEVEL_STATES.items()},
    }
    graph = _Graph(values)
    graph.add(
        chain.listen,
        ["noisy", "atten_lim_db", *level],
        ["hop", "is_active", "factor", "share", *_after(level)],
    )
    rows = ["rows", *_after(frames)]
    active = graph.branch("active", chain.active, ["hop", "factor", "share", *frames], rows)
    known = ["past", "share", *_after(level[2:]), *level, *frames]
    pending = graph.branch("pending", chain.pending, known, ["rows"])
    graph.nodes += _pauses(active, pending, frames)
    graph.add(
        chain.finish,
        ["hop", "is_active", "factor", "mix", "rows", *others],
        ["restored", *_after(others)],
    )
    model = graph.model(
        [*INPUTS, *chain.states],
        {"restored": (1, HOP_LENGTH)}
        | {f"{name}_after": shape for name, shape in chain.states.items()},
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def _after(names: list[str]) -> list[str]:
    return [f"{name}_after" for name in names]


def _pauses(
    active: onnx.GraphProto, pending: onnx.GraphProto, frames: list[str]
) -> list[onnx.NodeProto]:
    """The nodes that choose between an active hop, the beginning of a pause, and its rest."""
    zeros = helper.make_tensor(
        "zeros", TensorProto.FLOAT, [DELAY_HOPS, HOP_LENGTH], DELAY_HOPS * HOP_LENGTH * [0.0]
    )
    silence = helper.make_graph(
        [helper.make_node("Constant", [], ["silence/rows"], value=zeros)],
        "silence",
        [],
        [_value("silence/rows", (DELAY_HOPS, HOP_LENGTH))],
    )
    is_pending = helper.make_node("Cast", ["n_pending"], ["pause/is_pending"], to=TensorProto.BOOL)
    rows = helper.make_node(
        "If", ["pause/is_pending"], ["pause/rows"], then_branch=pending, else_branch=silence
    )
    # A pause leaves the network as it was.
    same = [helper.make_node("Identity", [name], [f"pause/{name}_after"]) for name in frames]
    outputs = [_value("pause/rows", (DELAY_HOPS, HOP_LENGTH))]
    outputs += [_value(f"pause/{name}_after", FRAME_STATES[name]) for name in frames]
    pause = helper.make_graph([is_pending, rows, *same], "pause", [], outputs)
    return [
        helper.make_node(
            "If",
            ["is_active"],
            ["rows", *_after(frames)],
            then_branch=active,
            else_branch=pause,
        )
    ]


class _Graph:
    """Exported parts by the names of their values; equal tensors are stored once."""

    def __init__(self, values: dict[str, Tensor]):
        self.values = values  # an example of each input of a part
        self.nodes: list[onnx.NodeProto] = []
        self.tensors: dict[bytes, TensorProto] = {}

    def add(self, part: nn.Module, inputs: list[str], outputs: list[str]) -> None:
        """A part that every hop passes."""
        exported = _export(part, [self.values[name] for name in inputs], inputs, outputs)
        self.nodes += self._renamed(exported, outputs[0], {*inputs, *outputs})

    def branch(
        self, name: str, part: nn.Module, inputs: list[str], outputs: list[str]
    ) -> onnx.GraphProto:
        """A part as the branch of an If, whose inputs are values of the outer graph."""
        exported = _export(part, [self.values[name] for name in inputs], inputs, outputs)
        nodes = self._renamed(exported, name, set(inputs))
        # PyTorch leaves some sizes open, and runtimes that check them refuse that as 0.
        results = [
            _value(f"{name}/{output}", self.values[output.removesuffix("_after")].shape)
            for output in outputs
        ]
        return helper.make_graph(nodes, name, [], results)

    def _renamed(
        self, exported: onnx.GraphProto, prefix: str, keep: set[str]
    ) -> list[onnx.NodeProto]:
        """The nodes with names that no other part has, except for the values in `keep`."""
        # An input that a node does not have is an empty name.
        names = {"": ""} | {name: name for name in keep}
        names |= {tensor.name: self._stored(tensor) for tensor in exported.initializer}
        nodes = []
        for node in exported.node:
            if node.op_type == "Constant" and len(node.attribute[0].t.raw_data) >= SHARED_BYTES:
                names[node.output[0]] = self._stored(node.attribute[0].t)
                continue
            renamed = onnx.NodeProto()
            renamed.CopyFrom(node)
            renamed.name = f"{prefix}/{node.name}"
            renamed.input[:] = [names.get(name, f"{prefix}/{name}") for name in node.input]
            renamed.output[:] = [names.get(name, f"{prefix}/{name}") for name in node.output]
            nodes.append(renamed)
        return nodes

    def _stored(self, tensor: TensorProto) -> str:
        """The name under which all parts find this tensor."""
        content = f"{tensor.data_type} {list(tensor.dims)} ".encode() + tensor.raw_data
        if content not in self.tensors:
            stored = TensorProto()
            stored.CopyFrom(tensor)
            stored.name = f"weight_{len(self.tensors)}"
            self.tensors[content] = stored
        return self.tensors[content].name

    def model(self, inputs: list[str], outputs: dict[str, tuple[int, ...]]) -> onnx.ModelProto:
        """The whole."""
        graph = helper.make_graph(
            self.nodes,
            "chain",
            [_value(name, self.values[name].shape) for name in inputs],
            [_value(name, shape) for name, shape in outputs.items()],
            list(self.tensors.values()),
        )
        opset = helper.make_opsetid("", OPSET)
        return helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION)


def _value(name: str, shape: Iterable[int]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))


def _export(
    part: nn.Module, example: list[Tensor], inputs: list[str], outputs: list[str]
) -> onnx.GraphProto:
    """The graph of one part."""
    return onnx.load_from_string(exported(part, example, inputs, outputs)).graph
