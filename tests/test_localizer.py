"""The localizer's parts: time grid of the spectra, patches, targets, decoding, shipped weights."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
from hypothesis import given, settings
from hypothesis import strategies as st

from pianoalign_lib.common.errors import InputError
from pianoalign_lib.localizer.confidence import judged
from pianoalign_lib.localizer.decode import SMALLEST_GAP_S, decode
from pianoalign_lib.localizer.locate import locate
from pianoalign_lib.localizer.patches import (
    CENTRE,
    GROUPS,
    N_CHANNELS,
    N_STEPS,
    Expected,
    grid_steps,
    make_patches,
)
from pianoalign_lib.localizer.posterior import ABSENT, N_BINS, SHIFT_S, soft_targets
from pianoalign_lib.localizer.runner import CHUNK, load_runner
from pianoalign_lib.localizer.spectra import (
    BANDS_FPS,
    FLOOR_DB,
    LONG_FPS,
    SAMPLE_RATE,
    SHORT_FPS,
    STEPS_PER_DB,
    compute_spectra,
)

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


# --- Spectra -----------------------------------------------------------------------------------


@pytest.mark.parametrize("sample", [16_000, 35_200, 330_400])
def test_a_click_is_centred_on_its_frame(sample: int) -> None:
    """Frame k is centred on k / fps: the click's energy is symmetric about its own frame."""
    audio = np.zeros(24 * SAMPLE_RATE, np.float32)
    audio[sample] = 0.9
    spectra = compute_spectra(audio, SAMPLE_RATE)
    for levels, fps in (
        (spectra.long, LONG_FPS),
        (spectra.short, SHORT_FPS),
        (spectra.bands, BANDS_FPS),
    ):
        power = 10.0 ** ((levels.astype(float) / STEPS_PER_DB) / 10.0)
        power = power.sum(axis=1) - np.median(power.sum(axis=1))
        centre_s = (power * np.arange(len(power))).sum() / power.sum() / fps
        assert abs(centre_s - sample / SAMPLE_RATE) < 3e-4


def test_levels_are_decibels_of_a_sine() -> None:
    time_s = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    audio = (0.1 * np.sin(2 * np.pi * 440.0 * time_s)).astype(np.float32)  # -20 dB, MIDI pitch 69
    spectra = compute_spectra(audio, SAMPLE_RATE)
    middle = spectra.long[100].astype(float) / STEPS_PER_DB + FLOOR_DB
    assert middle.argmax() == 69 - 21
    # The power of a Hann window's main lobe within a triangle of one semitone is not all of it.
    assert -22.0 < middle.max() < -17.0


def test_block_borders_leave_no_trace() -> None:
    """Longer than one block: the same frames as when each half is computed within one block."""
    audio = np.random.default_rng(3).standard_normal(50 * SAMPLE_RATE).astype(np.float32) * 0.1
    whole = compute_spectra(audio, SAMPLE_RATE)
    part = compute_spectra(audio[15 * SAMPLE_RATE : 30 * SAMPLE_RATE], SAMPLE_RATE)
    inner = slice(20, 1480)
    assert np.abs(whole.long[1500:3000][inner].astype(int) - part.long[:1500][inner]).max() <= 1
    inner = slice(80, 5920)
    assert np.abs(whole.bands[6000:12000][inner].astype(int) - part.bands[:6000][inner]).max() <= 1


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000, 192_000])
def test_resampling_moves_nothing(rate: int, tmp_path: Path) -> None:
    audio = np.zeros((4 * rate, 2), np.float32)
    audio[2 * rate : 2 * rate + rate // 500] = 0.8
    sf.write(tmp_path / "click.wav", audio, rate)
    bands = compute_spectra(tmp_path / "click.wav").bands.astype(float)
    energy = (10.0 ** (bands / STEPS_PER_DB / 10.0)).sum(axis=1)
    energy -= np.median(energy)
    centre_s = (energy * np.arange(len(energy))).sum() / energy.sum() / BANDS_FPS
    assert abs(centre_s - (2.0 + 0.001)) < 1e-3


# --- Patches and targets ------------------------------------------------------------------------


def _ramp():
    """Spectra whose bytes tell their frame."""
    audio = np.random.default_rng(0).standard_normal(6 * SAMPLE_RATE).astype(np.float32) * 0.05
    spectra = compute_spectra(audio, SAMPLE_RATE)
    spectra.long[:] = (np.arange(len(spectra.long)) % 251)[:, None]
    spectra.short[:] = (np.arange(len(spectra.short)) % 251)[:, None]
    spectra.bands[:] = (np.arange(len(spectra.bands)) % 251)[:, None]
    return spectra


def test_patch_holds_the_frames_around_the_expected_onset() -> None:
    spectra = _ramp()
    notes = Expected(np.array([2.004]), np.array([60]), np.array([80.0]))
    patches, scalars = make_patches(spectra, notes, np.array([0]), 100.0)
    assert patches.shape == (1, N_STEPS, N_CHANNELS) and patches.dtype == np.uint8
    frames = 200 + np.arange(N_STEPS) - CENTRE
    assert np.array_equal(patches[0, :, 0], frames % 251)
    first_short = GROUPS["long"]
    assert np.array_equal(patches[0, :, first_short], (2 * frames) % 251)
    assert np.array_equal(patches[0, :, first_short + 8], (2 * frames + 1) % 251)
    first_band = first_short + GROUPS["short"]
    for part in range(4):
        assert np.array_equal(patches[0, :, first_band + 8 * part], (4 * frames + part) % 251)
    first_upper = first_band + GROUPS["bands"] + GROUPS["context"]
    assert np.array_equal(patches[0, :, first_upper], frames % 251)
    first_short = first_upper + GROUPS["long_upper"]
    assert np.array_equal(patches[0, :, first_short + 5], (2 * frames + 1) % 251)
    assert scalars[0, 2] == 100.0


def test_patch_is_silent_beyond_the_recording() -> None:
    spectra = _ramp()
    notes = Expected(np.array([0.0, 5.99]), np.array([21, 108]), np.array([80.0, 80.0]))
    patches, _ = make_patches(spectra, notes, np.array([0, 1]), 100.0)
    starts = dict(zip(GROUPS, np.cumsum([0, *GROUPS.values()]), strict=False))
    sound = np.delete(patches, np.s_[starts["context"] : starts["long_upper"]], axis=2)
    assert not sound[0, :CENTRE].any()
    assert not sound[1, CENTRE + 4 :].any()


def test_target_has_its_mean_at_the_true_displacement() -> None:
    shift_s = np.array([0.0, 0.0431, -0.1, 0.3])
    target = soft_targets(shift_s, np.array([False, False, False, False]), 0.003)
    assert np.allclose(target.sum(axis=1), 1.0)
    mean_s = target[:3, :N_BINS] @ SHIFT_S
    assert np.allclose(mean_s, shift_s[:3], atol=2e-4)
    assert target[3, ABSENT] == 1.0  # beyond reach: not heard


# --- Decoding -----------------------------------------------------------------------------------


def _posterior(peaks: list[dict[float, float]], absent: float = 0.01) -> np.ndarray:
    """Return posteriors with narrow peaks at displacements, of given masses."""
    rows = []
    for note in peaks:
        row = np.full(N_BINS + 1, 1e-8)
        row[ABSENT] = absent
        for shift_s, mass in note.items():
            row[:N_BINS] += (
                mass * soft_targets(np.array([shift_s]), np.array([False]), 0.003)[0, :N_BINS]
            )
        rows.append(row / row.sum())
    return np.array(rows)


def test_repeated_notes_share_no_onset() -> None:
    """Both notes prefer the first onset; together, the second note takes the other one."""
    onset_s = np.array([1.0, 1.1])
    posterior = _posterior([{0.02: 0.9, 0.12: 0.05}, {-0.08: 0.6, 0.02: 0.35}])
    alone = decode(onset_s, np.array([60, 60]), posterior, joint=False)
    assert np.allclose(alone.onset_s, [1.02, 1.02], atol=1e-3)
    together = decode(onset_s, np.array([60, 60]), posterior)
    assert np.allclose(together.onset_s, [1.02, 1.12], atol=1e-3)
    apart = decode(onset_s, np.array([60, 62]), posterior)  # other keys are free
    assert np.allclose(apart.onset_s, [1.02, 1.02], atol=1e-3)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(2, 4))
def test_joint_decoding_is_the_best_of_all_choices(seed: int, n: int) -> None:
    """Against brute force over all combinations of candidates."""
    rng = np.random.default_rng(seed)
    onset_s = np.round(np.sort(1.0 + rng.uniform(0, 0.3, n)), 2)
    # 3 ms more for each note, so that no gap is just the smallest one.
    shifts = [np.sort(rng.choice(np.arange(-6, 7), 3, replace=False)) * 0.02 for _ in range(n)]
    shifts = [shift + 0.003 * place for place, shift in enumerate(shifts)]
    masses = [rng.uniform(0.05, 1.0, 3) for _ in range(n)]
    peaks = [
        dict(zip(s.tolist(), m.tolist(), strict=True)) for s, m in zip(shifts, masses, strict=True)
    ]
    posterior = _posterior(peaks, absent=0.02)
    found = decode(onset_s, np.full(n, 60), posterior)
    scores = [np.append(m, 0.02) / (m.sum() + 0.02) for m in masses]
    times = [np.append(o + s, np.nan) for o, s in zip(onset_s, shifts, strict=True)]
    best, best_score = None, -np.inf
    for choice in itertools.product(range(4), repeat=n):
        place = [times[i][c] for i, c in enumerate(choice)]
        pairs = itertools.pairwise(place)
        if any(b < a + SMALLEST_GAP_S - 1e-3 for a, b in pairs if not np.isnan(a + b)):
            continue
        score = sum(np.log(scores[i][c]) for i, c in enumerate(choice))
        if score > best_score:
            best, best_score = place, score
    heard = ~np.isnan(found.onset_s)
    total = np.log(found.probability).sum()
    assert total >= best_score - 0.15, (best, found)
    kept = found.onset_s[heard]
    both = heard[1:] & heard[:-1]
    assert np.all(np.diff(found.onset_s)[both] >= SMALLEST_GAP_S - 1e-9), kept


def test_empty_input_decodes_to_nothing() -> None:
    found = decode(np.zeros(0), np.zeros(0, int), np.zeros((0, N_BINS + 1)))
    assert len(found.onset_s) == 0


# --- The shipped network ------------------------------------------------------------------------


def _example() -> tuple[Path, pd.DataFrame]:
    return EXAMPLES / "recording.flac", pd.read_csv(EXAMPLES / "true_notes.csv")


def test_shipped_network_places_the_example_within_milliseconds() -> None:
    audio, true = _example()
    rng = np.random.default_rng(5)
    loose = true.assign(onset_s=true["onset_s"] + rng.uniform(-0.05, 0.05, len(true)))
    found = locate(compute_spectra(audio), loose)
    error_s = np.abs(found.onset_s - true["onset_s"].to_numpy())
    assert not found.structure
    assert np.mean(error_s <= 0.01) > 0.98 and np.median(error_s) < 0.003
    assert np.all((found.confidence >= 0) & (found.confidence <= 1))


def test_tempo_and_start_are_found() -> None:
    audio, true = _example()
    loose = true.assign(
        onset_s=3.0 + true["onset_s"] * 1.15, offset_s=3.0 + true["offset_s"] * 1.15
    )
    found = locate(compute_spectra(audio), loose)
    assert len(found.structure) == 1
    assert np.mean(np.abs(found.onset_s - true["onset_s"].to_numpy()) <= 0.01) > 0.98


def test_notes_that_were_not_played_are_told() -> None:
    audio, true = _example()
    extra = true.iloc[10:170:16].assign(pitch=lambda notes: notes["pitch"] + 6)
    both = pd.concat([true, extra], ignore_index=True)
    found = locate(compute_spectra(audio), both)
    flagged = found.status != "aligned"
    assert flagged[len(true) :].mean() >= 0.9
    assert flagged[: len(true)].mean() <= 0.02


def test_another_piece_is_recognised() -> None:
    audio, true = _example()
    other = true.assign(pitch=108 - true["pitch"] + 21)  # the same rhythm, upside down
    with pytest.raises(InputError, match="another piece"):
        locate(compute_spectra(audio), other)


def test_notes_keep_their_rows_whatever_their_order() -> None:
    audio, true = _example()
    shuffled = true.sample(frac=1.0, random_state=1)
    spectra = compute_spectra(audio)
    straight, found = locate(spectra, true), locate(spectra, shuffled)
    assert np.allclose(found.onset_s, straight.onset_s[shuffled.index], atol=1e-4)
    assert np.allclose(found.confidence, straight.confidence[shuffled.index], atol=1e-6)
    assert np.ptp(straight.confidence) > 1e-4  # which are not all alike


def test_what_the_network_says_alone_can_be_had() -> None:
    audio, true = _example()
    spectra = compute_spectra(audio)
    alone, all_told = locate(spectra, true, judge=False), locate(spectra, true)
    assert np.array_equal(alone.onset_s, all_told.onset_s)
    columns = (true[name].to_numpy(float) for name in ("pitch", "velocity"))
    assert np.allclose(judged(alone, *columns).confidence, all_told.confidence)
    assert not np.allclose(alone.confidence, all_told.confidence)


def test_a_regression_finds_the_weights_that_outcomes_were_drawn_from() -> None:
    pytest.importorskip("torch")
    from training.localizer.release import _regression

    rng = np.random.default_rng(3)
    x = np.column_stack([np.ones(40_000), rng.normal(size=(40_000, 2))])
    weights = np.array([-0.5, 1.5, 0.7])
    right = rng.uniform(size=len(x)) < 1.0 / (1.0 + np.exp(-x @ weights))
    assert _regression(x, right) == pytest.approx(weights, abs=0.06)


def test_onnx_equals_torch(tmp_path: Path) -> None:
    """The exported graph computes what the network computes, with weights of the export's shape."""
    torch = pytest.importorskip("torch")
    from training.localizer.network import Localizer, LocalizerConfig
    from training.localizer.release import _export

    rng = np.random.default_rng(1)
    torch.manual_seed(1)
    model = Localizer(LocalizerConfig(width=16, context=True, attention=True)).eval()
    patches = rng.integers(0, 255, (3 * CHUNK, N_STEPS, N_CHANNELS), dtype=np.uint8)
    scalars = rng.standard_normal((3 * CHUNK, 3)).astype(np.float32)
    with torch.no_grad():
        expected = model(torch.from_numpy(patches), torch.from_numpy(scalars)).numpy()
    _export(model, tmp_path / "tiny.onnx", (1.0, 0.0))
    session = load_runner("tiny", tmp_path).session
    (found,) = session.run(None, {"patches": patches, "scalars": scalars})
    assert np.abs(found - expected).max() < 1e-4


def test_grid_rounds_to_the_nearest_step() -> None:
    assert grid_steps(np.array([0.0, 0.0049, 0.0051, 1.236])).tolist() == [0, 0, 1, 124]
