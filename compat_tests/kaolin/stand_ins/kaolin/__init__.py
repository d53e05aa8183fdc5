"""A test double of Kaolin: not Kaolin, nor a replacement for it.

Kaolin has no wheel, so that most machines, CI's among them, have none. What our door, example and notebook use of it is
written anew here, as short as can be and in plain torch; test_stand_ins.py holds it against Kaolin where that imports.
"""

from . import metrics, ops, render, rep

__all__ = ["metrics", "ops", "render", "rep"]
