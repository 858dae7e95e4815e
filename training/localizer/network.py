"""The localizer's network: a dilated residual 1-D CNN over a note's patch.

It gives, for each note, a distribution over displacements of ±150 ms in bins of 2.5 ms, and one
more class: the note is not heard there.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from pianoalign_lib.localizer.patches import GROUPS, N_CHANNELS, N_SCALARS, N_STEPS
from pianoalign_lib.localizer.posterior import BINS_PER_STEP, FIRST_STEP, LAST_STEP
from pianoalign_lib.localizer.runner import CHUNK


@dataclass(frozen=True)
class LocalizerConfig:
    """What the network looks at; the ablations switch one thing off or on."""

    width: int = 48  # channels of every layer
    dilations: tuple[int, ...] = (1, 2, 4, 8, 4, 2, 1)  # in steps, one residual block each
    short: bool = True  # see the short window and the broad bands
    upper: bool = True  # see the harmonics above the eighth
    context: bool = False  # see where the other notes are expected (it does not help: an ablation)
    attention: bool = False  # neighbouring notes exchange what they found, by self-attention


class Localizer(nn.Module):
    """Patches → log-probabilities."""

    scale: torch.Tensor
    level: torch.Tensor

    def __init__(self, config: LocalizerConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        seen = {
            "long": True,
            "short": config.short,
            "bands": config.short,
            "context": config.context,
            "long_upper": config.upper,
            "short_upper": config.upper and config.short,
        }
        step = {group: 1 / 128 if group == "context" else 1 / 32 for group in GROUPS}
        scale = torch.tensor([step[group] * seen[group] for group in GROUPS])
        level = scale * torch.tensor([group != "context" for group in GROUPS])
        sizes = torch.tensor(list(GROUPS.values()))
        for name, value in (("scale", scale), ("level", level)):
            of_channels = value.repeat_interleave(sizes)[None, :, None]
            self.register_buffer(name, of_channels, persistent=False)
        self.first = nn.Conv1d(N_CHANNELS, width, 5, padding=2)
        self.scalars = nn.Linear(N_SCALARS, width)
        self.blocks = nn.ModuleList(_Block(width, dilation) for dilation in config.dilations)
        self.margins = _margins(config.dilations)
        self.attend = _Attention(width) if config.attention else None
        self.bins = nn.Conv1d(width, BINS_PER_STEP, 3, padding=1)
        self.absent = nn.Sequential(nn.Linear(2 * width, width), nn.ReLU(), nn.Linear(width, 1))

    def forward(self, patches: torch.Tensor, scalars: torch.Tensor) -> torch.Tensor:
        """Return log-probabilities.

        Parameters
        ----------
        patches : torch.Tensor [shape=(n, 64, N_CHANNELS), dtype=uint8]
        scalars : torch.Tensor [shape=(n, 3)]
            The last is the recording's level, which all levels are taken relative to.

        Returns
        -------
        torch.Tensor [shape=(n, 121)]
            The last is "not heard".
        """
        x = patches.transpose(1, 2).to(torch.float32) * self.scale
        x = x - self.level * scalars[:, 2:, None]
        own = torch.cat([scalars[:, :2], scalars[:, 2:] / 128 - 1], dim=1)
        x = torch.relu(self.first(x) + self.scalars(own)[:, :, None])
        for block, margin in zip(self.blocks, self.margins, strict=True):
            x = block(x)
            x = x[:, :, margin : x.shape[2] - margin]
        if self.attend is not None:
            x = x + self.attend(x, own)[:, :, None]
        bins = self.bins(x)[:, :, 1:-1].transpose(1, 2).flatten(1)
        pooled = torch.cat([x.mean(dim=2), x.amax(dim=2)], dim=1)
        return torch.log_softmax(torch.cat([bins, self.absent(pooled)], dim=1), dim=1)


def _margins(dilations: tuple[int, ...]) -> list[int]:
    """Return how many steps at each end nothing needs any more, after each block."""
    margins, n_left = [], N_STEPS
    for index in range(len(dilations)):
        seen = sum(dilations[index + 1 :]) + 1
        n_needed = min(n_left, LAST_STEP - FIRST_STEP + 2 * seen)
        margins.append((n_left - n_needed) // 2)
        n_left -= 2 * margins[-1]
    return margins


class _Block(nn.Module):
    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation)
        self.norm = nn.BatchNorm1d(width)  # folded into the convolution on export

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + torch.relu(self.norm(self.conv(x)))


class _Attention(nn.Module):
    """Self-attention across the notes of a chunk, each told by its pooled features."""

    def __init__(self, width: int) -> None:
        super().__init__()
        size = 2 * width
        self.enter = nn.Linear(2 * width + N_SCALARS, size)
        self.layer = nn.TransformerEncoderLayer(size, 4, 2 * size, dropout=0.0, batch_first=True)
        self.leave = nn.Linear(size, width)

    def forward(self, x: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
        n, width, _ = x.shape
        pooled = torch.cat([x.mean(dim=2), x.amax(dim=2), own], dim=1)
        notes = self.enter(pooled).reshape(-1, CHUNK, 2 * width)
        return self.leave(self.layer(notes)).reshape(n, width)
