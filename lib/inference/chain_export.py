"""The whole chain for programs without PyTorch: an ONNX model of one hop of 10 ms, verified.

Inputs are `noisy` `[1, 480]` at 48 kHz, the scalars `mix` (1: restored alone, 0: noisy alone) and
`atten_lim_db` (the largest attenuation of noise; 100 or more: no limit), and the states. Outputs
are `restored` `[1, 480]` and each state after the hop, `<state>_after`, which goes in with the next
hop. The first states are zeros.

The model's metadata are sample_rate (Hz), hop_length and delay (samples), states (their names, in
the order of the inputs), run, the hashes and licences of both stages, weights (their precision,
float32 or float16), and opset.
"""

from pathlib import Path

import numpy as np
import onnx
from torch import nn

from lib.deepfilter.grid import HOP_LENGTH, SAMPLE_RATE
from lib.deepfilter.onnx_models import OPSET
from lib.deepfilter.weights import WEIGHTS_FROM, WEIGHTS_SHA256
from lib.inference.chain import Chain
from lib.inference.chain_graph import export_chain
from lib.inference.chain_half import MAX_DIFFERENCE_HALF, halved
from lib.inference.chain_runtime import ChainStream
from lib.inference.stream import RestorerStream
from lib.models.content import content_hash
from lib.models.generator import folded_copy
from lib.runtime.whole_file import whole_file

MAX_DIFFERENCE = 1e-4  # of a sample between the model and `RestorerStream`
LICENCES = "DeepFilterNet3: MIT or Apache 2.0 (Hendrik Schröter); restorer: MIT (Retimbre)"


def write_chain(
    generator: nn.Module, path: str | Path, run: str = "", is_half: bool = False
) -> Path:
    """Export, measure the delay, compare with the stream, and store with metadata.

    Args:
        generator: in eval mode.
        path: of the new file, which appears only if the model does what the stream does.
        run: where the generator's weights come from.
        is_half: store weights in half precision, see `lib.inference.chain_half`.

    Raises:
        RuntimeError: a sample differs by more than 1e-4, or with `is_half` by more than 1 % of full
            scale, or the delay is another.
    """
    chain = Chain(generator)
    model = export_chain(chain)
    if is_half:
        model = halved(model, chain)
    metadata = {
        "sample_rate": SAMPLE_RATE,
        "hop_length": HOP_LENGTH,
        "delay": chain.delay,
        "states": " ".join(chain.states),
        "run": run,
        "deepfilter": WEIGHTS_FROM,
        "deepfilter_sha256": WEIGHTS_SHA256,
        "restorer_sha256": content_hash(generator.state_dict()),
        "licences": LICENCES,
        "weights": "float16" if is_half else "float32",
        "opset": OPSET,
    }
    # Metadata of ONNX are strings.
    onnx.helper.set_model_props(model, {name: str(value) for name, value in metadata.items()})
    content = model.SerializeToString()
    # Checked before anything is written.
    if (measured := measured_delay(content)) != chain.delay:
        raise RuntimeError(
            f"{path}: an impulse comes out {measured} samples late, expected {chain.delay};"
            " nothing was written"
        )
    limit = MAX_DIFFERENCE_HALF if is_half else MAX_DIFFERENCE
    if not (difference := max_difference(generator, content)) <= limit:
        raise RuntimeError(
            f"{path}: differs from the stream by {difference:.2g}, expected at most"
            f" {limit:.2g}; nothing was written"
        )
    with whole_file(path) as file:
        file.write(content)
    return Path(path)


def measured_delay(model: bytes) -> int:
    """How many samples late an impulse comes out, through both networks."""
    position = 10 * HOP_LENGTH + 77
    click = np.zeros(40 * HOP_LENGTH, np.float32)
    click[position] = 0.5
    # With this limit the first stage takes nothing away, and the restorer's gains shift nothing.
    runtime = ChainStream(model, atten_lim_db=0.0)
    late = int(np.abs(runtime.push(click)).argmax()) - position
    return late - HOP_LENGTH  # the model itself gets whole hops


def max_difference(generator: nn.Module, model: bytes, seed: int = 0) -> float:
    """The largest difference of a sample between the model and the stream, on `trial_signal`.

    The model gets chunks of random sizes, the stream single hops, and zeros where a sample is NaN.
    """
    rng = np.random.default_rng(seed)
    signal = trial_signal(rng)
    runtime, stream = ChainStream(model), RestorerStream(folded_copy(generator))
    chunks = np.split(signal, np.cumsum(rng.integers(1, 2_000, size=len(signal) // 1_000)))
    by_model = np.concatenate([*(runtime.push(chunk) for chunk in chunks), runtime.flush()])
    hops = np.nan_to_num(signal, nan=0.0, posinf=0.0, neginf=0.0).reshape(-1, HOP_LENGTH)
    by_stream = np.concatenate([*(stream.push(hop) for hop in hops), stream.flush()])
    return float(np.abs(by_model - by_stream).max())


def trial_signal(rng: np.random.Generator) -> np.ndarray:
    """Faint sound, harmonics in syllables, noise, pauses of one and of many hops, full scale, NaN.

    Its length is a multiple of 480.

    >>> signal = trial_signal(np.random.default_rng(0))
    >>> len(signal) % HOP_LENGTH, int(np.isnan(signal).sum()), float(np.nanmax(signal))
    (0, 480, 1.0)
    """
    voice, (zeros, noise) = _voice(rng), (np.zeros, rng.standard_normal)
    hop = HOP_LENGTH
    parts = [
        voice[: 40 * hop],
        zeros(hop),
        voice[40 * hop : 60 * hop],
        zeros(2 * hop),
        voice[60 * hop : 62 * hop],  # not even three hops between pauses
        zeros(30 * hop),
        voice[62 * hop : 80 * hop] + 0.02 * noise(18 * hop),
        np.full(hop, np.nan),
        np.clip(noise(10 * hop), -1, 1),
        np.sign(voice[: 10 * hop]),
        zeros(7 * hop + 100),  # a pause that begins within a hop
        voice[80 * hop :],
    ]
    loud = np.concatenate(parts)
    loud = loud[: len(loud) // hop * hop]
    # The faint part comes first: behind a loud one it would be heard as it is.
    faint = 0.005 * voice
    return np.concatenate([faint, zeros(5 * hop), loud]).astype(np.float32)


def _voice(rng: np.random.Generator) -> np.ndarray:
    """A second of harmonics of 120 Hz with breath, in three syllables."""
    t = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    harmonics = sum(np.sin(2 * np.pi * 120 * k * t + k * k) / k for k in range(1, 40))
    syllables = np.sin(3 * np.pi * t) ** 2
    return 0.1 * (harmonics + 0.1 * rng.standard_normal(len(t))) * syllables
