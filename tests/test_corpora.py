"""The demo corpus: splits, checksums, sample-exact rendering, rooms that move nothing."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import ClickPiano

from pianoalign_lib.common.config import load_params
from pianoalign_lib.common.errors import CorpusError
from pianoalign_lib.common.files import sha256_file
from pianoalign_lib.corpora import performances, rooms
from pianoalign_lib.corpora.demo import render as rendering
from pianoalign_lib.corpora.pianos import load_piano, measure_attack_s
from pianoalign_lib.corpora.recordings import audio_path, load_recording, notes_path, read_index
from pianoalign_lib.io.audio import SAMPLE_RATE, load_audio
from pianoalign_lib.io.notes import note_table


@pytest.fixture
def small_demo(toy_project, monkeypatch):
    """Return folders and parameters of a demo corpus of short clicking performances."""
    rng = np.random.default_rng(0)
    onset_s = np.arange(0.5, 20.0, 0.25)
    notes = note_table(
        rng.integers(40, 80, len(onset_s)), [64] * len(onset_s), onset_s, onset_s + 0.2
    )
    notes["sound_end_s"] = notes["offset_s"] + 0.1
    for module in (rendering, performances):
        monkeypatch.setattr(module, "read_performance", lambda _midi: notes)
    monkeypatch.setattr(rendering, "fetched", lambda path, _corpus: path)
    monkeypatch.setattr(rendering, "load_piano", lambda *_, **__: ClickPiano())
    params = load_params() | {
        "demo": {
            "seed": 1,
            "excerpt_s": 10,
            "performances": {"train": [1], "validation": [2], "test": [3]},
            "pianos": {"train": ["a"], "test": ["b"]},
            "validation_excerpts": 1,
            "snr_db": [25, 50],
            "dry_share": 0.0,
        }
    }
    return toy_project, params


def test_labels_lie_on_the_clicks(small_demo):
    """The true onsets are the very samples on which a click piano sounds, rooms included."""
    paths, params = small_demo
    rendering.render(paths, params, "eval", jobs=1)
    folder = paths.split("eval")
    for recording in read_index(folder, split="test"):
        audio, notes = load_recording(folder, recording)
        for onset_s in notes["onset_s"]:
            sample = round(onset_s * SAMPLE_RATE)
            around = np.abs(audio[sample - 160 : sample + 160])
            assert abs(int(around.argmax()) - 160) <= 16, recording  # 1 ms


def test_splits_share_no_performance_and_no_test_piano(small_demo):
    paths, params = small_demo
    for part in ("eval", "train"):
        rendering.render(paths, params, part, jobs=1)
    rows = read_index(paths.split("eval")) + read_index(paths.split("train"))
    by_split = {
        split: {(row.performance, row.piano) for row in rows if row.split == split}
        for split in ("train", "validation", "test")
    }
    performances = {split: {p for p, _ in pairs} for split, pairs in by_split.items()}
    assert not performances["train"] & (performances["test"] | performances["validation"])
    assert not performances["validation"] & performances["test"]
    assert {piano for _, piano in by_split["test"]} == {"b"}
    assert "b" not in {piano for _, piano in by_split["train"]}


def test_the_parameters_keep_the_splits_apart(repository):
    settings = load_params(repository)["demo"]
    rendering.check_split(settings)
    assert len(settings["performances"]["test"]) >= 3 and settings["pianos"]["test"] == ["iowa"]
    leak = settings | {"pianos": {"train": ["iowa", "florestan"], "test": ["iowa"]}}
    with pytest.raises(CorpusError, match="in training and in test"):
        rendering.check_split(leak)
    twice = settings | {"performances": {"train": [1], "test": [1]}}
    with pytest.raises(CorpusError, match="in two splits"):
        rendering.check_split(twice)


def test_rendering_again_changes_no_byte_and_goes_on_after_a_stop(small_demo):
    paths, params = small_demo
    folder = paths.split("eval")
    rendering.render(paths, params, "eval", jobs=1)
    before = {path: sha256_file(path) for path in folder.rglob("*") if path.is_file()}
    victim = audio_path(folder, read_index(folder)[0].recording)
    victim.write_bytes(victim.read_bytes()[:100])  # as if stopped while another tool wrote it
    (folder / "recordings.csv").unlink()
    rendering.render(paths, params, "eval", jobs=1)
    assert {path: sha256_file(path) for path in folder.rglob("*") if path.is_file()} == before


def test_missing_sources_are_named(toy_project):
    with pytest.raises(CorpusError, match=r"maestro_2\.mid: not found; .*fetch --corpus demo"):
        rendering.render(toy_project, load_params(), "eval", jobs=1)
    with pytest.raises(CorpusError, match=r"iowa\.zip: not found; .*fetch --corpus demo"):
        load_piano("iowa", toy_project.sources)
    with pytest.raises(CorpusError, match="unknown piano 'bechstein'"):
        load_piano("bechstein", toy_project.sources)


def test_broken_parts_are_named(toy_project):
    folder = toy_project.split("eval")
    recording = read_index(folder)[0]
    audio = audio_path(folder, recording.recording)
    whole = audio.read_bytes()
    audio.write_bytes(whole[:-10])
    with pytest.raises(CorpusError, match=f"{recording.recording}.flac: missing or not the file"):
        load_recording(folder, recording)
    audio.write_bytes(whole)
    notes_path(folder, recording.recording).write_bytes(b"no parquet")
    with pytest.raises(CorpusError, match="parquet: missing or corrupt"):
        load_recording(folder, recording)
    (folder / "recordings.csv").write_text("nonsense\n1\n")
    with pytest.raises(CorpusError, match="is no index"):
        read_index(folder)
    (folder / "recordings.csv").unlink()
    with pytest.raises(CorpusError, match="not found; run"):
        read_index(folder)


def test_a_room_moves_no_onset():
    """The direct sound stays on its sample; only what comes after it is added."""
    for seed in range(5):
        rng = np.random.default_rng(seed)
        response, _ = rooms.draw_room(rng)
        assert np.abs(response).argmax() <= 1
        click = np.zeros(SAMPLE_RATE, dtype=np.float32)
        click[5000] = 1.0
        heard = rooms.equalise(rooms.apply_room(click, response), rng)
        assert abs(int(np.abs(heard).argmax()) - 5000) <= 1


def test_noise_has_the_asked_level():
    rng = np.random.default_rng(0)
    tone = np.sin(np.arange(SAMPLE_RATE)).astype(np.float32)
    noise = rooms.add_noise(tone, 20.0, rng) - tone
    ratio_db = 10 * np.log10(np.mean(tone**2) / np.mean(noise**2))
    assert ratio_db == pytest.approx(20.0, abs=0.01)


def test_the_attack_is_the_first_sample_above_five_percent():
    note = np.concatenate([np.zeros(160), np.linspace(0, 1, 100), np.ones(1000)])
    assert measure_attack_s(note, SAMPLE_RATE) == pytest.approx((160 + 5) / SAMPLE_RATE)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "no such file"),
        (lambda path: path.write_bytes(b""), "not readable as audio"),
        (lambda path: path.write_bytes(b"no audio at all" * 99), "not readable as audio"),
        (lambda path: _wav(path, np.zeros(0)), "holds no samples"),
        (lambda path: _wav(path, np.zeros(1600)), "is silent"),
        (lambda path: _wav(path, np.full(1600, np.nan)), "not numbers"),
    ],
)
def test_unusable_audio_is_one_clear_error(tmp_path, make, message):
    path = tmp_path / "take.wav"
    make(path)
    with pytest.raises(Exception, match=rf"take\.wav: .*{message}") as caught:
        load_audio(path)
    assert type(caught.value).__name__ == "InputError" and "\n" not in str(caught.value)


def _wav(path, samples):
    import soundfile as sf

    sf.write(path, samples, 44_100, subtype="FLOAT")


def test_stereo_at_another_rate_becomes_mono_on_the_same_time(tmp_path):
    import soundfile as sf

    stereo = np.zeros((48_000, 2))
    stereo[24_000, 1] = 1.0
    sf.write(tmp_path / "a.wav", stereo, 48_000, subtype="FLOAT")
    audio = load_audio(tmp_path / "a.wav")
    assert len(audio) == SAMPLE_RATE and audio.argmax() == SAMPLE_RATE // 2
