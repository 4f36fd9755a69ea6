"""Training: one batch is learned by heart, a resumed run equals an uninterrupted one, the GAN starts when it should."""

import numpy as np
import pytest
import torch
from signals import good_sources

from lib import data, deepfilter, losses, pairs, params, plan, restore, sources, train
from lib.generator import restore as apply


class Recorder:
    """What a run records, kept in memory: the interface that `lib.tracking` has."""

    def __init__(self):
        self.values, self.files = [], []

    def metrics(self, values, step):
        self.values.append((step, values))

    def file(self, path, folder=""):
        assert path.exists()
        self.files.append(f"{folder}/{path.name}")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    root = good_sources(tmp_path_factory.mktemp("sources"))
    p = params.build(params.Prepare, {"corpus": "train", "items_per_utterance": 1, "p_reverb": 0, "n_processes": 1})
    folders = sources.choose(root / "speech", root / "noise", root / "rooms")
    manifest = pairs.render("train", plan.draw(p, folders), folders)
    return pairs.folder("train"), {split: pairs.usable(manifest, split) for split in ("train", "valid")}


def settings(**given):
    small = {
        "corpus": "train",
        "channels": 6,
        "batch_size": 4,
        "segment_length": 9_600,
        "n_samples_logged": 1,
        "device": "cpu",
        "n_valid_scored": 2,
    }
    return params.build(params.Train, small | given)


def run(p, corpus, out):
    recorder = Recorder()
    return train.train(p, corpus[1], out, recorder, {"corpus": "train"}), recorder


def weights(out):
    return torch.load(out / "last.pt", weights_only=True)


def same(first, second):
    for name in ("generator", "discriminators"):
        for key, value in first[name].items():
            torch.testing.assert_close(value, second[name][key], rtol=0, atol=0, msg=f"{name} {key}")


def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(corpus, tmp_path, monkeypatch):
    p = settings(epochs=3, gan_start_epoch=2)
    history, recorder = run(p, corpus, tmp_path / "whole")

    def killed(*args):
        raise KeyboardInterrupt  # while the second epoch is validated: after its steps, before its checkpoint

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        calls = iter([train.Validation.__call__] * 2 + [killed])
        patch.setattr(train.Validation, "__call__", lambda *args, **named: next(calls)(*args, **named))
        run(p, corpus, tmp_path / "cut")
    assert weights(tmp_path / "cut")["epoch"] == 1
    resumed, _ = run(p, corpus, tmp_path / "cut")

    same(weights(tmp_path / "whole"), weights(tmp_path / "cut"))
    timeless = [name for name in history if not name.startswith("time/")]
    assert history[timeless].equals(resumed[timeless])
    assert [step for step, _ in recorder.values] == [0, 1, 2, 3]
    assert "checkpoints/best.pt" in recorder.files and "checkpoints/last.pt" in recorder.files


def test_the_discriminators_join_in_gan_start_epoch(corpus, tmp_path):
    history, _ = run(settings(epochs=2, gan_start_epoch=2), corpus, tmp_path / "joins")
    assert history["train/adversarial"].isna().tolist() == [True, True, False]
    assert history["valid/adversarial"].notna().all()  # measured before, too
    before, after = (
        run(settings(epochs=e, gan_start_epoch=2), corpus, tmp_path / f"{e}") and weights(tmp_path / f"{e}")
        for e in (0, 1)
    )
    for key, value in before["discriminators"].items():
        assert torch.equal(value, after["discriminators"][key])  # untouched while the generator trains alone
    assert any(not torch.equal(value, after["generator"][key]) for key, value in before["generator"].items())


def test_no_epoch_only_validates_and_leaves_the_enhanced_signal(corpus, tmp_path):
    history, _ = run(settings(epochs=0), corpus, tmp_path)
    assert list(history.epoch) == [0] and abs(history["valid/gap_closed"][0]) < 0.01
    row = next(corpus[1]["valid"].itertuples(index=False))
    signals = pairs.load("train", row)
    generator = restore.load(tmp_path / "best.pt")
    restored = restore.restore(generator, signals["enhanced"], signals["noisy"])
    assert restored.shape == signals["enhanced"].shape
    error = np.mean((restored - signals["enhanced"]) ** 2) / np.mean(signals["enhanced"] ** 2)
    assert 10 * np.log10(error) < -40


def test_one_batch_is_learned_by_heart(corpus):
    torch.manual_seed(0)
    segments = data.PairSegments(corpus[0], corpus[1]["train"], 9_600, seed=0)
    enhanced, noisy, clean, metas = data.collate_keep_meta([segments[(1, index)] for index in range(4)])
    generator, compare = train.build(settings()), losses.Terms(("spectral",))
    adam = torch.optim.AdamW(generator.parameters(), 3e-3)
    n_samples, bandwidth_hz = train.lengths_and_bandwidths(metas, "cpu")
    seen = []
    for _ in range(60):
        restored = apply(generator, torch.cat([enhanced, noisy], dim=1))
        loss = compare(restored, clean, n_samples, bandwidth_hz)["spectral"]
        seen.append(train.descend(adam, generator, loss, 10.0, 1, metas) and loss.item())
    assert seen[-1] < 0.7 * seen[0]


def test_best_is_the_epoch_with_the_highest_gap_closed(corpus, tmp_path):
    history, _ = run(settings(epochs=2, gan_start_epoch=9), corpus, tmp_path)
    best = torch.load(tmp_path / "best.pt", weights_only=True)
    assert best["epoch"] == history.epoch[history["valid/gap_closed"].idxmax()]
    assert history["best/gap_closed"].iloc[-1] == history["valid/gap_closed"].max()


def test_a_loss_that_is_not_finite_names_its_items(corpus, tmp_path):
    with pytest.raises(FloatingPointError, match=r"epoch 1: loss .* on speaker\d_s\d_0 from \d+"):
        run(settings(epochs=1, lambda_l1=1e39), corpus, tmp_path)


def test_cuda_is_refused_where_there_is_none():
    if torch.cuda.is_available():
        assert train.choose_device("auto") == "cuda"
    else:
        assert train.choose_device("auto") == "cpu"
        with pytest.raises(ValueError, match="no CUDA device"):
            train.choose_device("cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_training_runs_on_cuda(corpus, tmp_path):
    history, _ = run(settings(epochs=2, gan_start_epoch=2, device="cuda"), corpus, tmp_path)
    assert np.isfinite(history["valid/gap_closed"]).all()


def test_what_is_no_checkpoint_is_refused_by_name(tmp_path):
    (tmp_path / "text.pt").write_text("no checkpoint")
    torch.save({"generator": {}}, tmp_path / "foreign.pt")
    for name in ("text.pt", "foreign.pt", "missing.pt"):
        with pytest.raises(ValueError, match=f"{name}: not a checkpoint"):
            restore.load(tmp_path / name)


def test_mixing_on_the_fly_hears_what_deepfilternet3_makes_of_the_whole(corpus):
    dataset = train.mixtures(settings(on_the_fly=True), corpus[1]["train"])
    assert len(dataset) == len(set(corpus[1]["train"].clean_path))
    items = [dataset[1, index] for index in range(3)]
    enhanced, noisy, clean, metas = train.enhanced_now(data.collate_keep_meta(items), 9_600, "cpu")
    assert enhanced.shape == noisy.shape == clean.shape == (3, 1, 9_600)
    for i, (mixed, target, _, _) in enumerate(items):
        whole = deepfilter.enhance(mixed[0].numpy())
        segment = slice(train.LEAD, train.LEAD + metas[i]["n_samples"])
        n = metas[i]["n_samples"] - deepfilter.DELAY  # at its end the padded mixture and the mirrored one differ
        np.testing.assert_allclose(enhanced[i, 0, :n], whole[segment][:n], atol=2e-3)
        assert torch.equal(clean[i, 0, : metas[i]["n_samples"]], target[0, segment])
        assert metas[i]["bandwidth_hz"] > 10_000 and metas[i]["id"] == metas[i]["clean_path"]


def test_mixing_on_the_fly_trains_the_same_twice(corpus, tmp_path):
    whole, _ = run(settings(epochs=2, gan_start_epoch=9, on_the_fly=True), corpus, tmp_path / "whole")
    assert np.isfinite(whole["train/spectral"][1:]).all() and whole["train/l1"].nunique() == 2
    run(settings(epochs=2, gan_start_epoch=9, on_the_fly=True), corpus, tmp_path / "again")
    same(weights(tmp_path / "whole"), weights(tmp_path / "again"))


def test_mixing_on_the_fly_without_its_sources_is_refused_by_name(corpus, monkeypatch):
    rows = corpus[1]["train"].assign(clean_path="speaker0/gone.wav")
    with pytest.raises(ValueError, match=r"on_the_fly: .*gone.wav is gone, one of 1 files"):
        train.mixtures(settings(on_the_fly=True), rows)
    with pytest.raises(ValueError, match=r"on_the_fly: no utterance of train has \d+ samples"):
        train.mixtures(settings(on_the_fly=True, segment_length=480_000), corpus[1]["train"])


def test_every_term_architecture_and_judge_can_be_chosen(corpus, tmp_path):
    given = {"architecture": "waveform", "hidden": 16, "discriminators": ["stft"], "high_weight": 2.0, "lambda_l1": 0.0}
    weights = {"lambda_complex": 20.0, "lambda_mel": 0.5, "lambda_over_attenuation": 0.5}
    history, _ = run(settings(epochs=1, gan_start_epoch=1, **given, **weights), corpus, tmp_path)
    trained = {
        name.removeprefix("train/") for name in history if name.startswith("train/") and history[name].notna().any()
    }
    assert {
        "spectral",
        "complex",
        "mel",
        "over_attenuation",
        "adversarial",
        "features",
    } <= trained and "l1" not in trained
    assert all(np.isfinite(history[f"valid/{name}"]).all() for name in losses.NAMES)
    assert type(restore.load(tmp_path / "best.pt")).__name__ == "Waveform"
