"""The results as text; goals last."""

from collections.abc import Mapping, Sequence
from typing import Any

Rows = Sequence[Mapping[str, Any]]


def table(result: Mapping[str, Any]) -> str:
    parts = [_machine(result["machine"], result["ceilings"])]
    if result["scenes"]:
        parts.append(_rows("Scenes (medians; gendr_adapters, from corners)", SCENE_COLUMNS, result["scenes"]))
    if result["shaded"]:
        parts.append(_rows("Textures, light, soft masks (spot, from world vertices)", SHADED_COLUMNS, result["shaded"]))
    if result["kernels"]:
        parts.append(_rows("Kernels and copies of the first scene, a call", KERNEL_COLUMNS, result["kernels"]))
    parts.append(_overhead(result["overhead"]))
    if result["peers"]:
        parts.append(_rows("Renderers side by side", PEER_COLUMNS, result["peers"]))
    if result["goals"]:
        parts.append(_rows("Goals", GOAL_COLUMNS, [{**goal, "met": VERDICTS[goal["met"]]} for goal in result["goals"]]))
    return "\n\n".join(parts)


VERDICTS = {True: "met", False: "NOT met", None: "not measured"}

# key, title, width (negative: left), digits
Column = tuple[str, str, int, int]
SCENE_COLUMNS: list[Column] = [
    ("scene", "scene", -46, 0), ("pairs", "pairs", 13, 0), ("forward_ms", "forward ms", 10, 4),
    ("backward_ms", "backward", 9, 4), ("both_ms", "both", 9, 4), ("noise", "noise", 6, 3),
    ("replay_ms", "replay", 9, 4), ("ns_per_pair", "ns/pair", 8, 4), ("fp32_share", "fp32", 6, 3),
    ("memory_share", "memory", 6, 3), ("peak_mib", "MiB", 8, 1), ("error", "", -1, 0),
]  # fmt: skip
SHADED_COLUMNS: list[Column] = [
    ("scene", "scene", -46, 0), ("forward_ms", "forward ms", 10, 4), ("backward_ms", "backward", 9, 4),
    ("both_ms", "both", 9, 4), ("replay_forward_ms", "replay fwd", 10, 4), ("replay_ms", "replay", 9, 4),
    ("peak_mib", "MiB", 8, 1), ("error", "", -1, 0),
]  # fmt: skip
KERNEL_COLUMNS: list[Column] = [
    ("kernel", "kernel", -60, 0), ("launches", "launches", 8, 1), ("us", "us each", 8, 2), ("total_us", "us", 8, 2)
]  # fmt: skip
PEER_COLUMNS: list[Column] = [
    ("renderer", "renderer", -24, 0), ("scene", "scene", -46, 0), ("forward_ms", "forward ms", 10, 4),
    ("backward_ms", "backward", 9, 4), ("both_ms", "both", 9, 4), ("peak_mib", "MiB", 8, 1), ("error", "", -1, 0),
]  # fmt: skip
GOAL_COLUMNS: list[Column] = [
    ("goal", "goal", -54, 0), ("value", "value", 10, 4), ("unit", "", -3, 0), ("limit", "limit", 8, 0),
    ("met", "", -12, 0),
]  # fmt: skip


def _rows(title: str, columns: Sequence[Column], rows: Rows) -> str:
    used = [column for column in columns if any(row.get(column[0]) is not None for row in rows)]
    lines = ["  ".join(_cell(name, width, 0) for _, name, width, _ in used)]
    lines += ["  ".join(_cell(row.get(key), width, digits) for key, _, width, digits in used) for row in rows]
    return "\n".join([title, *(line.rstrip() for line in lines)])


def _cell(value: object, width: int, digits: int) -> str:
    if value is None:
        text = "" if width == -1 else "-"
    elif isinstance(value, int | float) and not isinstance(value, bool):
        text = f"{value:,.{digits}f}"
    else:
        text = str(value)
    return text.ljust(-width) if width < 0 else text.rjust(width)


def _machine(machine: Mapping[str, Any], ceilings: Mapping[str, Any]) -> str:
    names = ("device", "driver", "cuda", "torch", "gendr_adapters", "commit", "date")
    lines = ["  ".join(f"{name}: {machine.get(name)}" for name in names)]
    if "memory_gb_s" in ceilings:
        lines.append(
            f"ceilings: memory {ceilings['memory_gb_s']:,.0f} GB/s ({ceilings['memory_how']}), "
            f"float32 {ceilings['fp32_gflop_s'] / 1e3:,.2f} Tflop/s ({ceilings['fp32_how']})"
        )
    return "\n".join(lines)


def _overhead(overhead: Mapping[str, Any]) -> str:
    shown = [f"{name} {value:.1f}" for name, value in overhead.items() if isinstance(value, float)]
    shown += [f"{name} {value}" for name, value in overhead.items() if isinstance(value, str)]
    return "Overhead (a scene of one face, 8^2)\n" + "  ".join(shown)
