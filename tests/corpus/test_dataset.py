"""What MLflow is told of a corpus agrees with its manifest."""

from lib.corpus import dataset, manifest

ROWS = """id,split,speaker,snr_db,n_samples,noise_path,clipped_noisy,own_inverted,verdict
1,train,0170,-5.0,28800000,a.wav,0.0,False,ok
2,train,06701,10.0,28800000,,0.5,False,ok
3,test,06701,-inf,57600000,,0.0,True,ok
4,test,NA,5.0,57600000,,0.0,True,refused
"""


def test_columns_have_types_and_the_usable_pairs_are_counted():
    folder = manifest.corpus_folder("counted")
    folder.mkdir(parents=True)
    (folder / "manifest.csv").write_text(ROWS)
    about = dataset.description("counted")
    assert about["sha256"] == manifest.sha256("counted")
    # Names of digits are names.
    assert about["columns"] == {
        "id": "string",
        "split": "string",
        "speaker": "string",
        "snr_db": "double",
        "n_samples": "long",
        "noise_path": "string",
        "clipped_noisy": "double",
        "own_inverted": "boolean",
        "verdict": "string",
    }
    profile = about["profile"]
    whole = {"num_rows": 3, "refused": 1, "hours": 0.667, "speakers": 2, "snr_db": [-5.0, 2.5, 10]}
    assert {name: profile[name] for name in whole} == whole
    test = {"num_rows": 1, "hours": 0.333, "speakers": 1, "snr_db": []}
    assert profile["test"] == test
    assert profile["valid"]["num_rows"] == 0


def test_pairs_that_are_too_short_count_as_refused_as_they_do_in_a_training():
    """Corpora of before have them, with the verdict ok."""
    folder = manifest.corpus_folder("short")
    folder.mkdir(parents=True)
    short = "5,train,0170,0.0,4800,a.wav,0.0,False,ok\n"
    (folder / "manifest.csv").write_text(ROWS + short)
    profile = dataset.description("short")["profile"]
    usable = manifest.usable_rows(manifest.read("short"), "train")
    assert profile["train"]["num_rows"] == len(usable) == 2
    assert (profile["num_rows"], profile["refused"]) == (3, 2)


def test_a_corpus_that_was_prepared_has_all_columns_and_as_many_pairs(laws):
    about, table = dataset.description("laws"), laws[2]
    written = [name for name in table if name in about["columns"]]
    assert written == [*about["columns"]] and len(written) > 30
    assert about["profile"]["num_rows"] == (table.verdict == "ok").sum()
    assert about["profile"]["speakers"] == table.speaker[table.verdict == "ok"].nunique()
