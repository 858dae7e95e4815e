"""What is trained on piano and other instruments: the joined corpus, the joined settings."""

from __future__ import annotations

import copy

from conftest import ROOT, write_toy_part

from pianoalign_lib.common.config import corpus_paths, load_params, training_config
from pianoalign_lib.corpora.recordings import load_recording, read_index
from training.joint.corpora import JOINT, VARIANT, join_corpora, joint_params
from training.localizer.training import training_run


def test_both_corpora_stand_side_by_side_without_the_tests(toy_project):
    root = toy_project.root
    other = corpus_paths("strings", root)
    write_toy_part(other.split("train"), [("s0", "train", "")])
    write_toy_part(other.split("eval"), [("s1", "validation", ""), ("s2", "test", "harp")])
    for _ in range(2):  # again changes nothing
        join_corpora(root)
    joined = corpus_paths(JOINT, root)
    names = {
        part: {row.recording for row in read_index(joined.split(part))}
        for part in ("train", "eval")
    }
    assert names == {"train": {"t0", "t1", "t2", "s0"}, "eval": {"v0", "s1"}}
    for row in read_index(joined.split("train")):
        audio, notes = load_recording(joined.split("train"), row)
        assert len(audio) and len(notes) == row.n_notes


def test_what_is_said_of_the_localizer_is_laid_over_its_own_settings():
    params = load_params(ROOT)
    before = copy.deepcopy(params)
    settings = joint_params(params)["localizer"]
    assert params == before
    assert settings["copies"] == {"demo": 1, "maps": 1, "quiet": 1, "strings": 2}
    assert abs(sum(settings["share"].values()) - 1.0) < 1e-9
    assert settings["validation"]["corpora"] == ["demo", "quiet", "strings"]
    run = training_run(joint_params(params), VARIANT)
    assert run.start == "localizer" and set(run.corpora) == set(settings["share"])
    assert set(run.corpora) == set(settings["copies"])


def test_the_piano_is_heard_as_often_as_by_the_network_of_demo():
    own, joint = (training_config(load_params(ROOT, name), "crnn") for name in ("demo", JOINT))
    assert joint.epochs > own.epochs
    assert {**vars(own), "epochs": 0} == {**vars(joint), "epochs": 0}
