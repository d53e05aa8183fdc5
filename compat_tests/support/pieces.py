"""Into how many pieces a door divides its pictures."""

from typing import Any

import pytest

from gendr_adapters._shading_in_pieces import pieces_for


def count_pieces(monkeypatch: pytest.MonkeyPatch, module: Any) -> list[int]:
    """A list that grows by their number with each picture. module: the door's, which calls `pieces_for`."""
    numbers: list[int] = []

    def count(*arguments: Any) -> Any:
        pieces = pieces_for(*arguments)
        numbers.append(len(pieces))
        return pieces

    monkeypatch.setattr(module, "pieces_for", count)
    return numbers
