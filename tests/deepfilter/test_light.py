"""DeepFilterNet3 without PyTorch: rows and states as in PyTorch, whatever the blocks."""

import numpy as np
import pytest
from signals import noise, speech_like

from lib.deepfilter.export import export_network
from lib.deepfilter.light import BLOCK_HOPS, LightDeepFilter
from lib.deepfilter.model import load
from lib.deepfilter.onnx_models import open_session
from lib.deepfilter.rows import samples_of


@pytest.fixture(scope="module")
def light():
    return LightDeepFilter(open_session(export_network()))


@pytest.fixture(scope="module")
def noisy():
    """Two signals of more hops than a block has; the second one is heard louder."""
    signals = [
        gain * (speech_like(1.5, seed) + noise(1.5, 0.01)) for seed, gain in ((0, 1), (1, 0.01))
    ]
    return np.stack(signals)


def test_rows_are_those_of_pytorch(light, noisy):
    assert noisy.shape[1] > 480 * BLOCK_HOPS
    by_light, state = light.rows(noisy, light.start(2))
    expected, of_pytorch = load().rows(noisy, load().start(2))
    samples, gains, lsnr_db = np.split(np.abs(by_light - expected), [480, 512], axis=2)
    assert samples.max() < 1e-5 and gains.max() < 1e-3 and lsnr_db.max() < 0.01
    assert np.std(samples_of(by_light[0])) > 0.5 * np.std(noisy[0])
    np.testing.assert_allclose(state.means, of_pytorch.means, atol=1e-3)
    np.testing.assert_allclose(state.spectra, of_pytorch.spectra, atol=1e-6)
    np.testing.assert_allclose(state.level.powers, of_pytorch.level.powers, rtol=1e-5)


def test_blocks_of_any_size_and_batches_are_the_whole(light, noisy):
    start = light.start(2)
    whole, _ = light.rows(noisy, start)
    parts, state = [], start
    for part in np.split(noisy, [480, 480 * 8, 480 * 71], axis=1):
        rows, state = light.rows(part, state)
        parts.append(rows)
    assert np.abs(np.concatenate(parts, axis=1) - whole)[..., :-1].max() < 1e-5
    alone, _ = light.rows(noisy[1], light.start(1))
    assert alone.shape == (150, 513) and np.abs(alone - whole[1])[:, :-1].max() < 1e-5
