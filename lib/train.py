"""Train a restorer: generator alone first, from `gan_start_epoch` on against discriminators. One file, top to bottom.

An epoch is one pass over the training pairs, a random segment of each; the first is 1, and 0 is the state before training.
Everything random follows from (seed, epoch, index), so a run that goes on from its last checkpoint equals one that never stopped.
"""

import math
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lib import audio, data, deepfilter, losses, metrics, pairs, sources, spectra
from lib.audio import SAMPLE_RATE
from lib.discriminators import Discriminators, both, score
from lib.generator import make, restore
from lib.progress import progress, say

SELECTION = ("lsd_db", "mcd_db", "pesq")  # `best` is the highest mean gap closed over these; the GAN has no say in it
WARM_UP = 100  # optimiser steps until the full learning rate
LAST_LR = 0.05  # share of the learning rate that the cosine ends at
LEAD = SAMPLE_RATE  # samples before a segment that is mixed on the fly, in which DeepFilterNet3 warms up
BETAS = (0.8, 0.99)  # of both optimisers, as in HiFi-GAN


def train(p, rows: dict[str, pd.DataFrame], out: Path, run, about: dict[str, str]) -> pd.DataFrame:
    """Train until epoch `p.epochs` and return the history, one row an epoch.

    Args:
        p: params.Train.
        rows: usable manifest rows of the splits `train` and `valid`.
        out: folder for `last.pt` and `best.pt`; one that holds a `last.pt` is gone on with.
        run: has `metrics(values, step)` and `file(path, folder)`, and records them.
        about: identity of the data, stored in the checkpoints.
    """
    torch.manual_seed(p.seed)
    device = choose_device(p.device)
    generator = build(p).to(device)
    discriminators = Discriminators(p.discriminators, p.discriminator_size).to(device)
    used = [name for name in losses.NAMES if getattr(p, f"lambda_{name}") > 0]
    compare = losses.Terms(used, p.high_weight).to(device)
    adam_g = torch.optim.AdamW(generator.parameters(), p.lr, betas=BETAS)
    adam_d = torch.optim.AdamW(discriminators.parameters(), p.lr_discriminator, betas=BETAS)

    root = pairs.folder(p.corpus)
    if p.on_the_fly:
        segments = mixtures(p, rows["train"])
    else:
        gain = p.gain_min, p.gain_max
        segments = data.PairSegments(root, rows["train"], p.segment_length, p.seed, gain, p.p_invert)
    batches = data.loader(segments, p.batch_size, p.n_workers)
    judge = Validation(p, rows["valid"], losses.Terms(high_weight=p.high_weight).to(device), device)

    parts = dict(generator=generator, discriminators=discriminators, adam_g=adam_g, adam_d=adam_d)
    out.mkdir(parents=True, exist_ok=True)
    history: list[dict] = []
    if (out / "last.pt").exists():
        saved = torch.load(out / "last.pt", map_location=device, weights_only=True)
        history = saved["history"]
        for name, part in parts.items():
            part.load_state_dict(saved[name])
        for record in history:  # what a killed run could not say any more; nothing is logged twice
            run.metrics(*recorded(record))
    else:
        history.append(judge(generator, discriminators, epoch=0))
        keep(out, parts, history, p, about, run)

    for epoch in range(history[-1]["epoch"] + 1, p.epochs + 1):
        batches.sampler.set_epoch(epoch)
        gan = epoch >= p.gan_start_epoch
        weights = {name: getattr(p, f"lambda_{name}") for name in compare.names}
        weights |= {"adversarial": p.lambda_adversarial, "features": p.lambda_features} if gan else {}
        seen, started = [], time.perf_counter()
        name = f"epoch {epoch}/{p.epochs}{' with GAN' if gan else ''}"
        for index, batch in enumerate(progress(batches, name, total=len(batches))):
            *signals, metas = enhanced_now(batch, p.segment_length, device) if p.on_the_fly else batch
            step = (epoch - 1) * len(batches) + index
            adam_g.param_groups[0]["lr"] = learning_rate(p.lr, step, p.epochs * len(batches))
            enhanced, noisy, clean = (signal.to(device, non_blocking=True) for signal in signals)  # [B, 1, T]
            n_samples, bandwidth_hz = lengths_and_bandwidths(metas, device)
            inputs = torch.cat([enhanced, noisy], dim=1) if p.condition_on_noisy else enhanced
            restored = losses.band_limit(restore(generator, inputs), bandwidth_hz)
            clean = losses.band_limit(clean, bandwidth_hz)
            terms = {}

            # 1. the discriminators learn to tell clean from restored
            if gan:
                terms["discriminator"] = losses.discriminator(*both(discriminators, clean, restored.detach()))
                descend(adam_d, discriminators, terms["discriminator"], p.grad_clip, epoch, metas)

            # 2. the generator learns to match the spectrum and to pass for clean
            mine = compare(restored, clean, n_samples, bandwidth_hz)
            if gan:
                discriminators.requires_grad_(False)
                scores_restored, maps_restored = discriminators(restored)
                with torch.no_grad():
                    _, maps_clean = discriminators(clean)
                mine["adversarial"] = losses.adversarial(scores_restored)
                mine["features"] = losses.features(maps_restored, maps_clean)
            norm = descend(adam_g, generator, losses.weighted_sum(mine, weights), p.grad_clip, epoch, metas)
            discriminators.requires_grad_(True)
            terms = {name: term.detach() for name, term in (terms | mine).items()} | {"grad_norm": norm}
            seen.append((len(metas), terms))

        # 3. say what happened, keep what was learned
        seconds = time.perf_counter() - started
        record = {f"train/{name}": mean(seen, name) for name in seen[0][1]}
        record |= {"train/lr": adam_g.param_groups[0]["lr"], "time/epoch_s": seconds}
        record["time/audio_per_s"] = len(segments) * p.segment_length / SAMPLE_RATE / seconds
        history.append(record | judge(generator, discriminators, epoch))
        keep(out, parts, history, p, about, run)
        samples(p, rows["valid"], judge.restored, epoch, out, run)
        say(line(history[-1], p.epochs))
    return pd.DataFrame(history)


class Validation:
    """Scores a generator on whole validation utterances, each seen once, in eval mode, without any update.

    Calling it returns one record: `valid/<loss term>` (the GAN's too, before it starts as well), `valid/<score>` and
    `valid/gap_closed` on at most `n_valid_scored` fixed items, `valid/clean_above_enhanced` (the share of pairs in which
    the discriminators score clean above enhanced). `restored` keeps the last output by item id.
    """

    def __init__(self, p, rows: pd.DataFrame, compare: nn.Module, device: str):
        self.p, self.rows, self.compare, self.device = p, list(rows.itertuples(index=False)), compare, device
        self.scored = set(rows.id.sample(min(p.n_valid_scored, len(rows)), random_state=0))
        self.restored: dict[str, np.ndarray] = {}
        self.enhanced_scores: list[dict] | None = None

    @torch.no_grad()
    def __call__(self, generator: nn.Module, discriminators: nn.Module, epoch: int) -> dict:
        generator.eval(), discriminators.eval()
        seen, enhanced_jobs, restored_jobs = [], [], []
        for row in progress(self.rows, f"validation {epoch}/{self.p.epochs}"):
            whole = pairs.load(self.p.corpus, row)
            signals = (torch.from_numpy(whole[name])[None, None] for name in ("enhanced", "noisy", "clean"))
            enhanced, noisy, clean = (signal.to(self.device) for signal in signals)
            n_samples, bandwidth_hz = lengths_and_bandwidths([row._asdict()], self.device)
            inputs = torch.cat([enhanced, noisy], dim=1) if self.p.condition_on_noisy else enhanced
            out = restore(generator, inputs)
            self.restored[row.id] = out[0, 0].cpu().numpy()
            if row.id in self.scored:
                restored_jobs.append((self.restored[row.id], whole["clean"], row.bandwidth_hz))
                enhanced_jobs.append((whole["enhanced"], whole["clean"], row.bandwidth_hz))

            restored, enhanced, clean = (losses.band_limit(x, bandwidth_hz) for x in (out, enhanced, clean))
            scores_clean, maps_clean = discriminators(clean)
            scores_restored, maps_restored = discriminators(restored)
            scores_enhanced, _ = discriminators(enhanced)
            on_clean, on_restored, on_enhanced = map(score, (scores_clean, scores_restored, scores_enhanced))
            seen.append((1, self.compare(restored, clean, n_samples, bandwidth_hz) | {
                "adversarial": losses.adversarial(scores_restored),
                "features": losses.features(maps_restored, maps_clean),
                "discriminator": losses.discriminator(scores_clean, scores_restored),
                "clean_above_enhanced": (on_clean > on_enhanced).float().mean(),
                "clean_above_restored": (on_clean > on_restored).float().mean(),
            }))  # fmt: skip
        generator.train(), discriminators.train()

        n_processes = 2 if len(restored_jobs) > 4 else 1
        if self.enhanced_scores is None:
            self.enhanced_scores = metrics.score_all(enhanced_jobs, SAMPLE_RATE, n_processes, SELECTION)
        scores = metrics.score_all(restored_jobs, SAMPLE_RATE, n_processes, SELECTION)
        ours, before = pd.DataFrame(scores), pd.DataFrame(self.enhanced_scores)
        ideal = {name: np.full(len(ours), metrics.BEST[name]) for name in SELECTION}
        gaps = {name: metrics.gap_closed(ours[name], before[name], ideal[name]) for name in SELECTION}
        record = {"epoch": epoch} | {f"valid/{name}": mean(seen, name) for name in seen[0][1]}
        record |= {f"valid/{name}": float(ours[name].mean()) for name in SELECTION}
        record |= {f"valid/gap_closed_{name}": gap for name, gap in gaps.items()}
        return record | {"valid/gap_closed": float(np.mean(list(gaps.values())))}


def mixtures(p, rows: pd.DataFrame) -> data.Mixtures:
    """The utterances and noises of these rows, to be mixed anew in every epoch, with the SNRs and levels of their corpus.

    Each mixture has a second before its segment, in which DeepFilterNet3 warms up, and its delay behind it. Utterances that
    leave less than half a segment then are not used. There are no rooms.

    Raises:
        ValueError: the folders that the corpus was made from are gone, or hold own pairs, or no utterance is long enough.
    """
    given, settings = pairs.stored_sources(p.corpus), pairs.stored_settings(p.corpus)
    if given.noisy:
        raise ValueError(
            f"on_the_fly: {p.corpus} holds pairs that were not mixed here, so there is no noise to mix with"
        )
    bandwidth_hz = {given.speech / row.clean_path: row.bandwidth_hz for row in rows.itertuples()}
    noise = sorted({given.noise / path for path in rows.noise_path})
    if gone := [path for path in [*bandwidth_hz, *noise] if not path.exists()]:
        raise ValueError(f"on_the_fly: {gone[0]} is gone, one of {len(gone)} files that {p.corpus} was made from")
    speech = dict(zip(sources.at_48_khz(list(bandwidth_hz)), bandwidth_hz.values(), strict=True))
    least = LEAD + p.segment_length // 2
    long = {path: hz for path, hz in speech.items() if audio.info(path).n_samples >= least}
    if not long:
        raise ValueError(f"on_the_fly: no utterance of {p.corpus} has {least} samples: use a shorter segment_length")
    if len(long) < len(speech):
        say(f"{len(speech) - len(long)} of {len(speech)} utterances are too short for on_the_fly and are not used")
    scale = settings["scale_min"], settings["scale_max"]
    length = LEAD + p.segment_length + deepfilter.DELAY
    return data.Mixtures(list(long), sources.at_48_khz(noise), length, p.seed, settings["snr_db"], scale, long)


def enhanced_now(batch: tuple, length: int, device: str) -> tuple[Tensor, Tensor, Tensor, list[dict]]:
    """A batch of `Mixtures` as one of `PairSegments`: DeepFilterNet3 runs here, warm, on `device`; `length` samples each."""
    noisy, clean, _, metas = batch
    noisy, clean = (F.pad(x, (0, LEAD + length + deepfilter.DELAY - x.shape[-1])).to(device) for x in (noisy, clean))
    enhanced = deepfilter.load(device=device)(noisy[:, 0])[0][:, None, LEAD + deepfilter.DELAY :]
    metas = [meta | {"id": meta["clean_path"], "n_samples": min(meta["noisy_len"] - LEAD, length)} for meta in metas]
    return enhanced, noisy[..., LEAD : LEAD + length], clean[..., LEAD : LEAD + length], metas


def build(p) -> nn.Module:
    """The generator that the parameters (params.Train, or a checkpoint's) describe."""
    return make(p.architecture, p.channels, p.hidden, p.condition_on_noisy)


def choose_device(name: str) -> str:
    """`auto`: CUDA when there is one. Raises `ValueError` if CUDA is asked for and missing."""
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("device = 'cuda', but torch finds no CUDA device here: use device = 'auto' or 'cpu'")
    return "cuda" if name != "cpu" and torch.cuda.is_available() else "cpu"


def learning_rate(peak: float, step: int, n_steps: int) -> float:
    """Linear warm-up, then a cosine down to 5 %; a function of the step alone, so a resume changes nothing.

    >>> [round(learning_rate(1.0, step, 1_000), 3) for step in (0, 99, 550, 1_000)]
    [0.01, 1.0, 0.525, 0.05]
    """
    warm = min(WARM_UP, n_steps // 10) or 1
    if step < warm:
        return peak * (step + 1) / warm
    way = min(1.0, (step - warm) / max(1, n_steps - warm))
    return peak * (LAST_LR + (1 - LAST_LR) * 0.5 * (1 + math.cos(math.pi * way)))


def descend(adam: torch.optim.Optimizer, part: nn.Module, loss: Tensor, clip: float, epoch: int, metas: list) -> Tensor:
    """One optimiser step; returns the gradient's norm before clipping. A loss that is not finite names its items."""
    adam.zero_grad()
    loss.backward()
    norm = nn.utils.clip_grad_norm_(part.parameters(), clip)
    if not torch.isfinite(norm):
        items = ", ".join(f"{meta['id']} from {meta['start']}" for meta in metas)
        raise FloatingPointError(f"epoch {epoch}: loss {loss.item()}, gradient norm {norm.item()} on {items}")
    adam.step()
    return norm.detach()


def lengths_and_bandwidths(metas: list[dict], device: str) -> tuple[Tensor, Tensor]:
    """True lengths in samples and bandwidths in Hz of a batch, each `[B]`."""
    n_samples = torch.tensor([meta["n_samples"] for meta in metas], device=device)
    return n_samples, torch.tensor([meta["bandwidth_hz"] for meta in metas], dtype=torch.float32, device=device)


def mean(seen: list[tuple[int, dict]], name: str) -> float:
    """Mean over items of a term that batches of unlike size report.

    >>> mean([(3, {"l1": torch.tensor(1.0)}), (1, {"l1": torch.tensor(5.0)})], "l1")
    2.0
    """
    return float(sum(n * terms[name] for n, terms in seen) / sum(n for n, _ in seen))


def keep(out: Path, parts: dict, history: list[dict], p, about: dict, run) -> None:
    """Record the epoch and write its checkpoints: `last.pt` to go on from, `best.pt` if there was none as good."""
    record = history[-1]
    best = max(history, key=lambda past: past["valid/gap_closed"])
    record |= {"best/gap_closed": best["valid/gap_closed"], "best/epoch": best["epoch"]}
    common = {"epoch": record["epoch"], "history": history, "params": p.model_dump(), "about": about}
    if best is record:  # before `last`: a run killed in between repeats the epoch
        save(out / "best.pt", common | {"generator": parts["generator"].state_dict()})
        run.file(out / "best.pt", "checkpoints")
    save(out / "last.pt", common | {name: part.state_dict() for name, part in parts.items()})
    run.file(out / "last.pt", "checkpoints")
    run.metrics(*recorded(record))


def recorded(record: dict) -> tuple[dict, int]:
    """The values of an epoch and its number, as a run takes them."""
    return {name: value for name, value in record.items() if name != "epoch"}, record["epoch"]


def save(path: Path, content: dict) -> None:
    """Write a checkpoint that appears whole or not at all."""
    part = path.with_suffix(".part")
    torch.save(content, part)
    part.replace(path)


def samples(p, rows: pd.DataFrame, restored: dict[str, np.ndarray], epoch: int, out: Path, run) -> None:
    """Audio and spectrograms of the first validation items, to hear and see a run while it trains."""
    for row in list(rows.itertuples(index=False))[: p.n_samples_logged]:
        signals = audio.within_full_scale(pairs.load(p.corpus, row) | {"restored": restored[row.id]})
        where = f"samples/{row.id}"
        if epoch == 1:
            for name in pairs.SIGNALS:
                run.file(pairs.folder(p.corpus) / getattr(row, name), f"{where}/{name}")
        run.file(audio.write(out / f"restored_{epoch:03d}.flac", signals["restored"], SAMPLE_RATE), where)
        order = {name: signals[name] for name in ("noisy", "enhanced", "restored", "clean")}
        figure = spectra.spectrograms(order, SAMPLE_RATE, f"{row.id}, epoch {epoch}", row.bandwidth_hz)
        figure.savefig(out / f"spectrograms_{epoch:03d}.png", dpi=100)
        run.file(out / f"spectrograms_{epoch:03d}.png", where)


def line(record: dict, epochs: int) -> str:
    """One epoch in a line, for terminal and notebook."""
    terms = ", ".join(f"{name} {record[f'train/{name}']:.3f}" for name in (*losses.NAMES, "adversarial", "features")
                      if f"train/{name}" in record)  # fmt: skip
    scores = (
        f"LSD {record['valid/lsd_db']:.2f} dB, MCD {record['valid/mcd_db']:.2f} dB, PESQ {record['valid/pesq']:.2f}"
    )
    return (
        f"epoch {record['epoch']}/{epochs}: train {terms} | valid {scores}, gap closed {record['valid/gap_closed']:+.1%}"
        f" (best {record['best/gap_closed']:+.1%} in epoch {record['best/epoch']})"
    )
