"""The exported chain, as files that the page is served with."""

import onnx
import pytest

from lib.deepfilter.onnx_models import OPSET
from lib.inference.chain import Chain
from lib.inference.chain_graph import export_chain
from lib.models.pretrained import load_weights


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    """As `--export` writes it, without the comparison with the stream, which has tests of its own.

    It takes longer than all else here.
    """
    chain = Chain(load_weights())
    exported = export_chain(chain)
    metadata = {
        "sample_rate": 48_000,
        "hop_length": 480,
        "delay": chain.delay,
        "states": " ".join(chain.states),
        "opset": OPSET,
    }
    onnx.helper.set_model_props(exported, {key: str(value) for key, value in metadata.items()})
    path = tmp_path_factory.mktemp("live") / "chain.onnx"
    path.write_bytes(exported.SerializeToString())
    return path
