"""The paper's network: piano roll and spectrum in, aligned piano roll out.

Two convolutional branches (3×3 kernels with 16, 16 and 32 channels, then a dense layer of 256), one
for the unaligned piano roll and one for the spectrum, are concatenated to 512 values per frame; a
bidirectional LSTM (512 → 256) looks across time; a dense layer gives 88 logits. Variants replace
the recurrence. What our source leaves open is chosen here: 3×3 kernels, ReLU, and a stride of 2
along frequency in the second and third convolution. Max-pooling in their place drops which of two
neighbouring keys was active, and is the worse for it (table 2c).
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from ..common.config import VariantConfig
from ..io.notes import N_PITCHES
from .features import N_BINS

_CHANNELS = (16, 16, 32)
_BRANCH_WIDTH = 256
_RECURRENT_WIDTH = 256
_HEADS, _LAYERS = 4, 2  # of the transformer
_WINDOW_S = 1.0  # of the transformer, the length of the training's excerpts


class _Branch(nn.Module):
    """Convolutions over time and frequency, then one dense layer per frame."""

    def __init__(self, n_bins: int, narrowing: str) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        previous = 1
        for index, channels in enumerate(_CHANNELS):
            stride = (1, 2) if index and narrowing == "stride" else (1, 1)
            layers += [nn.Conv2d(previous, channels, 3, stride, padding=1), nn.ReLU(inplace=True)]
            if index and narrowing == "pooling":
                layers.append(nn.MaxPool2d((1, 2)))
            previous = channels
        self.convolutions = nn.Sequential(*layers)
        self.dense = nn.Sequential(
            nn.Linear(_CHANNELS[-1] * (n_bins // 4), _BRANCH_WIDTH), nn.ReLU(inplace=True)
        )

    def forward(self, image: Tensor) -> Tensor:
        """Map [shape=(batch, n_frames, n_bins)] to [shape=(batch, n_frames, 256)]."""
        planes = self.convolutions(image.unsqueeze(1))
        # Frequency before channels: with channels-last memory this is a view, not a copy.
        return self.dense(planes.permute(0, 2, 3, 1).flatten(2))


class _Transformer(nn.Module):
    """A transformer encoder in the place of the recurrent layer (Vaswani et al. 2017).

    Two layers of four heads over sinusoidal positions, normalised before each block, with a
    feed-forward part of 1024. What is longer than the training's excerpts is read in windows of
    their length, of which the middle is kept: positions beyond them were never trained.
    """

    _positions: Tensor

    def __init__(self, n_inputs: int, width: int, window: int) -> None:
        super().__init__()
        self._window = window
        self.project = nn.Linear(n_inputs, width)
        layer = nn.TransformerEncoderLayer(
            width, _HEADS, 4 * width, dropout=0.0, batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, _LAYERS, nn.LayerNorm(width), False)
        angle = torch.arange(window)[:, None] / 1e4 ** (torch.arange(0, width, 2) / width)
        positions = torch.stack([angle.sin(), angle.cos()], dim=2).flatten(1)
        self.register_buffer("_positions", positions, persistent=False)

    def forward(self, hidden: Tensor) -> Tensor:
        """Map [shape=(batch, n_frames, n_inputs)] to [shape=(batch, n_frames, width)]."""
        projected, hop = self.project(hidden), self._window // 2
        n_frames = projected.shape[1]
        if n_frames <= self._window:
            return self.encoder(projected + self._positions[:n_frames])
        starts = [*range(0, n_frames - self._window, hop), n_frames - self._window]
        windows = torch.cat([projected[:, start : start + self._window] for start in starts])
        encoded = self.encoder(windows + self._positions).chunk(len(starts))
        # Each window's part ends halfway between its end and the next one's beginning.
        ends = [(a + self._window + b) // 2 for a, b in pairwise(starts)] + [n_frames]
        begins = [0, *ends[:-1]]
        parts = zip(encoded, starts, begins, ends, strict=True)
        return torch.cat([part[:, b - start : e - start] for part, start, b, e in parts], dim=1)


class Crnn(nn.Module):
    """The paper's network (paper, network; variants of Table 2).

    Parameters
    ----------
    variant
        Which recurrence; ``none`` leaves the dense layer alone (CNN-only).
    output_bias
        Start of the output's bias. A roll is about 4 % ones: starting there saves the many updates
        that the network otherwise spends on learning to be silent.
    """

    def __init__(self, variant: VariantConfig, output_bias: float = 0.0) -> None:
        super().__init__()
        self.roll_branch = _Branch(N_PITCHES, variant.narrowing)
        self.spectrum_branch = _Branch(N_BINS, variant.narrowing)
        width = 2 * _BRANCH_WIDTH
        self.recurrence: nn.Module | None = None
        if variant.recurrence == "transformer":
            self.recurrence = _Transformer(width, _RECURRENT_WIDTH, round(_WINDOW_S * variant.fps))
            width = _RECURRENT_WIDTH
        elif variant.recurrence != "none":
            cell = nn.LSTM if variant.recurrence == "lstm" else nn.GRU
            directions = 2 if variant.bidirectional else 1
            self.recurrence = cell(
                width,
                _RECURRENT_WIDTH // directions,
                batch_first=True,
                bidirectional=variant.bidirectional,
            )
            width = _RECURRENT_WIDTH
        self.output = nn.Linear(width, N_PITCHES)
        self._initialise(output_bias)

    def _initialise(self, output_bias: float) -> None:
        """Start with signals of unit size throughout, so that copying the roll is learnt early."""
        own = nn.ModuleList([self.roll_branch, self.spectrum_branch, self.output])
        for module in own.modules():  # a transformer keeps PyTorch's start
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            elif isinstance(module, nn.Linear):
                gain = 1.0 if module is self.output else 2.0**0.5
                nn.init.orthogonal_(module.weight, gain)
        for name, weight in self.named_parameters():
            if "weight_ih" in name:
                nn.init.xavier_uniform_(weight, gain=3.0)
            elif "weight_hh" in name:
                for gate in weight.chunk(weight.shape[0] // weight.shape[1]):
                    nn.init.orthogonal_(gate)
            elif "bias" in name:
                nn.init.zeros_(weight)
        nn.init.constant_(self.output.bias, output_bias)

    def forward(self, roll: Tensor, spectrum: Tensor) -> Tensor:
        """Return the logits of the aligned roll from the unaligned roll and the spectrum.

        All three are of [shape=(batch, n_frames, 88)].
        """
        return self.join(self.roll_branch(roll), self.spectrum_branch(spectrum))

    def join(self, roll: Tensor, spectrum: Tensor) -> Tensor:
        """Return the logits from the two branches' outputs [shape=(batch, n_frames, 256)].

        The spectrum's branch does not depend on the MIDI: it is computed once per recording when
        many conditions are evaluated.
        """
        hidden = torch.cat([roll, spectrum], dim=2)
        if self.recurrence is not None:
            hidden = self.recurrence(hidden)
            hidden = hidden[0] if isinstance(hidden, tuple) else hidden  # an RNN's state is dropped
        return self.output(hidden)
