"""Examples in docstrings of public names run, and print what they say."""

import doctest
import importlib

import pytest

pytest.importorskip("imageio")
pytest.importorskip("PIL")

MODULES = (
    "_headlight",
    "_viewpoints",
    "_rotations",
    "_picture_files",
    "_meshes._mesh",
    "_meshes._files",
    "_meshes._normals",
)


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    outcome = doctest.testmod(importlib.import_module(f"gendr_adapters.{name}"))
    assert outcome.attempted > 0 and outcome.failed == 0
