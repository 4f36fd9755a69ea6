"""The graph of the chain: one set of weights, a branch for pauses, names of states."""

import onnx
import pytest

from lib.inference.chain import Chain
from lib.inference.chain_graph import export_chain
from lib.models.pretrained import load_weights


@pytest.fixture(scope="module")
def chain():
    return Chain(load_weights())


@pytest.fixture(scope="module")
def graph(chain):
    return export_chain(chain).graph


def test_every_weight_is_stored_once(chain, graph):
    stored = sum(len(tensor.raw_data) for tensor in graph.initializer)
    n_weights = sum(parameter.numel() for parameter in chain.parameters())
    # Beside the weights there are the matrices of the DFT, of the loudness and of the bands.
    assert 4 * n_weights < stored < 4 * n_weights + 400_000
    (pauses,) = [node for node in graph.node if node.op_type == "If"]
    assert not any(len(branch.g.initializer) for branch in pauses.attribute)


def test_inputs_and_outputs_have_the_names_of_the_states(chain, graph):
    names = list(chain.states)
    inputs = [value.name for value in graph.input]
    assert inputs == ["noisy", "mix", "atten_lim_db", *names]
    assert [value.name for value in graph.output] == [
        "restored",
        *(f"{name}_after" for name in names),
    ]


def test_values_have_one_origin(graph):
    """Within branches, too, no name is used twice."""
    names = [value.name for value in graph.input]

    def collect(nodes):
        for node in nodes:
            names.extend(name for name in node.output if name)
            for attribute in node.attribute:
                if attribute.type == onnx.AttributeProto.GRAPH:
                    collect(attribute.g.node)

    collect(graph.node)
    assert len(names) == len(set(names)) > 500


def test_branches_declare_the_sizes_that_they_have(graph):
    """A size of 0 was in the file; ONNX Runtime for browsers refuses such a model."""
    (pauses,) = [node for node in graph.node if node.op_type == "If"]
    inner = [
        attribute.g
        for branch in pauses.attribute
        for node in branch.g.node
        for attribute in node.attribute
        if attribute.type == onnx.AttributeProto.GRAPH
    ]
    values = [
        value for branch in [*(b.g for b in pauses.attribute), *inner] for value in branch.output
    ]
    shapes = [[size.dim_value for size in v.type.tensor_type.shape.dim] for v in values]
    assert len(shapes) > 20 and all(size > 0 for shape in shapes for size in shape)
