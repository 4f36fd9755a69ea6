"""noisy -> enhanced: DeepFilterNet3 in batches, on any device, frozen and identified.

The whole state goes in and out of each call, so that batches, blocks of long files and single hops are one function. Signal
processing as in upstream's runtime libDF v0.5.6 (Schröter et al., "DeepFilterNet: Perceptually Motivated Real-Time Speech
Enhancement", 2023), which the tests compare it with.
"""

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib import metadata
from itertools import groupby
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from lib import deepfilter_network
from lib.deepfilter_network import LSNR_MAX, LSNR_MIN, N_DF, N_ERB, ORDER, WEIGHTS_FROM, WEIGHTS_SHA256

ENGINE = "retimbre 1"  # to be raised whenever the same input gives another output

SAMPLE_RATE = 48_000
HOP_LENGTH = 480
N_FFT = 960
N_BINS = N_FFT // 2 + 1
LOOK_AHEAD = 2  # frames
LATE = 3  # hops from input to output: the look-ahead and the overlap
DELAY = LATE * HOP_LENGTH
NORM_ALPHA = 0.99  # of the running means, one second
QUIET_POWER = 1e-7  # -70 dB re full scale: a hop below it is muted and not heard, as in the runtime
BLOCK = 50  # hops that are worked on at once: activations of a batch then stay in the processor's cache
BATCH_SIZE = 8  # signals at once, for the same reason
CHUNK = 10 * SAMPLE_RATE  # samples of a long signal that are held in parts at once


class Settings(NamedTuple):
    """What the runtime lets its users choose; the defaults are the runtime's.

    The local SNR lies between -15 and 35 dB, so that with the default thresholds every frame is worked on by both stages.
    """

    atten_lim_db: float = 100.0  # noise is attenuated by at most this; 100 and more: no limit, 0: nothing is done
    post_filter_beta: float = 0.0  # 0: off; 0.02 is upstream's choice
    min_db_thresh: float = -15.0  # a frame with a lower local SNR is silenced
    max_db_erb_thresh: float = 35.0  # one with a higher local SNR is left as it is
    max_db_df_thresh: float = 35.0  # one with a higher local SNR gets the ERB mask alone
    hold_at_pauses: bool = False  # True: as the runtime, let the last 30 ms before a pause out behind it; see Stream

    @property
    def gated(self) -> bool:
        """Whether a frame may meet a threshold."""
        return self.min_db_thresh > LSNR_MIN or min(self.max_db_erb_thresh, self.max_db_df_thresh) < LSNR_MAX


DEFAULTS = Settings()


class Enhanced(NamedTuple):
    """What DeepFilterNet3 made of a signal. Row i of `gains` and `lsnr_db` is about the 20 ms that begin with sample 480 i."""

    signal: np.ndarray  # [T]
    gains: np.ndarray  # [ceil(T / 480), 32], of the ERB bands, 0 to 1
    lsnr_db: np.ndarray  # [ceil(T / 480)], the network's estimate of the SNR, -15 to 35 dB


class State(NamedTuple):
    """What the module remembers; nothing else of the past matters."""

    last_hop: Tensor  # [B, 480], heard
    overlap: Tensor  # [B, 480], to be added to the next hop
    means: Tensor  # [B, 32 + 96]: of the ERB levels in dB, of the low bins' magnitudes
    spectra: Tensor  # [B, 4, 481], the last frames of noisy
    network: tuple[Tensor, ...]


def enhance(noisy: np.ndarray, settings: Settings = DEFAULTS, device: str = "cpu") -> np.ndarray:
    """What DeepFilterNet3 makes of a whole utterance: float32 `[T]` at 48 kHz, of the same length, lag 0.

    The network hears the utterance from its start with a warm state, never a cut out of the middle. Hops below -70 dB re
    full scale come out silent and are not heard, as in the runtime.

    Raises:
        ValueError: `noisy` is not one-dimensional or holds NaN or infinite samples.

    >>> enhance(np.zeros(1)).shape, float(np.abs(enhance(np.zeros(4_800))).max())
    ((1,), 0.0)
    """
    return enhance_batch([noisy], settings, device)[0].signal


def enhance_batch(signals: list[np.ndarray], settings: Settings = DEFAULTS, device: str = "cpu") -> list[Enhanced]:
    """`enhance` for signals of any lengths, at most 8 at once, those of like length together; with gains and local SNR.

    None hears anything of another. Those with pauses below -70 dB are done one after the other.

    >>> [result.signal.shape for result in enhance_batch([np.zeros(48_000), np.zeros(7)])]
    [(48000,), (7,)]
    """
    model = load(settings, device)
    signals = [_checked(noisy, f"signal {i + 1} of {len(signals)}: ") for i, noisy in enumerate(signals)]
    done: dict[int, np.ndarray] = {}  # rows
    stretches = {}
    for i, noisy in enumerate(signals):
        quiet = is_quiet(noisy)
        stretch = _only_stretch(quiet)
        if stretch is None or (settings.hold_at_pauses and quiet.any()):
            done[i] = np.concatenate(list(Stream(model).whole([noisy])))
        else:
            done[i], stretches[i] = model.silence(len(quiet)), stretch
    order = sorted(stretches, key=lambda i: stretches[i][1] - stretches[i][0])
    for first in range(0, len(order), BATCH_SIZE):
        batch = order[first : first + BATCH_SIZE]
        heard = [_with_end(signals[i], *stretches[i]) for i in batch]
        length = max(map(len, heard))
        padded = np.stack([np.pad(samples, (0, length - len(samples))) for samples in heard])
        for i, rows in zip(batch, model.rows(padded)[0], strict=True):
            start, stop = stretches[i]
            done[i][start:stop] = rows[LATE : LATE + stop - start]
    return [_unpack(done[i], len(noisy)) for i, noisy in enumerate(signals)]


def enhance_stream(
    chunks: Iterable[np.ndarray], settings: Settings = DEFAULTS, device: str = "cpu"
) -> Iterator[np.ndarray]:
    """`enhance` of a signal that comes in chunks `[n]` of any size; what it yields is as long altogether, lag 0.

    Memory does not grow with the length of the signal.

    >>> parts = enhance_stream(np.zeros(1_000) for _ in range(5))
    >>> sum(len(part) for part in parts)
    5000
    """
    n_samples = n_out = 0
    stream = Stream(load(settings, device))

    def counted():
        nonlocal n_samples
        for chunk in chunks:
            chunk = _checked(chunk, f"behind {n_samples / SAMPLE_RATE:.2f} s: ")
            n_samples += len(chunk)
            yield chunk

    for rows in stream.whole(counted()):
        signal = rows[:, :HOP_LENGTH].ravel()[: n_samples - n_out]
        n_out += len(signal)
        yield signal


@cache
def load(settings: Settings = DEFAULTS, device: str = "cpu") -> "DeepFilter":
    """The frozen module on a device, made once in a process.

    >>> load().delay
    1440
    """
    return DeepFilter(settings).to(device).eval().requires_grad_(False)


def identity(settings: Settings = DEFAULTS, device: str = "cpu") -> dict[str, str]:
    """Engine, hash of the weights, settings and device: part of every manifest row, since the output follows from them.

    Raises `RuntimeError` if the installed weights are not the official ones.

    >>> sorted(identity())
    ['df_device', 'df_engine', 'df_settings', 'df_weights_sha256']
    """
    deepfilter_network.archive()
    chosen = " ".join(f"{name}={value:g}" for name, value in settings._asdict().items())
    version = f"{ENGINE}, weights of {WEIGHTS_FROM} {metadata.version(WEIGHTS_FROM)}"
    return {"df_engine": version, "df_weights_sha256": WEIGHTS_SHA256, "df_settings": chosen, "df_device": device}


class DeepFilter(nn.Module):
    """DeepFilterNet3 from signal to signal: `enhanced, gains, lsnr_db, state = model(noisy, state)`.

    Hears every hop. For whole signals (delay, end, pauses) use `enhance`; inside a training step, this on the step's device.

    Shape:
        - noisy: `[B, T]`, `T` a multiple of 480; `state=None` is silence before the signal
        - enhanced: `[B, T]`, `delay` = 1,440 samples late
        - gains: `[B, T / 480, 32]`, lsnr_db: `[B, T / 480]`, as late: of the frames that `enhanced` is made of

    >>> enhanced, gains, lsnr_db, state = load()(torch.zeros(2, 4_800))
    >>> list(enhanced.shape), list(gains.shape), list(lsnr_db.shape)
    ([2, 4800], [2, 10, 32], [2, 10])
    """

    delay = DELAY
    row = HOP_LENGTH + N_ERB + 1  # of `rows`: a hop of signal, gains, local SNR

    def __init__(self, settings: Settings = DEFAULTS):
        super().__init__()
        self.settings = settings
        self.network = deepfilter_network.make()
        bands = torch.zeros(N_BINS, N_ERB)
        bands[torch.arange(N_BINS), torch.repeat_interleave(torch.arange(N_ERB), torch.tensor(erb_widths()))] = 1.0
        start = torch.cat([torch.linspace(-60.0, -90.0, N_ERB), torch.linspace(0.001, 0.0001, N_DF)])
        self.register_buffer("window", vorbis_window(N_FFT))
        self.register_buffer("bands", bands)
        self.register_buffer("first_means", start)

    @torch.no_grad()
    def forward(self, noisy: Tensor, state: State | None = None) -> tuple[Tensor, Tensor, Tensor, State]:
        """See the class. Raises `ValueError` if the length is no multiple of 480."""
        if noisy.dim() != 2 or noisy.shape[1] % HOP_LENGTH:
            raise ValueError(f"expected noisy [B, T] with T a multiple of {HOP_LENGTH}, got {list(noisy.shape)}")
        state = state or self.start(len(noisy))
        heard = torch.cat([state.last_hop, noisy], dim=1)
        spectrum = torch.fft.rfft(heard.unfold(1, N_FFT, HOP_LENGTH) * self.window) / N_FFT
        erb, low, means = self._features(spectrum, state.means)
        work = self._gated if self.settings.gated else self._run
        gains, taps, lsnr_db, network = work(erb, low, state.network)

        n_frames = spectrum.shape[1]
        spectra = torch.cat([state.spectra, spectrum], dim=1)
        unfiltered = spectra[:, LOOK_AHEAD : LOOK_AHEAD + n_frames]  # the frame that the network speaks of now
        filtered = unfiltered * (gains @ self.bands.T)
        deep = sum(spectra[:, k : k + n_frames, :N_DF] * taps[..., k] for k in range(ORDER))
        use_gains, use_taps = self._stages(lsnr_db)
        if self.settings.gated:
            deep = torch.where(use_taps[..., None], deep, filtered[..., :N_DF])
        filtered = torch.cat([deep, filtered[..., N_DF:]], dim=2)
        if self.settings.post_filter_beta > 0:
            after = filtered * self._post_filter(unfiltered, filtered)
            filtered = torch.where(use_gains[..., None], after, filtered)
        if self.settings.atten_lim_db < 100:
            keep = 10 ** (-abs(self.settings.atten_lim_db) / 20)
            filtered = filtered * (1 - keep) + unfiltered * keep

        frames = torch.fft.irfft(filtered, norm="forward") * self.window
        overlaps = torch.cat([state.overlap[:, None], frames[:, :, HOP_LENGTH:]], dim=1)
        enhanced = (frames[:, :, :HOP_LENGTH] + overlaps[:, :-1]).flatten(1)
        after = State(heard[:, -HOP_LENGTH:], overlaps[:, -1], means, spectra[:, -(ORDER - 1) :], network)
        return enhanced, gains, lsnr_db, after

    def start(self, batch_size: int) -> State:
        """The state before any signal."""
        zeros = self.first_means.new_zeros
        spectra = torch.zeros(batch_size, ORDER - 1, N_BINS, dtype=torch.complex64, device=self.window.device)
        hop, means = zeros(batch_size, HOP_LENGTH), self.first_means.repeat(batch_size, 1)
        return State(hop, hop, means, spectra, self.network.start(batch_size))

    def rows(self, hops: np.ndarray, state: State | None = None) -> tuple[np.ndarray, State]:
        """`[B, T]` or `[T]` -> `[B, T / 480, 513]` or `[T / 480, 513]` (a hop of signal, gains, local SNR), in blocks."""
        noisy, rows = torch.from_numpy(np.ascontiguousarray(np.atleast_2d(hops))), []
        for block in noisy.split(BLOCK * HOP_LENGTH, dim=1):
            enhanced, gains, lsnr_db, state = self(block.to(self.window.device), state)
            hop = enhanced.unflatten(1, (-1, HOP_LENGTH))
            rows.append(torch.cat([hop, gains, lsnr_db[..., None]], dim=2).cpu().numpy())
        rows = np.concatenate(rows, axis=1)
        return (rows if hops.ndim == 2 else rows[0]), state

    def silence(self, n_hops: int) -> np.ndarray:
        """Rows of hops that are muted."""
        rows = np.zeros((n_hops, self.row), np.float32)
        rows[:, -1] = LSNR_MIN
        return rows

    def _features(self, spectrum: Tensor, means: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """ERB levels and low bins, normalised by their running means: `[B, T, 32]`, `[B, 2, T, 96]`, new means."""
        power = spectrum.real.square() + spectrum.imag.square()
        level_db = 10 * torch.log10(power @ (self.bands / self.bands.sum(0)) + 1e-10)
        low = spectrum[..., :N_DF]
        history = []
        for now in torch.cat([level_db, low.abs()], dim=2).unbind(1):
            means = torch.lerp(now, means, NORM_ALPHA)
            history.append(means)
        history = torch.stack(history, dim=1)
        low = torch.view_as_real(low / history[..., N_ERB:].sqrt())
        return (level_db - history[..., :N_ERB]) / 40, low.permute(0, 3, 1, 2), means

    def _run(self, erb: Tensor, low: Tensor, state: tuple) -> tuple[Tensor, Tensor, Tensor, tuple]:
        run = deepfilter_network.in_onnx_runtime() if erb.device.type == "cpu" else self.network
        gains, taps, lsnr_db, *state = run(erb, low, *state)
        return gains, torch.view_as_complex(taps.contiguous()), lsnr_db, tuple(state)

    def _gated(self, erb: Tensor, low: Tensor, state: tuple) -> tuple[Tensor, Tensor, Tensor, tuple]:
        """Frame by frame: in the runtime a decoder that a threshold leaves out keeps its state."""
        done = []
        for i in range(erb.shape[1]):
            gains, taps, lsnr_db, after = self._run(erb[:, i : i + 1], low[:, :, i : i + 1], state)
            use_gains, use_taps = self._stages(lsnr_db)
            advance = [True] * 3 + [use_gains] + [use_taps] * 2  # encoder, ERB decoder, deep-filter decoder
            state = tuple(
                new if keep is True else torch.where(keep.view(-1, *[1] * (new.dim() - 1)), new, old)
                for keep, new, old in zip(advance, after, state, strict=True)
            )
            silenced = lsnr_db < self.settings.min_db_thresh
            gains = torch.where(use_gains[..., None], gains, (~silenced).to(gains)[..., None])
            done.append((gains, taps, lsnr_db))
        gains, taps, lsnr_db = (torch.cat(parts, dim=1) for parts in zip(*done, strict=True))
        return gains, taps, lsnr_db, state

    def _stages(self, lsnr_db: Tensor) -> tuple[Tensor, Tensor]:
        """Which frames get the ERB mask, and which of these the deep filter, too."""
        gains = (lsnr_db >= self.settings.min_db_thresh) & (lsnr_db <= self.settings.max_db_erb_thresh)
        return gains, gains & (lsnr_db <= self.settings.max_db_df_thresh)

    def _post_filter(self, noisy: Tensor, filtered: Tensor) -> Tensor:
        """Valin et al., "A Perceptually-Motivated Approach for Low-Complexity, Real-Time Enhancement of Fullband Speech"."""
        gain = (filtered.abs() / (noisy.abs() + 1e-12)).clamp(1e-12, 1.0)
        beta = self.settings.post_filter_beta
        factor = (1 + beta) / (1 + beta * torch.sin(gain * (math.pi / 2)).pow(-2))
        factor[..., -1] = 1.0  # the runtime works in fours, and leaves the 481st bin alone
        return factor


class Stream:
    """DeepFilterNet3 on a signal that comes hop by hop; pauses are muted, and what was said before one comes out first.

    The runtime stands still in a pause: it keeps the last 30 ms before it to itself and lets them out behind it. Here they
    come out in their place, as if the signal had ended there (unless `hold_at_pauses` is set, for comparisons); the network's
    state, which never hears pauses, is the same.
    """

    def __init__(self, model: DeepFilter):
        self.model, self.state = model, None
        self.hold = model.settings.hold_at_pauses
        self.n_heard = 0  # hops since the last pause; since the start of the signal, if pauses are held at
        self.recent = np.zeros(DELAY, np.float32)  # the last samples

    def whole(self, chunks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Rows of a signal from its start to its end, which comes in chunks `[n]` of any size."""
        rest = np.zeros(0, np.float32)
        for chunk in chunks:
            for part in np.split(chunk, range(CHUNK, len(chunk), CHUNK)):
                rest = np.concatenate([rest, part])
                n_whole = len(rest) // HOP_LENGTH * HOP_LENGTH
                yield self.push(rest[:n_whole].reshape(-1, HOP_LENGTH))
                rest = rest[n_whole:]
        yield from self.end(rest)

    def end(self, rest: np.ndarray) -> Iterator[np.ndarray]:
        """The last rows of a signal whose last samples `rest`, less than a hop, have not been pushed."""
        missing = -len(rest) % HOP_LENGTH
        mirrored = _mirrored(np.concatenate([self.recent, rest]), missing + DELAY)
        yield self.push(np.concatenate([rest, mirrored[:missing]]).reshape(-1, HOP_LENGTH))
        yield self.pause(mirrored[missing:])

    def push(self, hops: np.ndarray) -> np.ndarray:
        """Rows (see `DeepFilter.rows`) that are known after `hops` `[n, 480]`: all but the last three of the signal so far."""
        rows = [self.model.silence(0)]
        for quiet, group in groupby(zip(_quiet(hops), hops, strict=True), key=lambda pair: pair[0]):
            together = np.stack([hop for _, hop in group])
            if quiet and self.hold:
                rows.append(self._due(self.model.silence(len(together))))
            elif quiet:
                rows += [self.pause(), self.model.silence(len(together))]
            else:
                heard, self.state = self.model.rows(together.ravel(), self.state)
                rows.append(self._due(heard))
            self.recent = np.concatenate([self.recent, together.ravel()])[-DELAY:]
        return np.concatenate(rows)

    def pause(self, push: np.ndarray | None = None) -> np.ndarray:
        """The rows that are still to come of what was heard: its mirrored end pushes them out, or the samples `push`."""
        push = _mirrored(self.recent, DELAY) if push is None else push
        if self.hold:
            return self.push(push.reshape(-1, HOP_LENGTH))
        if not self.n_heard:
            return self.model.silence(0)
        rows, _ = self.model.rows(push, self.state)
        n_due, self.n_heard = min(self.n_heard, LATE), 0
        return rows[LATE - n_due :]

    def _due(self, rows: np.ndarray) -> np.ndarray:
        """Without the first three: they are about hops before the last pause, which came out then."""
        n_old = max(0, LATE - self.n_heard)
        self.n_heard += len(rows)
        return rows[n_old:]


def is_quiet(noisy: np.ndarray) -> np.ndarray:
    """Which hops of a signal `[T]` are muted and not heard: `[ceil(T / 480)]`.

    >>> is_quiet(np.repeat([0.0, 0.1], 480))
    array([ True, False])
    """
    return _quiet(_to_hops(noisy))


def erb_widths() -> list[int]:
    """Bins of each of the 32 bands: equal steps on the ERB scale of Glasberg and Moore, each at least two bins wide.

    >>> widths = erb_widths()
    >>> sum(widths), widths[:6], widths[-2:]
    (481, [2, 2, 2, 2, 2, 2], [56, 67])
    """
    quality = 9.265
    top = quality * math.log1p(SAMPLE_RATE / 2 / (24.7 * quality))
    edges = [24.7 * quality * math.expm1((i + 1) * top / N_ERB / quality) for i in range(N_ERB)]
    widths, edge = [], 0
    for upper in edges:
        widths.append(max(2, round(upper * N_FFT / SAMPLE_RATE) - edge))
        edge += widths[-1]
    widths[-1] += N_BINS - edge
    return widths


def vorbis_window(length: int) -> Tensor:
    """Its square and the square half a length later add up to one.

    >>> window = vorbis_window(960)
    >>> bool(torch.allclose(window[:480] ** 2 + window[480:] ** 2, torch.ones(480)))
    True
    """
    t = (torch.arange(length, dtype=torch.float64) + 0.5) / length
    return torch.sin(math.pi / 2 * torch.sin(math.pi * t) ** 2).float()


@contextmanager
def one_thread():
    """One thread for torch's own work: its results may depend on their number in the last bit."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)


def _only_stretch(quiet: np.ndarray) -> tuple[int, int] | None:
    """Where the hops that are heard begin and end; None if there are none, or pauses between them."""
    heard = np.flatnonzero(~quiet)
    if not len(heard) or heard[-1] - heard[0] + 1 > len(heard):
        return None
    return int(heard[0]), int(heard[-1]) + 1


def _unpack(rows: np.ndarray, n_samples: int) -> Enhanced:
    signal, gains, lsnr_db = np.split(rows, [HOP_LENGTH, HOP_LENGTH + N_ERB], axis=1)
    return Enhanced(np.ascontiguousarray(signal).ravel()[:n_samples], gains.copy(), lsnr_db[:, 0].copy())


def _to_hops(signal: np.ndarray) -> np.ndarray:
    """`[ceil(T / 480), 480]`; the end is mirrored, since behind zeros the network takes the last 10 ms for silence, too."""
    return np.concatenate([signal, _mirrored(signal, -len(signal) % HOP_LENGTH)]).reshape(-1, HOP_LENGTH)


def _with_end(signal: np.ndarray, start: int, stop: int) -> np.ndarray:
    """The hops `start` to `stop` as samples, and the three that push them out: their mirrored end."""
    heard = signal[start * HOP_LENGTH : stop * HOP_LENGTH]  # the last hop of a signal may be a part
    return np.concatenate([heard, _mirrored(signal[: stop * HOP_LENGTH], -len(heard) % HOP_LENGTH + DELAY)])


def _mirrored(heard: np.ndarray, length: int) -> np.ndarray:
    """The last `length` samples backwards; silence lies before the first."""
    return np.pad(heard, (max(0, length - len(heard)), 0))[::-1][:length]


def _quiet(hops: np.ndarray) -> np.ndarray:
    return np.square(hops).mean(axis=1) < QUIET_POWER


def _checked(noisy: np.ndarray, where: str) -> np.ndarray:
    noisy = np.asarray(noisy, np.float32)
    if noisy.ndim != 1:
        raise ValueError(f"{where}DeepFilterNet3 wants one channel [T], got shape {noisy.shape}")
    if not np.isfinite(noisy).all():
        n_bad = np.count_nonzero(~np.isfinite(noisy))
        raise ValueError(f"{where}DeepFilterNet3 wants finite samples, {n_bad} are NaN or infinite")
    return noisy
