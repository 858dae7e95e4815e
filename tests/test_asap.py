"""ASAP as training material: fetched, found, kept apart from what is tested on, and rendered."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pretty_midi
import pytest
import soundfile as sf

from pianoalign_lib.common.config import corpus_paths, load_params
from pianoalign_lib.common.errors import CorpusError
from pianoalign_lib.corpora.asap import folder, render
from pianoalign_lib.corpora.asap.pianos import (
    SALAMANDER_LAYERS,
    CalibratedPiano,
    SalamanderPiano,
    load_training_piano,
)
from pianoalign_lib.corpora.performances import read_performance
from pianoalign_lib.corpora.pianos import SoundFontPiano, measure_attack_s
from pianoalign_lib.corpora.recordings import load_recording, read_index
from pianoalign_lib.io.audio import SAMPLE_RATE
from pianoalign_lib.io.notes import note_table, write_midi
from tools import mark_overlaps as overlap

TIMGM6MB = Path(pretty_midi.__file__).with_name("TimGM6mb.sf2")


def blob(data: bytes) -> str:
    """Return git's own name of a file's contents."""
    command = ["git", "hash-object", "--stdin"]
    done = subprocess.run(command, input=data, capture_output=True, check=True)
    return done.stdout.decode().strip()


def music(seed: int, seconds: float = 20.0, shift: int = 0) -> pd.DataFrame:
    """Return random notes, ten per second, transposed by `shift`."""
    rng = np.random.default_rng(seed)
    onset_s = np.arange(0.0, seconds, 0.1)
    pitch = rng.integers(40, 80, len(onset_s)) + shift
    return note_table(pitch, rng.integers(20, 110, len(onset_s)), onset_s, onset_s + 0.3)


# --- kept apart ------------------------------------------------------------------------------


def test_another_performance_of_the_same_music_is_recognised() -> None:
    notes = music(1)
    rng = np.random.default_rng(0)
    played = notes.assign(onset_s=1.3 * notes["onset_s"] + rng.uniform(0, 0.04, len(notes)))
    played = played.drop(index=rng.choice(len(notes), 10, replace=False))
    transposed = played.assign(pitch=played["pitch"] + 5)
    held_out = {"tested": overlap.runs(notes), "other": overlap.runs(music(2))}
    for other in (played, transposed):
        assert "tested" in overlap.reason(overlap.runs(other), held_out)
    assert overlap.reason(overlap.runs(music(3)), held_out) == ""


def test_a_scale_is_nobodys_own() -> None:
    """Two pieces that both have scales, trills and repeated notes share nothing."""
    patterns = [np.arange(40, 80), np.tile([60, 62], 30), np.full(40, 64), np.arange(80, 40, -1)]
    pitch = np.concatenate(patterns)
    onset_s = 0.1 * np.arange(len(pitch))
    scales = overlap.runs(pd.DataFrame({"onset_s": onset_s, "pitch": pitch}))
    assert overlap.shared(scales, scales) < overlap.THRESHOLD or len(scales[0]) < 60
    moved = overlap.runs(pd.DataFrame({"onset_s": onset_s, "pitch": pitch[::-1]}))
    assert overlap.reason(scales, {"same scales": moved}) == ""


def test_the_committed_list_leaves_out_only_what_it_gives_reasons_for() -> None:
    table = folder.listed()
    excluded = table[table["excluded"] != ""]
    assert len(table) == 197 and table["blob"].is_unique and table["path"].is_unique
    assert len(folder.used()) == 197 - len(excluded)
    share = excluded["excluded"].str.extract(r"\((\d+) % of 12-note runs\)")[0].astype(int)
    assert (share >= 100 * overlap.THRESHOLD).all()
    # Known by their titles to be in MAPS's test sets: Chopin's op. 10 no. 1, chpn-e01.
    assert "Chopin/Etudes_op_10/1/SunY03M.mid" in set(excluded["path"])


# --- found -----------------------------------------------------------------------------------


@pytest.fixture
def listed_files(tmp_path, monkeypatch) -> dict[str, bytes]:
    """Make a list of three performances, one of them excluded, and return path → contents."""
    files = {}
    for seed, path in enumerate(["A/Suite_op.1/1-1/X.mid", "A/2/Y.mid", "B/left_out/Z.mid"]):
        write_midi(music(seed, 30.0), tmp_path / "made.mid")
        files[path] = (tmp_path / "made.mid").read_bytes()
    table = pd.DataFrame(
        {
            "path": list(files),
            "blob": [blob(data) for data in files.values()],
            "seconds": 30.0,
            "notes": 300,
            "excluded": ["", "", "same music as a test"],
        }
    )
    monkeypatch.setattr(folder, "listed", lambda: table)
    monkeypatch.delenv(folder.VARIABLE, raising=False)
    return files


def test_performances_are_found_by_contents_whatever_their_names(listed_files, tmp_path) -> None:
    place = tmp_path / "asap"
    for index, data in enumerate(listed_files.values()):
        (place / str(index)).mkdir(parents=True)
        (place / str(index) / "name.mid").write_bytes(data)
    found = folder.find_performances(place)
    assert [item.name for item in found] == ["A_Suite_op_1_1_1_X", "A_2_Y"]
    (place / "1" / "name.mid").write_bytes(b"another version")
    with pytest.raises(CorpusError, match=r"lacks 1 of the listed files of ASAP.*A/2/Y\.mid"):
        folder.find_performances(place)


def test_the_folder_is_the_one_given_the_variables_or_the_fetched(project, monkeypatch) -> None:
    paths, params = project
    with pytest.raises(CorpusError, match="elsewhere: no such folder"):
        render.render_asap(paths, params, jobs=1, folder="elsewhere")
    monkeypatch.setenv(folder.VARIABLE, "absent")
    with pytest.raises(CorpusError, match="absent: no such folder"):
        render.render_asap(paths, params, jobs=1)
    monkeypatch.delenv(folder.VARIABLE)
    paths.sources.rename(paths.data / "moved")
    with pytest.raises(CorpusError, match="ASAP is not here; .*data fetch --corpus asap"):
        render.render_asap(paths, params, jobs=1)


# --- pianos ----------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def attacks(tmp_path_factory) -> Path:
    """Return where TimGM6mb's attacks are kept, measured once for all tests."""
    kept = tmp_path_factory.mktemp("attacks") / "timgm6mb.npy"
    CalibratedPiano(TIMGM6MB, kept).attack_s(np.array([60]), np.array([64]))
    return kept


def spread_notes() -> pd.DataFrame:
    """Return single notes over keys and velocities, 1.5 s apart."""
    pitch = np.tile([24, 45, 60, 71, 88, 101], 5)
    velocity = np.repeat([12, 28, 47, 83, 121], 6)
    onset_s = 0.5 + 1.5 * np.arange(len(pitch))
    return note_table(pitch, velocity, onset_s, onset_s + 0.5)


def onset_errors_s(piano, notes: pd.DataFrame) -> np.ndarray:
    """Return where each note passes 5 % of its peak, after the onset that the piano states."""
    audio = piano.render(notes, float(notes["onset_s"].max()) + 1.5)
    onset_s = notes["onset_s"] + piano.attack_s(notes["pitch"], notes["velocity"])
    starts = np.rint(notes["onset_s"].to_numpy() * SAMPLE_RATE).astype(int) - 80
    heard_s = [
        start / SAMPLE_RATE + measure_attack_s(audio[start : start + 8000], SAMPLE_RATE)
        for start in starts
    ]
    return np.array(heard_s) - onset_s.to_numpy()


def test_a_rendered_note_sounds_where_the_table_says(attacks) -> None:
    piano = CalibratedPiano(TIMGM6MB, attacks)
    assert np.abs(onset_errors_s(piano, spread_notes())).max() < 1e-3


def test_a_kept_piano_plays_like_a_fresh_one(attacks) -> None:
    notes = music(4, 5.0)
    piano = CalibratedPiano(TIMGM6MB, attacks)
    first = piano.render(notes, 6.0)
    assert np.array_equal(first, piano.render(notes, 6.0))
    assert np.allclose(first, SoundFontPiano(TIMGM6MB).render(notes, 6.0), atol=1e-6)


def test_layers_are_found_where_they_change(tmp_path, monkeypatch) -> None:
    """A made-up piano whose attack changes at velocities 38 and 101."""

    def measure(_self, velocities):
        layer = np.searchsorted([38, 101], velocities, side="right")
        return np.tile(np.array([0.001, 0.009, 0.002])[layer], (88, 1))

    monkeypatch.setattr(CalibratedPiano, "_measure", measure)
    piano = CalibratedPiano(TIMGM6MB, tmp_path / "kept.npy")
    velocity = np.arange(1, 128)
    expected = np.select([velocity < 38, velocity < 101], [0.001, 0.009], 0.002)
    assert np.array_equal(piano.attack_s(np.full(127, 60), velocity), expected)


@pytest.fixture
def salamander(tmp_path) -> Path:
    """Make samples like Salamander's: silence of some milliseconds, then a decaying tone."""
    place = tmp_path / "salamander_v3"
    place.mkdir()
    time_s = np.arange(48_000) / 48_000
    for octave in range(9):
        for name, step in (("C", 0), ("D#", 3), ("F#", 6), ("A", 9)):
            pitch = step + 12 * (octave + 1)
            if not 21 <= pitch <= 108:
                continue
            for layer in SALAMANDER_LAYERS:
                tone = np.sin(2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * time_s)
                audio = 0.05 * layer * tone * np.exp(-time_s / 0.3)
                audio = np.append(np.zeros(48 * (2 * layer + octave)), audio)
                path = place / f"{name}{octave}v{layer}.ogg"
                sf.write(path, np.stack([audio, audio], axis=1), 48_000, format="OGG")
    return place


def test_single_samples_are_placed_by_their_attack(salamander) -> None:
    assert np.abs(onset_errors_s(SalamanderPiano(salamander), spread_notes())).max() < 2e-3


def test_keys_between_the_recorded_ones_are_in_tune(salamander) -> None:
    notes = note_table([61, 62, 70], [60] * 3, [0.5, 1.5, 2.5], [1.4, 2.4, 3.4])
    audio = SalamanderPiano(salamander).render(notes, 4.0)
    for row in notes.itertuples():
        first = round(row.onset_s * SAMPLE_RATE)
        spectrum = np.abs(np.fft.rfft(audio[first : first + 8000] * np.hanning(8000), 1 << 18))
        heard_hz = np.argmax(spectrum) * SAMPLE_RATE / (1 << 18)
        assert 12 * np.log2(heard_hz / 440) + 69 == pytest.approx(row.pitch, abs=0.02)


def test_missing_pianos_are_named(tmp_path) -> None:
    with pytest.raises(CorpusError, match="unknown piano 'bechstein'"):
        load_training_piano("bechstein", tmp_path, tmp_path)
    with pytest.raises(CorpusError, match="fetch --corpus asap"):
        load_training_piano("musescore", tmp_path, tmp_path)
    with pytest.raises(CorpusError, match="fetch --corpus demo"):
        load_training_piano("florestan", tmp_path, tmp_path)
    with pytest.raises(CorpusError, match="lacks samples"):
        load_training_piano("salamander_v3", tmp_path, tmp_path)


# --- rendered --------------------------------------------------------------------------------


def test_excerpts_are_spread_and_do_not_overlap() -> None:
    assert render.cuts(40.0, 60.0, 3) == [(0.0, 60.0)]
    assert render.cuts(130.0, 60.0, 3) == [(0.0, 60.0), (70.0, 130.0)]
    assert render.cuts(600.0, 60.0, 3) == [(0.0, 60.0), (270.0, 330.0), (540.0, 600.0)]


@pytest.fixture
def project(tmp_path, monkeypatch, repository, listed_files, attacks):
    """Return a project whose only piano is TimGM6mb, and its settings."""
    (tmp_path / "params.yaml").write_bytes((repository / "params.yaml").read_bytes())
    monkeypatch.chdir(tmp_path)
    paths = corpus_paths("asap")
    for path, data in listed_files.items():
        target = paths.sources / "midi" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    demo = corpus_paths("demo").sources
    (demo / "pianos").mkdir(parents=True)
    (demo / "pianos" / "timgm6mb.sf2").write_bytes(TIMGM6MB.read_bytes())
    (paths.sources / "attacks").mkdir()
    (paths.sources / "attacks" / "timgm6mb.npy").write_bytes(attacks.read_bytes())
    write_midi(music(9, 12.0), demo / "midi" / "maestro_5.mid")
    params = load_params()
    settings = params["asap"] | {"pianos": ["timgm6mb"], "demo_pianos": ["timgm6mb"]}
    settings |= {"excerpt_s": 10, "excerpts": 2, "demo_excerpts": 1}
    only_five = params["demo"] | {"performances": {"train": [5]}}
    load_training_piano.cache_clear()
    return paths, params | {"asap": settings, "demo": only_five}


def test_rendering_writes_the_common_form_and_goes_on(project) -> None:
    paths, params = project
    render.render_asap(paths, params, jobs=1)
    recordings = read_index(paths.split("train"), split="train")
    assert len(recordings) == 5
    assert {item.performance for item in recordings} == {"A_Suite_op_1_1_1_X", "A_2_Y", "maestro_5"}
    assert {(item.piano, item.room) for item in recordings} == {("timgm6mb", "dry")}
    audio, notes = load_recording(paths.split("train"), recordings[0])
    assert len(notes) == 100 and notes["onset_s"].is_monotonic_increasing
    assert (notes["offset_s"] > notes["onset_s"]).all()
    assert np.abs(audio[: int(notes["onset_s"].min() * SAMPLE_RATE) - 160]).max() < 1e-3
    assert len(audio) / SAMPLE_RATE == pytest.approx(recordings[0].duration_s)

    kept, made_anew = recordings[1].recording, recordings[2].recording
    files = paths.split("train") / "audio"
    before = (files / f"{kept}.flac").stat().st_mtime_ns
    (files / f"{made_anew}.flac").write_bytes(b"cut")
    render.render_asap(paths, params, jobs=1)
    assert (files / f"{kept}.flac").stat().st_mtime_ns == before
    assert read_index(paths.split("train")) == recordings
    load_recording(paths.split("train"), recordings[2])


def test_a_pedalled_note_sounds_on_but_its_key_is_released(project, tmp_path) -> None:
    path = tmp_path / "pedal.mid"
    midi = pretty_midi.PrettyMIDI()
    piano = pretty_midi.Instrument(program=0)
    piano.notes = [pretty_midi.Note(80, 60, 0.0, 0.5), pretty_midi.Note(80, 64, 3.0, 3.5)]
    piano.control_changes = [
        pretty_midi.ControlChange(64, 127, 0.2),
        pretty_midi.ControlChange(64, 0, 2.0),
    ]
    midi.instruments.append(piano)
    midi.write(str(path))
    notes = read_performance(path)
    assert notes["offset_s"].to_numpy() == pytest.approx([0.5, 3.5], abs=2e-3)
    assert notes["sound_end_s"].to_numpy() == pytest.approx([2.0, 3.5], abs=2e-3)
