"""All loss terms together: their gradients, and what must not be counted in them."""

import pytest
import torch
from losses.given import FULL_BAND, impulse, noise, tone, whole_length

from lib.losses.reconstruction import TERMS, ReconstructionLoss
from lib.losses.terms import band_limit


@pytest.mark.parametrize("name", TERMS)
@pytest.mark.parametrize(
    "make", [torch.zeros_like, torch.ones_like, lambda x: x, lambda x: -x, impulse]
)
@pytest.mark.parametrize(
    "clean",
    [tone(1_000), 0 * tone(1_000), impulse(tone(1_000))],
    ids=["tone", "silence", "impulse"],
)
def test_silence_full_scale_impulses_and_identical_signals_have_finite_gradients(name, make, clean):
    restored = make(clean).clone().requires_grad_()
    loss = ReconstructionLoss((name,))(restored, clean, whole_length(clean), FULL_BAND)
    loss[name].backward()
    assert torch.isfinite(restored.grad).all()


def test_over_attenuation_counts_what_is_missing_and_not_what_is_too_much():
    clean, loss = noise(0.3), ReconstructionLoss(("over_attenuation",))
    missing, too_much = (
        loss(gain * clean, clean, whole_length(clean), FULL_BAND)["over_attenuation"].item()
        for gain in (0.5, 2.0)
    )
    assert missing == pytest.approx(6.02, abs=0.05) and too_much == 0


def test_the_mel_term_is_a_distance_of_levels_in_db():
    clean = noise(0.3)
    loss = ReconstructionLoss(("mel",))(0.25 * clean, clean, whole_length(clean), FULL_BAND)
    assert loss["mel"].item() == pytest.approx(12.04, abs=0.05)


def test_an_unknown_term_is_an_error_that_lists_all_terms():
    with pytest.raises(KeyError, match=r"no loss term .*spektral.* the terms are l1, spectral"):
        ReconstructionLoss(("l1", "spektral"))


def test_padding_is_not_counted():
    clean = tone(1_000, n_samples=24_000)
    louder = clean / 2
    padded = [torch.nn.functional.pad(x, (0, 24_000)) for x in (louder, clean)]
    n_samples, loss = torch.tensor([24_000]), ReconstructionLoss()
    short, long = loss(louder, clean, n_samples, FULL_BAND), loss(*padded, n_samples, FULL_BAND)
    assert long["l1"].item() == pytest.approx(short["l1"].item())
    for name in TERMS:
        assert long[name].item() == pytest.approx(short[name].item(), rel=0.02), name


def test_the_batch_is_the_mean_of_its_items():
    generator = torch.Generator().manual_seed(0)
    clean, restored = (torch.randn(3, 1, 9_600, generator=generator) for _ in range(2))
    given = restored, clean, torch.tensor([9_600, 4_800, 7_000]), torch.tensor([24e3, 8e3, 11_025])
    loss = ReconstructionLoss(high_band_weight=2.0)
    items = [loss(*(values[i : i + 1] for values in given)) for i in range(3)]
    for name, value in loss(*given).items():
        torch.testing.assert_close(value, torch.stack([item[name] for item in items]).mean())


def test_no_term_counts_what_lies_above_the_bandwidth_or_behind_the_end():
    clean, limit, n_samples = tone(1_000), torch.tensor([8_000.0]), torch.tensor([24_000])
    loss = ReconstructionLoss(("spectral", "complex", "mel", "over_attenuation"))
    above = band_limit(clean + tone(15_000), limit)
    values = loss(above, band_limit(clean, limit), whole_length(clean), limit).values()
    assert all(value < 0.01 for value in values)
    behind = clean.clone()
    behind[..., 26_000:] = 0.9
    values = ReconstructionLoss()(behind, clean, n_samples, FULL_BAND).values()
    assert all(value < 1e-4 for value in values)
