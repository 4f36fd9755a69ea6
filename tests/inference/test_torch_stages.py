"""Hop by hop in ONNX Runtime is what chunks in PyTorch are, and the state carries everything."""

import numpy as np
from models.networks import small_generator

from lib.inference.torch_stages import HopStages, TorchStages


def test_hops_and_chunks_give_the_same_signal():
    generator = small_generator("bins").eval()
    stages, by_hops = TorchStages(generator), HopStages(generator)
    assert (stages.delay, stages.n_inputs) == (480, 2)
    inputs = 0.1 * np.random.default_rng(0).standard_normal((1, 2, 30 * 480)).astype(np.float32)
    whole, _ = stages.generate(inputs)
    assert whole.shape == (1, 30 * 480)
    for engine in (stages, by_hops):
        first, state = engine.generate(inputs[:, :, : 7 * 480])
        rest, _ = engine.generate(inputs[:, :, 7 * 480 :], state)
        assert np.abs(np.concatenate([first, rest], axis=1) - whole).max() < 1e-5
