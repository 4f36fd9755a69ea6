"""The exported chain as a stream of samples: delay, chunks, options, refusals, no PyTorch."""

import subprocess
import sys

import numpy as np
import onnx
import pytest
from inference.chains import hops_of, speech_with_pauses

from lib.inference.chain import Chain
from lib.inference.chain_graph import export_chain
from lib.inference.chain_runtime import ChainStream
from lib.inference.restorer import Restorer
from lib.inference.stream import RestorerStream
from lib.models.pretrained import load_weights


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return Restorer.load().export_chain(tmp_path_factory.mktemp("onnx") / "chain.onnx")


@pytest.fixture(scope="module")
def speech():
    return speech_with_pauses()


def whole(chain, signal, largest=2_000, seed=0):
    """All that comes out for chunks of random sizes."""
    rng, out, start = np.random.default_rng(seed), [], 0
    while start < len(signal):
        stop = start + int(rng.integers(1, largest))
        out.append(chain.push(signal[start:stop]))
        assert len(out[-1]) == len(signal[start:stop])
        start = stop
    return np.concatenate([*out, chain.flush()])


@pytest.mark.parametrize("scale", [1.0, 0.004], ids=["loud", "heard louder than it is"])
def test_it_equals_the_stream_that_gets_hop_by_hop(model, speech, scale):
    signal = scale * speech
    chain, stream = ChainStream(model), RestorerStream(load_weights())
    expected = np.concatenate([*(stream.push(hop) for hop in hops_of(signal)), stream.flush()])
    assert chain.delay == RestorerStream(load_weights()).delay == 2400
    assert np.abs(whole(chain, signal) - expected).max() < 1e-4


def test_a_last_part_of_a_hop_comes_out_too(model, speech):
    signal = speech[:-77]
    stream = RestorerStream(load_weights())
    expected = np.concatenate([by_stream_of(stream, signal), stream.flush()])
    out = whole(ChainStream(model), signal)
    assert len(out) == len(expected)
    # The stream mirrors the last 30 ms at the signal's end, the chain at that of the last hop.
    assert np.abs(out - expected)[:-1440].max() < 1e-4
    assert np.abs(out - expected).max() < 0.05 * np.abs(signal).max()


def by_stream_of(stream, signal):
    return np.concatenate(
        [stream.push(hop) for hop in np.split(signal, range(480, len(signal), 480))]
    )


def test_an_impulse_comes_out_delay_samples_late(model):
    """Through both networks: with a limit of 0 dB the first stage takes nothing away."""
    click = np.zeros(48_000, np.float32)
    click[10_000] = 0.5
    chain = ChainStream(model, atten_lim_db=0.0)
    assert np.abs(whole(chain, click)).argmax() == 10_000 + chain.delay


def test_mix_0_is_the_input_itself(model, speech):
    chain = ChainStream(model, mix=0.0)
    out = whole(chain, speech)
    assert not out[: chain.delay].any()
    np.testing.assert_array_equal(out[chain.delay :], speech)


def test_half_the_mix_is_half_of_each(model, speech):
    restored, delay = whole(ChainStream(model), speech), ChainStream(model).delay
    expected = 0.5 * (restored + np.pad(speech, (delay, 0)))
    assert np.abs(whole(ChainStream(model, mix=0.5), speech) - expected).max() < 1e-6


def test_without_attenuation_the_first_stage_gives_noisy(model, speech):
    """Three hops late, pauses muted. The state `enhanced` is what the restorer hears of it."""
    chain, heard = ChainStream(model, atten_lim_db=0.0), []
    for hop in hops_of(speech):
        chain.push(hop)
        heard.append(chain.states["enhanced"][0])
    expected = hops_of(speech) * (np.square(hops_of(speech)).mean(1, keepdims=True) >= 1e-7)
    assert np.abs(np.stack(heard)[3:] - expected[:-3]).max() < 1e-5


def test_a_hop_of_nan_counts_as_silence(model, speech):
    broken, silent = speech.copy(), speech.copy()
    broken[9_600:10_080], silent[9_600:10_080] = np.nan, 0.0
    broken[30_000], silent[30_000] = np.inf, 0.0
    np.testing.assert_array_equal(
        whole(ChainStream(model), broken), whole(ChainStream(model), silent)
    )


def test_a_flushed_or_reset_chain_is_as_new(model, speech):
    chain = ChainStream(model)
    first = whole(chain, speech)
    np.testing.assert_array_equal(whole(chain, speech), first)
    chain.push(speech[:12_345])
    chain.reset()
    assert not any(state.any() for state in chain.states.values())
    np.testing.assert_array_equal(whole(chain, speech), first)


def test_a_host_may_know_the_level_beforehand(model, speech):
    """Half a second of quiet speech is heard as noise, unless its level is known."""
    quiet, chain = 0.004 * speech[: 40 * 480], ChainStream(model)
    unknown = whole(chain, quiet)
    chain.states["level_loudest"][:] = 200 + 10 * np.log10(np.square(quiet).mean())
    chain.states["level_known"][:] = 1.0
    known = np.concatenate([chain.push(quiet), chain.flush()])
    assert np.abs(known).max() > 10 * np.abs(unknown).max()


@pytest.mark.parametrize("chunk", [np.zeros((2, 480)), np.zeros(480, np.int16)])
def test_a_bad_chunk_is_refused(model, chunk):
    with pytest.raises(ValueError, match=r"expected floating-point samples \[n\], got "):
        ChainStream(model).push(chunk)


@pytest.mark.parametrize("mix", [-0.1, 1.1, np.nan])
def test_a_mix_beyond_0_to_1_is_refused(model, mix):
    with pytest.raises(ValueError, match=r"mix .*: expected 0 to 1"):
        ChainStream(model, mix=mix)


@pytest.mark.parametrize(
    "key, value, message",
    [
        ("sample_rate", "44100", "sample_rate 44100, expected 48000"),
        ("opset", "18", "opset 18, expected 17"),
        ("hop_length", "960", "hop_length 960, expected 480"),
        ("states", "past later", "state past is missing|unknown inputs or outputs"),
        ("states", "past memory", "state memory is missing"),
        ("states", None, "no chain: its metadata lack states"),
    ],
)
def test_a_model_of_another_form_is_refused_by_name(model, tmp_path, key, value, message):
    other = onnx.load(model)
    (entry,) = [entry for entry in other.metadata_props if entry.key == key]
    if value is None:
        other.metadata_props.remove(entry)
    else:
        entry.value = value
    onnx.save(other, tmp_path / "other.onnx")
    with pytest.raises(ValueError, match=f"other.onnx: ({message})"):
        ChainStream(tmp_path / "other.onnx")


def test_a_file_that_is_no_model_is_named(tmp_path):
    (tmp_path / "text.onnx").write_text("no model")
    for name in ("text.onnx", "none.onnx"):
        with pytest.raises(ValueError, match=f"{name}: no ONNX model"):
            ChainStream(tmp_path / name)


def test_a_graph_without_metadata_is_no_chain():
    graph = export_chain(Chain(load_weights()))
    with pytest.raises(
        ValueError, match="the model: no chain: its metadata lack delay, hop_length"
    ):
        ChainStream(graph.SerializeToString())


def test_it_needs_neither_pytorch_nor_what_imports_it(model):
    code = (
        "import sys; from lib.inference.chain_runtime import ChainStream;"
        f" ChainStream({str(model)!r});"
        " assert 'torch' not in sys.modules and 'scipy' not in sys.modules;"
        " print(sorted(name for name in sys.modules if name.startswith('lib')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip() == "['lib', 'lib.inference', 'lib.inference.chain_runtime']"
