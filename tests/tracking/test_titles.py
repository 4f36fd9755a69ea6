"""Names of runs."""

from lib.config.train import Train
from lib.tracking import provenance, session
from lib.tracking.titles import run_title


def test_a_run_is_called_by_what_is_special_about_it(monkeypatch):
    def name(**given):
        run, _ = session.start("named", Train, given)
        run.finish()
        return run.name

    assert name() == name(epochs=12) == "defaults"
    source = "0123456789abcdef0123456789abcdef"
    assert name(epochs=2, init_run=source) == "epochs=2, init_run=01234567"
    assert name(discriminators=["scale", "stft"]) == "discriminators=scale+stft"
    monkeypatch.setenv(provenance.RUN_NAME_VARIABLE, "seed=3")
    assert name(epochs=2) == "seed=3"


def test_a_long_name_is_cut_at_100_letters_behind_its_short_parts():
    values = {"speech_pattern": "x" * 200, "speech_dir": "/some/where/speech"}
    title = run_title(values, {}, ("params/prepare/voices.yaml",))
    assert title.startswith("voices, speech_dir=speech, speech_pattern=xxx")
    assert title.endswith("...") and len(title) == 100
