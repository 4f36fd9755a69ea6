"""What a training begins with: its pairs, and another run's checkpoint of the same networks."""

from types import SimpleNamespace

import pytest
from training.trainings import settings

from lib.corpus import manifest
from lib.tracking import store
from lib.training.setup import initial_checkpoint, training_data


class NewRun(SimpleNamespace):
    """Remembers its source, as a run does."""

    resumed, source_run = False, ""

    def source(self, run_id):
        self.source_run = run_id


@pytest.fixture
def finished(whole, monkeypatch):
    """The run `abc`, whose checkpoints are those of the uninterrupted training."""
    monkeypatch.setattr(store, "find", lambda name: "abc")
    monkeypatch.setattr(store, "download", lambda run, path: whole[0] / path.rpartition("/")[2])
    return whole[0]


def test_the_usable_rows_come_with_the_identity_of_their_data(rows):
    data, about = training_data(settings(), manifest.read("train"))
    assert {split: len(part) for split, part in data.items()} == {
        split: len(part) for split, part in rows.items()
    }
    assert about["corpus"] == "train" and len(about["manifest_sha256"]) == 64


def test_a_segment_longer_than_the_saved_pieces_is_refused(rows):
    pieces = manifest.read("train").assign(save_segment_length=4_800)
    with pytest.raises(ValueError, match="segment_length"):
        training_data(settings(), pieces)


def test_a_new_training_has_no_initial_checkpoint():
    assert initial_checkpoint(settings(), NewRun()) is None


def test_the_checkpoint_of_another_run_is_taken_and_remembered_as_source(finished):
    run = NewRun()
    assert initial_checkpoint(settings(init_run="latest"), run) == finished / "best.pt"
    assert run.source_run == "abc"


def test_other_networks_than_the_parameters_describe_are_refused_by_name(finished):
    with pytest.raises(ValueError, match=r"channels = 8: expected 6, as in run abc \(init_run\)"):
        initial_checkpoint(settings(init_run="latest", channels=8), NewRun())
    with pytest.raises(ValueError, match=r"discriminators = \['stft'\]: expected \['bands'"):
        given = {"init_discriminators": True, "discriminators": ["stft"]}
        initial_checkpoint(settings(init_run="latest", **given), NewRun())
