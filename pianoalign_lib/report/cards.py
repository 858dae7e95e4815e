"""What notebook 1 says of each corpus: a card is a module with texts and the same functions."""

from __future__ import annotations

from types import ModuleType

from ..corpora.demo import card as demo_card
from ..corpora.maps import card as maps_card

CARDS: dict[str, ModuleType] = {"demo": demo_card, "maps": maps_card}
