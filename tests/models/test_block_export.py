"""Blocks and batches in ONNX Runtime are what PyTorch makes of them, in every architecture."""

import numpy as np
import onnxruntime
import pytest
import torch
from models.networks import small_generator

from lib.models import block_export
from lib.models.block_export import export_blocks
from lib.models.gate import MAX_FRAMES
from lib.models.generator import ARCHITECTURES, folded_copy


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_an_export_is_compared_with_pytorch_in_other_blocks_and_batches(architecture):
    generator = small_generator(architecture).eval()
    content = export_blocks(generator)
    assert block_export.max_difference(generator, content, seed=1) < 1e-5
    metadata = onnxruntime.InferenceSession(content).get_modelmeta().custom_metadata_map
    assert metadata == {"delay": str(generator.delay), "n_inputs": "2"}


@torch.no_grad()
def test_the_gate_remembers_the_loudest_frame_of_the_longest_block():
    """A word at the start shuts the gate for 50 dB less, and less so after 10 s."""
    generator = folded_copy(small_generator("bins"))
    session = onnxruntime.InferenceSession(export_blocks(generator))
    noise = np.random.default_rng(0).standard_normal((1, 2, 480 * MAX_FRAMES)).astype(np.float32)
    noise *= np.repeat([0.3, 0.001], [10 * 480, 480 * (MAX_FRAMES - 10)]).astype(np.float32)
    expected, state = generator(torch.from_numpy(noise))
    names = [part.name for part in session.get_inputs()]
    given = [noise, *(value.numpy() for value in generator.start(1))]
    restored, *after = session.run(None, dict(zip(names, given, strict=True)))
    assert np.abs(restored - expected.numpy()).max() < 1e-6
    for value, reference in zip(after, state, strict=True):
        np.testing.assert_allclose(value, reference, atol=1e-4)


def test_an_export_that_differs_is_refused(monkeypatch):
    for difference in (2e-4, float("nan")):
        monkeypatch.setattr(block_export, "max_difference", lambda *_, d=difference: d)
        with pytest.raises(RuntimeError, match="the exported generator differs from PyTorch by"):
            export_blocks(small_generator("bands"))
