"""The paper's network: piano roll and spectrum in, aligned piano roll out.

Two convolutional branches (3×3 kernels with 16, 16 and 32 channels, then a dense layer of 256), one
for the unaligned piano roll and one for the spectrum, are concatenated to 512 values per frame; a
bidirectional LSTM (512 → 256) looks across time; a dense layer gives 88 logits. Variants replace
the recurrence. What our source leaves open is chosen here: 3×3 kernels, ReLU, and a stride of 2
along frequency in the second and third convolution. Max-pooling in their place was measured to
learn far more slowly, since it drops which of two neighbouring keys was active, and the network
must first of all learn to copy the roll.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..common.config import VariantConfig
from ..io.notes import N_PITCHES
from .features import N_BINS

_CHANNELS = (16, 16, 32)
_BRANCH_WIDTH = 256
_RECURRENT_WIDTH = 256


class _Branch(nn.Module):
    """Convolutions over time and frequency, then one dense layer per frame."""

    def __init__(self, n_bins: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        previous = 1
        for index, channels in enumerate(_CHANNELS):
            stride = (1, 1) if index == 0 else (1, 2)
            layers += [nn.Conv2d(previous, channels, 3, stride, padding=1), nn.ReLU(inplace=True)]
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
        self.roll_branch = _Branch(N_PITCHES)
        self.spectrum_branch = _Branch(N_BINS)
        width = 2 * _BRANCH_WIDTH
        self.recurrence: nn.Module | None = None
        if variant.recurrence != "none":
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
        for module in self.modules():
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
            hidden, _ = self.recurrence(hidden)
        return self.output(hidden)
