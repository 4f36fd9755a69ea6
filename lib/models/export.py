"""The generator for programs without PyTorch: an ONNX model of one hop of 10 ms.

The state is explicit. Inputs are `inputs` `[1, n_inputs, 480]` (enhanced, then noisy if there are
two) and `state_0`, `state_1`, ...; outputs are `restored` `[1, 1, 480]` and `state_0_after`, ...,
which go in with the next hop. The first states are zeros.

The model's metadata are sample_rate (Hz), hop_length and delay (samples), n_inputs, run and opset.
"""

from pathlib import Path
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor, nn

from lib.audio.files import SAMPLE_RATE
from lib.deepfilter.onnx_models import OPSET, exported, open_session
from lib.models.content import content_hash
from lib.models.generator import folded_copy
from lib.runtime.whole_file import whole_file

N_HOPS = 100  # of noise, with a pause inside, on which the model is compared with PyTorch
MAX_DIFFERENCE = 1e-4  # of a sample between the model and PyTorch


class SingleHop(nn.Module):
    """A generator whose state is single arguments and results, as ONNX has them."""

    def __init__(self, generator: nn.Module):
        super().__init__()
        self.generator = generator

    def forward(self, inputs: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        """See the class."""
        restored, state = self.generator(inputs, list(state))
        return restored, *state


def export_hop(generator: nn.Module) -> bytes:
    """The ONNX model of one hop, without metadata.

    It is made of a copy of the generator, whose weight norms are folded into the weights and whose
    DFT is done by small matrices (`lib.models.dft`).
    """
    copy = folded_copy(generator)
    inputs = torch.zeros(1, copy.n_inputs, copy.hop_length)
    # The exporter wants tensors: None for the first state would leave no inputs to name.
    state = copy.start(1)
    return exported(SingleHop(copy), (inputs, *state), *names(len(state)))


def names(n_states: int) -> tuple[list[str], list[str]]:
    """The names of a model's inputs, and of its outputs.

    >>> names(1)
    (['inputs', 'state_0'], ['restored', 'state_0_after'])
    """
    states = [f"state_{i}" for i in range(n_states)]
    return ["inputs", *states], ["restored", *(f"{state}_after" for state in states)]


def write_onnx(generator: nn.Module, path: str | Path, run: str = "") -> Path:
    """Export, compare with PyTorch, and store with metadata.

    Args:
        generator: in eval mode.
        path: of the new file, which appears only if the model does what PyTorch does.
        run: where the weights come from.

    Raises:
        RuntimeError: a sample differs by more than 1e-4.
    """
    model = onnx.load_from_string(export_hop(generator))
    metadata = {
        "sample_rate": SAMPLE_RATE,
        "hop_length": generator.hop_length,
        "delay": generator.delay,
        "n_inputs": generator.n_inputs,
        "run": run,
        "opset": OPSET,
    }
    # Metadata of ONNX are strings.
    onnx.helper.set_model_props(model, {name: str(value) for name, value in metadata.items()})
    content = model.SerializeToString()
    # Checked before anything is written: the export takes another DFT than PyTorch.
    # NaN is not below the limit either.
    if not (difference := max_difference(generator, content)) <= MAX_DIFFERENCE:
        raise RuntimeError(
            f"{path}: differs from PyTorch by {difference:.2g}, expected at most"
            f" {MAX_DIFFERENCE:g}; nothing was written"
        )
    with whole_file(path) as file:
        file.write(content)
    return Path(path)


@torch.no_grad()
def max_difference(generator: nn.Module, model: bytes, seed: int = 0) -> float:
    """The largest difference of a sample between the model and PyTorch, on random noise.

    The model runs hop by hop, PyTorch in chunks of random numbers of hops.
    """
    rng = np.random.default_rng(seed)
    shape = (N_HOPS, 1, generator.n_inputs, generator.hop_length)
    hops = 0.1 * rng.standard_normal(shape).astype(np.float32)
    # A pause, since the powers of the magnitude are steepest at silence.
    hops[N_HOPS // 2 : N_HOPS // 2 + 10] = 0.0
    by_model, _ = _run_session(open_session(model), np.concatenate(list(hops), axis=2), None)

    # Chunks of random sizes show that the state carries everything.
    copy, state = folded_copy(generator), None
    by_torch = []
    start = 0
    while start < N_HOPS:
        stop = start + int(rng.integers(1, 12))
        chunk = torch.from_numpy(np.concatenate(list(hops[start:stop]), axis=2))
        restored, state = copy(chunk, state)
        by_torch.append(restored.numpy())
        start = stop
    return float(np.abs(by_model - np.concatenate(by_torch, axis=2)).max())


def run_hops(
    generator: nn.Module, inputs: np.ndarray, state: list[np.ndarray] | None = None
) -> tuple[np.ndarray, list[np.ndarray]]:
    """The generator hop by hop in ONNX Runtime on one thread of a CPU.

    A single hop is six times as fast as in PyTorch, and a whole recording no slower.

    Shape:
        - inputs: `[1, C, T]`, `T` a multiple of 480; restored: `[1, 1, T]`, and the state after it
    """
    return _run_session(_session_of(generator, state is None), inputs, state)


class _Export(NamedTuple):
    """The session of a generator, and the weights that it was exported with."""

    session: onnxruntime.InferenceSession
    tensors: list[Tensor]
    versions: list[int]
    content: str


# Streams of one generator share its export.
_EXPORTS: WeakKeyDictionary[nn.Module, _Export] = WeakKeyDictionary()


def _session_of(generator: nn.Module, starts: bool) -> onnxruntime.InferenceSession:
    """The generator as it is now: an export of former weights is replaced.

    Args:
        starts: a stream starts, and the weights themselves are compared. Within a stream their
            version numbers are, which a hop has the time for; PyTorch counts every change by an
            operation.
    """
    known = _EXPORTS.get(generator)
    if known and not starts and known.versions == _versions(known.tensors):
        return known.session
    tensors = list(generator.state_dict().values())
    content = content_hash(generator.state_dict())
    same = known and known.content == content
    session = known.session if same else open_session(export_hop(generator))
    _EXPORTS[generator] = _Export(session, tensors, _versions(tensors), content)
    return session


def _versions(tensors: list[Tensor]) -> list[int]:
    # Tensors made in inference mode have no version, and cannot be changed outside it.
    return [0 if tensor.is_inference() else tensor._version for tensor in tensors]


def _run_session(
    session: onnxruntime.InferenceSession, inputs: np.ndarray, state: list[np.ndarray] | None
) -> tuple[np.ndarray, list[np.ndarray]]:
    signal, *states = session.get_inputs()
    hop_length = signal.shape[2]
    if state is None:
        state = [np.zeros(described.shape, np.float32) for described in states]
    restored = []
    for start in range(0, inputs.shape[2], hop_length):
        arrays = {"inputs": inputs[:, :, start : start + hop_length]}
        arrays |= {f"state_{i}": value for i, value in enumerate(state)}
        hop, *state = session.run(None, arrays)
        restored.append(hop)
    return np.concatenate(restored, axis=2), state
