"""Discriminators learn to hear what is missing, and they say where."""

import os
from pathlib import Path

import pytest
import torch
from signals import voiced

from lib.benchmarks import alignment
from lib.corpus import sources
from lib.losses.adversarial import discriminator_loss
from lib.models.discriminators import KINDS, Discriminators, mean_score, score_pair


def dulled(clean):
    """Clean speech behind a one-pole low-pass at 4 kHz, as a suppressor may leave it."""
    spectrum = torch.fft.rfft(clean)
    hz = torch.linspace(0, 24_000, spectrum.shape[-1])
    return torch.fft.irfft(spectrum / torch.sqrt(1 + (hz / 4_000) ** 2), n=clean.shape[-1])


def clean_speech(seeds):
    clean = torch.stack([torch.from_numpy(voiced(0.3, seed))[None] for seed in seeds])
    return clean / clean.square().mean(2, keepdim=True).sqrt()


def train(discriminators, pairs, learning_rate):
    """One step for each pair of batches (clean, other)."""
    adam = torch.optim.AdamW(discriminators.parameters(), learning_rate, betas=(0.8, 0.99))
    for clean, other in pairs:
        loss = discriminator_loss(*score_pair(discriminators, clean, other, other))
        adam.zero_grad()
        loss.backward()
        adam.step()


@torch.no_grad()
def share_of_clean_above(discriminators, clean, other):
    """In which share of the pairs the clean signal has the higher score."""
    above = mean_score(discriminators(clean, other)[0]) > mean_score(
        discriminators(other, other)[0]
    )
    return above.float().mean()


@pytest.mark.parametrize("kinds", [(kind,) for kind in KINDS])
def test_each_scores_clean_above_dulled_speech_in_at_least_80_percent_of_held_out_pairs(kinds):
    torch.manual_seed(0)
    discriminators = Discriminators(kinds, channels=8)
    batches = clean_speech(range(16)).split(4)
    clean_batches = [batches[step % 4] for step in range(60)]
    train(discriminators, [(clean, dulled(clean)) for clean in clean_batches], 1e-3)
    held_out = clean_speech(range(100, 120))
    assert share_of_clean_above(discriminators, held_out, dulled(held_out)) >= 0.8


@pytest.fixture(scope="module")
def real():
    """Segments `(clean, enhanced)` of one real voice at -5 to 15 dB, `[N, 1, 24000]`.

    200 to learn from, then 60 of other utterances.
    """
    if "RETIMBRE_AUDIO" not in os.environ:
        pytest.skip("RETIMBRE_AUDIO names no folder of real speech")
    root = Path(os.environ["RETIMBRE_AUDIO"])
    folders = sources.Sources(root / "speech" / "nathalie", root / "noise")
    snr_db = [-5.0, 0.0, 5.0, 10.0, 15.0]
    pairs = alignment.lag_pairs(folders, 130, snr_db, seed=3, max_lag=0)[:130]

    def segments(some_pairs, n_segments):
        cuts = [(pair, start) for pair in some_pairs for start in (0, 24_000)][:n_segments]
        return tuple(
            torch.stack(
                [
                    torch.from_numpy(getattr(pair, side)[start : start + 24_000])[None]
                    for pair, start in cuts
                ]
            )
            for side in ("reference", "estimate")
        )

    return segments(pairs[:100], 200), segments(pairs[100:], 60)


@pytest.mark.parametrize("kinds", [(kind,) for kind in KINDS])
def test_on_real_pairs_each_scores_clean_above_enhanced_within_200_steps(kinds, real):
    torch.manual_seed(0)
    (clean, enhanced), held_out = real
    discriminators = Discriminators(kinds)
    indices = [torch.arange(8 * step, 8 * step + 8) % len(clean) for step in range(200)]
    train(discriminators, [(clean[index], enhanced[index]) for index in indices], 5e-4)
    assert share_of_clean_above(discriminators, *held_out) >= 0.8


@pytest.mark.parametrize("n_samples", [4_800, 4_801, 14_407])
def test_lengths_that_no_period_divides_are_accepted(n_samples):
    scores, features = Discriminators(KINDS, channels=4)(*torch.randn(2, 3, 1, n_samples))
    assert len(scores) == 9 and all(len(part) == 3 and part.ndim == 2 for part in scores)
    assert all(torch.isfinite(maps).all() for part in features for maps in part)


@torch.no_grad()
def test_the_level_of_a_signal_does_not_change_its_score():
    torch.manual_seed(0)
    discriminators, x = Discriminators(KINDS, channels=4), 0.1 * torch.randn(2, 1, 4_800)
    soft, loud = (discriminators(gain * x, gain * x)[0] for gain in (0.5, 2.0))
    torch.testing.assert_close(soft, loud, atol=1e-5, rtol=1e-4)


def test_items_of_a_batch_do_not_hear_each_other():
    torch.manual_seed(0)
    discriminators, x = Discriminators(KINDS, channels=4), torch.randn(3, 1, 4_800)
    together = mean_score(discriminators(x, x)[0])
    alone = torch.cat([mean_score(discriminators(item[None], item[None])[0]) for item in x])
    torch.testing.assert_close(together, alone)


def test_one_batch_of_clean_and_restored_is_two_batches():
    torch.manual_seed(0)
    discriminators = Discriminators(KINDS, channels=4)
    clean, restored = torch.randn(2, 1, 4_800), torch.randn(2, 1, 4_800)
    on_clean, on_restored = score_pair(discriminators, clean, restored, clean)
    for scores, signals in ((on_clean, clean), (on_restored, restored)):
        alone, _ = discriminators(signals, clean)
        torch.testing.assert_close(scores, alone)


def test_sizes_and_kinds_are_chosen_by_name():
    assert len(Discriminators(KINDS, "gpu").parts) == 14
    assert len(Discriminators(("stft",)).parts) == 2
    with pytest.raises(
        KeyError, match=r"no discriminator .*stft2.* are period, scale, stft, bands"
    ):
        Discriminators(("stft2",))


@pytest.mark.parametrize("hear_enhanced", [True, False])
@torch.no_grad()
def test_enhanced_matters_where_it_is_heard(hear_enhanced):
    torch.manual_seed(0)
    discriminators = Discriminators(KINDS, channels=4, hear_enhanced=hear_enhanced)
    x, enhanced, other = torch.randn(3, 2, 1, 4_800)
    scores = [mean_score(discriminators(x, beside)[0]) for beside in (enhanced, other)]
    assert torch.equal(*scores) != hear_enhanced
