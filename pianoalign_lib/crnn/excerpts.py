"""Training excerpts: features computed once per recording, timing errors drawn anew every time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ..common.config import VariantConfig
from ..common.files import atomic_path
from ..common.progress import progress
from ..corpora.recordings import Recording, load_notes, load_recording
from ..io.notes import piano_roll
from .features import compute_features

MARGIN_S = 0.5  # notes this far outside an excerpt can be moved into it


@dataclass
class TrainingItem:
    """One recording, ready for cutting excerpts.

    Attributes
    ----------
    features : np.ndarray [shape=(n_frames, 88), dtype=float16], memory-mapped
    notes
        True note table.
    """

    recording: Recording
    features: np.ndarray
    notes: pd.DataFrame


def load_items(
    folder: Path, recordings: list[Recording], variant: VariantConfig, cache: Path
) -> list[TrainingItem]:
    """Return all recordings with their features, computed where the cache lacks them."""
    label = f"{variant.representation} at {variant.fps} fps"
    return [
        TrainingItem(item, cached_features(folder, item, variant, cache), load_notes(folder, item))
        for item in progress(recordings, label=label)
    ]


def cached_features(
    folder: Path, recording: Recording, variant: VariantConfig, cache: Path
) -> np.ndarray:
    """Return a recording's features [shape=(n_frames, 88), dtype=float16] from the cache.

    The file's name holds the audio's checksum, so that the features of other audio are never used.
    """
    folder_name = f"{variant.representation}_{variant.fps}"
    path = cache / folder_name / f"{recording.recording}-{recording.sha256_audio[:12]}.npy"
    if not path.is_file():
        audio, _ = load_recording(folder, recording)
        features = compute_features(audio, variant.representation, variant.fps)
        with atomic_path(path) as temporary:
            np.save(temporary, features.astype(np.float16))
    return np.load(path, mmap_mode="r")


@dataclass(frozen=True)
class Batch:
    """Unaligned roll, spectrum and aligned roll, each [shape=(batch, n_frames, 88), float32]."""

    roll: np.ndarray
    spectrum: np.ndarray
    target: np.ndarray


def draw_batches(
    items: list[TrainingItem],
    *,
    fps: int,
    excerpt_s: float,
    batch_size: int,
    note_ms: float,
    n_batches: int,
    rng: np.random.Generator,
) -> Iterator[Batch]:
    """Yield batches of random excerpts, each note moved by its own uniform error (paper, data)."""
    frames = round(excerpt_s * fps)
    lengths = np.array([len(item.features) for item in items], dtype=float)
    chance = lengths / lengths.sum()
    for _ in range(n_batches):
        rows = rng.choice(len(items), size=batch_size, p=chance)
        parts = [_excerpt(items[row], frames, fps, note_ms / 1000.0, rng) for row in rows]
        roll, spectrum, target = (np.stack(part) for part in zip(*parts, strict=True))
        yield Batch(roll, spectrum, target)


def _excerpt(
    item: TrainingItem, frames: int, fps: int, note_s: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    first = int(rng.integers(0, max(1, len(item.features) - frames)))
    start_s, end_s = first / fps, (first + frames) / fps
    notes = item.notes
    near = (notes["offset_s"].to_numpy() > start_s - MARGIN_S) & (
        notes["onset_s"].to_numpy() < end_s + MARGIN_S
    )
    true = notes[near]
    shift_s = rng.uniform(-note_s, note_s, len(true))
    moved = true.assign(onset_s=true["onset_s"] + shift_s, offset_s=true["offset_s"] + shift_s)
    spectrum = np.zeros((frames, item.features.shape[1]), dtype=np.float32)
    part = item.features[first : first + frames]
    spectrum[: len(part)] = part
    return (
        piano_roll(moved, frames, fps, start_s=start_s),
        spectrum,
        piano_roll(true, frames, fps, start_s=start_s),
    )


def duration_s(items: list[TrainingItem], fps: int) -> float:
    """Return the total length of the recordings in seconds."""
    return sum(len(item.features) for item in items) / fps
