"""The chain in half precision: half the bytes, nothing but weights, the same work for each hop."""

import numpy as np
import onnx
import onnxruntime
import pytest
from inference.chains import speech_with_pauses
from onnx import TensorProto, numpy_helper

from lib.inference.chain import Chain
from lib.inference.chain_graph import export_chain
from lib.inference.chain_half import MAX_DIFFERENCE_HALF, halved
from lib.inference.chain_runtime import ChainStream
from lib.models.pretrained import load_weights


@pytest.fixture(scope="module")
def chain():
    return Chain(load_weights())


@pytest.fixture(scope="module")
def single(chain):
    """The model in single precision, with the metadata that a stream asks for."""
    model = export_chain(chain)
    metadata = {
        "sample_rate": "48000",
        "hop_length": "480",
        "delay": "1920",
        "states": " ".join(chain.states),
        "opset": "17",
    }
    onnx.helper.set_model_props(model, metadata)
    return model


@pytest.fixture(scope="module")
def half(chain, single):
    return halved(single, chain)


def tensors(model):
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def restored(model, signal):
    stream = ChainStream(model.SerializeToString())
    return np.concatenate([stream.push(signal), stream.flush()])


def test_half_the_bytes_are_left(single, half):
    assert half.ByteSize() < 0.53 * single.ByteSize()


def test_what_is_no_weight_is_as_it_was(chain, half):
    stored = {array.tobytes() for array in tensors(half).values() if array.dtype == np.float32}
    kept = {name for name, buffer in chain.named_buffers() if buffer.numpy().tobytes() in stored}
    assert {"active.frames.window", "active.frames.band_means", "finish.loudness.states"} <= kept
    halves = [array for array in tensors(half).values() if array.dtype == np.float16]
    # With windows or the DFT, which are smaller, speech would differ by -40 dB.
    assert len(halves) > 20 and min(array.size for array in halves) >= 8_192
    # A matrix of the bands is there as it is and transposed.
    constants = [np.sort(buffer.numpy(), axis=None) for buffer in chain.buffers()]
    rounded = [constant.astype(np.float16) for constant in constants]
    for array in halves:
        assert not [one for one in rounded if np.array_equal(np.sort(array, axis=None), one)]


def test_restored_differs_by_rounding_alone(single, half):
    """By no sample from single precision with weights that are rounded beforehand."""
    signal, rounded, halves = speech_with_pauses(), onnx.ModelProto(), tensors(half)
    rounded.CopyFrom(single)
    for tensor in rounded.graph.initializer:
        if (weights := halves.get(f"{tensor.name}_half")) is not None:
            tensor.CopyFrom(numpy_helper.from_array(weights.astype(np.float32), tensor.name))
    by_half, by_single = restored(half, signal), restored(single, signal)
    np.testing.assert_array_equal(by_half, restored(rounded, signal))
    difference = by_half - by_single
    assert 0 < np.abs(difference).max() < MAX_DIFFERENCE_HALF
    assert np.square(difference).mean() < 1e-6 * np.square(by_single).mean()  # -60 dB


def test_onnx_runtime_casts_once_while_it_loads(half, tmp_path):
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "loaded.onnx")
    options.log_severity_level = 3
    onnxruntime.InferenceSession(
        half.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    loaded = onnx.load(tmp_path / "loaded.onnx").graph
    assert not [tensor for tensor in loaded.initializer if tensor.data_type == TensorProto.FLOAT16]
    names = {f"{tensor.name}" for tensor in half.graph.initializer}
    assert not [node for node in loaded.node if node.op_type == "Cast" and node.input[0] in names]
