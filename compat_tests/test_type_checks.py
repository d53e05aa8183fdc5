"""The package asks for types by tuples: `torch.compile` of torch 2.5 to 2.9 cannot trace isinstance(x, A | B)."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import gendr_adapters

PACKAGE = Path(gendr_adapters.__file__).parent


def is_union(node: ast.AST | None) -> bool:
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr)


def asked_by_unions(source: str) -> Iterator[int]:
    """The lines that call isinstance or issubclass with A | B, alone, in a tuple, or by a name that stands for it."""
    tree = ast.parse(source)
    named = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and is_union(node.value):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            named |= {target.id for target in targets if isinstance(target, ast.Name)}
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) == 2):
            continue
        if node.func.id in ("isinstance", "issubclass"):
            parts = list(ast.walk(node.args[1]))
            if any(is_union(part) or (isinstance(part, ast.Name) and part.id in named) for part in parts):
                yield node.lineno


@pytest.mark.parametrize(
    "source",
    [
        "isinstance(x, tuple | list)",
        "issubclass(x, (int, tuple | list))",
        "Numbers: TypeAlias = float | Tensor\nisinstance(x, Numbers)",
        "Numbers = float | Tensor\nif isinstance(x, (str, Numbers)): pass",
    ],
)
def test_unions_are_found(source: str) -> None:
    assert list(asked_by_unions(source)) == [source.count("\n") + 1]


def test_types_are_asked_for_by_tuples() -> None:
    paths = sorted(PACKAGE.rglob("*.py"))
    assert len(paths) > 100
    found = [f"{path.relative_to(PACKAGE)}:{line}" for path in paths for line in asked_by_unions(path.read_text())]
    assert not found, f"isinstance with A | B, where (A, B) can be compiled by torch 2.5 to 2.9 as well: {found}"
