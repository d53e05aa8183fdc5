"""Test double of kaolin.metrics."""

from . import render

__all__ = ["render"]
