"""Whether a corpus was prepared whole, for the stamp on its tables."""

from __future__ import annotations

from typing import Any

from ..common.config import topic
from .maps.folder import listed
from .maps.split import split


def expected_recordings(corpus: str, params: dict[str, Any]) -> int | None:
    """Return how many recordings the evaluated part of a corpus has; None where it is not fixed."""
    if corpus != "maps" or topic(params, "maps")["recordings"] != "listed":
        return None
    parts = split(listed()["recording"], params["maps"]).values()
    return sum(part != "train" for part, _ in parts)
