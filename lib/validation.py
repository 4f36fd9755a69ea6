"""How a generator does on the validation pairs while it trains: loss terms, scores, and what can be heard and seen of it."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from lib import audio, losses, metrics, pairs, scoring, spectra, stats
from lib.audio import SAMPLE_RATE
from lib.discriminators import score
from lib.generator import restore
from lib.hearing import lengths_and_bandwidths
from lib.progress import progress

SCORES = (*metrics.SELECTION, "si_sdr_db")


class Validation:
    """Scores a generator on whole validation utterances, each seen once, in eval mode, without any update.

    Calling it returns one record: `valid/<loss term>` (the GAN's too, before it starts as well), `valid/<score>` and
    `valid/gap_closed` on at most `n_valid_scored` fixed items, `valid/clean_above_enhanced` (the share of pairs in which
    the discriminators score clean above enhanced), `valid/score_<signal>` (what they give it: 1 is clean, 0 restored in
    training). `restored` keeps the last output of the items `logged`, by id.
    """

    def __init__(self, p, rows: pd.DataFrame, device: str):
        self.p, self.rows, self.device = p, list(rows.itertuples(index=False)), device
        self.compare = losses.Terms(high_weight=p.high_weight).to(device)
        self.logged = self.rows[: p.n_samples_logged]
        self.scored = set(rows.id.sample(min(p.n_valid_scored, len(rows)), random_state=0))
        self.restored: dict[str, np.ndarray] = {}
        self.enhanced_scores: list[dict] | None = None

    @torch.no_grad()
    def __call__(self, generator: nn.Module, discriminators: nn.Module, epoch: int) -> dict:
        discriminators.eval()  # the generator is the average, which always is
        seen, enhanced_jobs, restored_jobs = [], [], []
        for row in progress(self.rows, f"validation {epoch}/{self.p.epochs}"):
            whole = pairs.load(self.p.corpus, row)
            signals = (torch.from_numpy(whole[name])[None, None] for name in ("enhanced", "noisy", "clean"))
            enhanced, noisy, clean = (signal.to(self.device) for signal in signals)
            n_samples, bandwidth_hz = lengths_and_bandwidths([row._asdict()], self.device)
            inputs = torch.cat([enhanced, noisy], dim=1) if self.p.condition_on_noisy else enhanced
            out = restore(generator, inputs)
            mine = out[0, 0].cpu().numpy()
            if row in self.logged:
                self.restored[row.id] = mine
            if row.id in self.scored:
                restored_jobs.append((mine, whole["clean"], row.bandwidth_hz))
                enhanced_jobs.append((whole["enhanced"], whole["clean"], row.bandwidth_hz))

            restored, enhanced, clean = (losses.band_limit(x, bandwidth_hz) for x in (out, enhanced, clean))
            scores_clean, maps_clean = discriminators(clean)
            scores_restored, maps_restored = discriminators(restored)
            scores_enhanced, _ = discriminators(enhanced)
            on_clean, on_restored, on_enhanced = map(score, (scores_clean, scores_restored, scores_enhanced))
            seen.append(self.compare(restored, clean, n_samples, bandwidth_hz) | {
                "adversarial": losses.adversarial(scores_restored),
                "features": losses.features(maps_restored, maps_clean),
                "discriminator": losses.discriminator(scores_clean, scores_restored),
                "clean_above_enhanced": (on_clean > on_enhanced).float().mean(),
                "clean_above_restored": (on_clean > on_restored).float().mean(),
                "score_clean": on_clean.mean(), "score_restored": on_restored.mean(), "score_enhanced": on_enhanced.mean(),
            })  # fmt: skip
        discriminators.train()

        n_processes = 2 if len(restored_jobs) > 4 else 1
        if self.enhanced_scores is None:
            self.enhanced_scores = scoring.score_all(enhanced_jobs, SAMPLE_RATE, n_processes, SCORES)
        scores = scoring.score_all(restored_jobs, SAMPLE_RATE, n_processes, SCORES)
        ours, before = pd.DataFrame(scores), pd.DataFrame(self.enhanced_scores)
        ideal = {name: np.full(len(ours), metrics.BEST[name]) for name in metrics.SELECTION}
        gaps = {name: stats.gap_closed(ours[name], before[name], ideal[name]) for name in metrics.SELECTION}
        means = pd.DataFrame([{name: float(term) for name, term in terms.items()} for terms in seen]).mean()
        record = {"epoch": epoch} | {f"valid/{name}": float(mean) for name, mean in means.items()}
        record |= {f"valid/{name}": float(ours[name].mean()) for name in SCORES}
        record |= {f"valid/gap_closed_{name}": gap for name, gap in gaps.items()}
        return record | {"valid/gap_closed": float(np.mean(list(gaps.values())))}


def samples(p, judge: Validation, epoch: int, out: Path, run) -> None:
    """Audio and spectrograms of the first validation items, to hear and see a run while it trains."""
    for row in judge.logged:
        signals = audio.within_full_scale(pairs.load(p.corpus, row) | {"restored": judge.restored[row.id]})
        where = f"samples/{row.id}"
        if epoch == 0:
            for name in pairs.SIGNALS:
                run.file(pairs.folder(p.corpus) / getattr(row, name), f"{where}/{name}")
            continue
        run.file(audio.write(out / f"restored_{epoch:03d}.flac", signals["restored"], SAMPLE_RATE), where)
        order = {name: signals[name] for name in ("noisy", "enhanced", "restored", "clean")}
        figure = spectra.spectrograms(order, SAMPLE_RATE, f"{row.id}, epoch {epoch}", row.bandwidth_hz)
        figure.savefig(out / f"spectrograms_{epoch:03d}.png", dpi=100)
        run.file(out / f"spectrograms_{epoch:03d}.png", where)
