"""The model: equal to upstream's runtime, and one function for batches, blocks and hops."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from deepfilter.examples import HISS, PAUSE, SPEECH, snr_db

from lib.benchmarks import deepfilter, items
from lib.corpus import sources
from lib.deepfilter import model
from lib.deepfilter.enhance import enhance
from lib.deepfilter.grid import HOP_LENGTH
from lib.deepfilter.model import load


@pytest.fixture(scope="module")
def synthetic(embedded):
    return items.mixtures(embedded, 6, [-5.0, 5.0, 15.0])


@pytest.fixture(scope="module")
def real():
    if "RETIMBRE_AUDIO" not in os.environ:
        pytest.skip("RETIMBRE_AUDIO names no folder of real speech")
    root = Path(os.environ["RETIMBRE_AUDIO"])
    folders = sources.Sources(root / "speech", root / "noise", root)
    return items.mixtures(folders, 12, [-5.0, 5.0, 15.0])


@pytest.mark.parametrize("settings", [deepfilter.AS_RUNTIME, deepfilter.OPEN])
@pytest.mark.parametrize("corpus", ["synthetic", "real"])
def test_every_file_agrees_with_the_rust_runtime_to_55_db(corpus, settings, request):
    table = deepfilter.agreement(request.getfixturevalue(corpus), settings)
    assert table.agreement_db.min() >= 55, table
    # Without pauses our own way is the same.
    assert table[table.n_pauses == 0].in_place_db.min() >= 55


@pytest.mark.parametrize(
    "options",
    [
        {"atten_lim_db": 12.0},
        {"post_filter_beta": 0.02},
        {"min_db_thresh": -5.0, "max_db_erb_thresh": 30.0, "max_db_df_thresh": 15.0},
        {
            "min_db_thresh": -10.0,
            "max_db_df_thresh": 5.0,
            "post_filter_beta": 0.05,
            "atten_lim_db": 20.0,
        },
    ],
    ids=lambda options: " ".join(options),
)
def test_the_options_do_what_they_do_in_the_runtime(options, synthetic):
    settings = deepfilter.AS_RUNTIME._replace(**options)
    table = deepfilter.agreement(synthetic[1::3], settings)
    assert table.agreement_db.min() >= 55, table
    changed = enhance(synthetic[1].noisy, settings) - enhance(synthetic[1].noisy)
    assert np.abs(changed).max() > 1e-4


@pytest.mark.parametrize("level", [-30, -50, -60, -70])
def test_quiet_speech_comes_out_as_loud_as_at_25_db_below_full_scale(level, synthetic):
    # As one batch, as in a training step; items 2, 5, ... have an SNR of 15 dB.
    noisy = [item.noisy[: 2 * 48_000] for item in synthetic[2::3]]
    noisy = torch.from_numpy(np.stack([signal / np.std(signal) for signal in noisy]))
    gain = 10 ** ((level + 25) / 20)
    normal = noisy * 10 ** (-25 / 20)
    expected, quiet = load()(normal)[0].numpy(), load()(gain * normal)[0].numpy()
    change_db = 20 * np.log10(quiet.std(1) / (gain * expected.std(1)))
    np.testing.assert_allclose(change_db, 0, atol=1)


def test_hop_by_hop_is_all_at_once():
    noisy = torch.from_numpy(SPEECH[: 60 * HOP_LENGTH])[None]
    enhanced, gains, lsnr_db, _ = load()(noisy)
    state, hops = None, []
    for hop in noisy.split(HOP_LENGTH, dim=1):
        *results, state = load()(hop, state)
        hops.append(results)
    for whole, parts in zip((enhanced, gains, lsnr_db), zip(*hops, strict=True), strict=True):
        torch.testing.assert_close(torch.cat(parts, dim=1), whole, atol=1e-4, rtol=0)


def test_rows_hold_the_signal_the_gains_and_the_local_snr():
    noisy = SPEECH[: 60 * HOP_LENGTH]
    enhanced, gains, lsnr_db, _ = load()(torch.from_numpy(noisy)[None])
    rows, _ = load().rows(noisy)
    assert rows.shape == (60, 513)
    hops = enhanced.unflatten(1, (-1, HOP_LENGTH))
    expected = torch.cat([hops, gains, lsnr_db[..., None]], dim=2)[0]
    np.testing.assert_allclose(rows, expected.numpy(), atol=1e-4)


def test_a_part_of_a_hop_is_refused():
    with pytest.raises(ValueError, match=r"multiple of 480, got \[1, 479\]"):
        load()(torch.zeros(1, 479))


def test_torch_alone_makes_the_same_of_a_signal(monkeypatch):
    by_onnx_runtime = enhance(SPEECH)
    monkeypatch.setattr(model, "onnx_network", lambda: load().network)
    assert snr_db(by_onnx_runtime, enhance(SPEECH)) > 80


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_agrees_with_the_cpu():
    for noisy in (SPEECH, 0.01 * SPEECH, np.concatenate([SPEECH, PAUSE, HISS])):
        assert snr_db(enhance(noisy), enhance(noisy, device="cuda")) > 55
