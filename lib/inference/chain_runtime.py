"""The exported chain on a stream of samples, with NumPy and ONNX Runtime alone.

This file may be copied into another program: it imports nothing of this repository.
"""

from pathlib import Path

import numpy as np
import onnxruntime

SAMPLE_RATE, HOP_LENGTH, OPSET = 48_000, 480, 17


class ChainStream:
    """One channel at 48 kHz: `restored = stream.push(noisy)`, at the end `stream.flush()`.

    Outputs are `delay` samples late: as many zeros come first, and `flush` gives the last ones.
    NaN and infinite samples count as zero.

    Args:
        path: of a model that `python -m lib.restore --export` wrote, or its content.
        mix: share of restored in the output, 0 to 1; the rest is the input.
        atten_lim_db: the largest attenuation of noise by the first stage; 100 or more: no limit.

    Raises:
        ValueError: the file is no such model, or one of another opset, rate or set of states;
            `mix` is not within 0 to 1.
    """

    def __init__(
        self, path: str | Path | bytes, mix: float = 1.0, atten_lim_db: float = 100.0
    ) -> None:
        if not 0 <= mix <= 1:  # written so that NaN is refused too
            raise ValueError(f"mix {mix}: expected 0 to 1")
        self.session = _open(path)
        self.metadata = self.session.get_modelmeta().custom_metadata_map
        name = "the model" if isinstance(path, bytes) else str(path)
        _check(name, self.session, self.metadata)
        # A hop more than the model, which gets whole hops.
        self.delay = int(self.metadata["delay"]) + HOP_LENGTH
        options = {"mix": mix, "atten_lim_db": atten_lim_db}
        self.options = {name: np.array(value, np.float32) for name, value in options.items()}
        self.shapes = {part.name: part.shape for part in self.session.get_inputs()}
        self.reset()

    def reset(self) -> None:
        """Forget the signal: the stream is as new."""
        names = self.metadata["states"].split()
        self.states = {name: np.zeros(self.shapes[name], np.float32) for name in names}
        self.partial_hop = np.zeros(0, np.float32)
        self.output = np.zeros(HOP_LENGTH, np.float32)

    def push(self, chunk: np.ndarray) -> np.ndarray:
        """The next samples `[n]` of the signal -> `[n]` restored ones, float32.

        Raises:
            ValueError: the chunk has several axes, or integers, whose full scale is not known here.
        """
        chunk = np.asarray(chunk)
        if chunk.ndim != 1 or not np.issubdtype(chunk.dtype, np.floating):
            raise ValueError(
                f"expected floating-point samples [n], got {chunk.dtype} {list(chunk.shape)}"
            )
        with np.errstate(over="ignore"):
            samples = np.concatenate([self.partial_hop, chunk.astype(np.float32)])
        n_whole = len(samples) // HOP_LENGTH * HOP_LENGTH
        self.partial_hop = samples[n_whole:]
        self._run(samples[:n_whole])
        return self._take(len(chunk))

    def flush(self) -> np.ndarray:
        """The last `delay` samples; then the stream is as new."""
        # What was heard last, backwards, completes the last hop: no step from sound to silence.
        rest = self.partial_hop
        heard = np.concatenate([self.states["past"][0, -HOP_LENGTH:], rest])
        n_missing = -len(rest) % HOP_LENGTH
        self._run(np.concatenate([rest, heard[::-1][:n_missing]]))
        # A pause behind the signal pushes out what is still to come.
        self._run(np.zeros(self.delay, np.float32))
        last = self._take(self.delay)
        self.reset()
        return last

    def _run(self, samples: np.ndarray) -> None:
        """Whole hops through the model, to the output."""
        hops = [self.output]
        for hop in samples.reshape(-1, 1, HOP_LENGTH):
            inputs = {"noisy": hop, **self.options, **self.states}
            restored, *states = self.session.run(None, inputs)
            self.states = dict(zip(self.states, states, strict=True))
            hops.append(restored[0])
        self.output = np.concatenate(hops)

    def _take(self, n: int) -> np.ndarray:
        samples, self.output = self.output[:n], self.output[n:]
        return samples


def _open(path: str | Path | bytes) -> onnxruntime.InferenceSession:
    """A session on one thread, which is faster for hops of 10 ms."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3  # errors alone
    model = path if isinstance(path, bytes) else str(path)
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime has classes of its own for each kind of failure
        name = "the model" if isinstance(path, bytes) else path
        raise ValueError(f"{name}: no ONNX model that ONNX Runtime reads ({error})") from None


def _check(name: str, session: onnxruntime.InferenceSession, metadata: dict[str, str]) -> None:
    """Refuse what is no chain of this form."""
    missing = {"sample_rate", "hop_length", "opset", "delay", "states"} - metadata.keys()
    if missing:
        raise ValueError(f"{name}: no chain: its metadata lack {', '.join(sorted(missing))}")
    expected = {"sample_rate": SAMPLE_RATE, "hop_length": HOP_LENGTH, "opset": OPSET}
    for key, value in expected.items():
        if metadata[key] != str(value):
            raise ValueError(f"{name}: {key} {metadata[key]}, expected {value}")
    inputs = [part.name for part in session.get_inputs()]
    outputs = [part.name for part in session.get_outputs()]
    states = metadata["states"].split()
    for state in ("past", *states):
        if state not in inputs or f"{state}_after" not in outputs or state not in states:
            raise ValueError(f"{name}: state {state} is missing")
    # The states come back in their order.
    after = [f"{state}_after" for state in states]
    if inputs != ["noisy", "mix", "atten_lim_db", *states] or outputs != ["restored", *after]:
        raise ValueError(f"{name}: unknown inputs or outputs beside its states")
