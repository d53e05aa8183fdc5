"""The goals set for an H200-class card, and whether this run meets them."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.gpu.scenes import BASE, SPHERE_5K, SPHERE_300K, Case

Row = Mapping[str, Any]


def judge(scenes: Sequence[Row], peers: Sequence[Row], overhead: Row) -> list[dict[str, Any]]:
    """Each goal with its value and 'met': True, False, or None where there is nothing to judge by."""

    def of(renderer: str, case: Case, key: str = "both_ms") -> float | None:
        """A renderer's number in the table of peers."""
        return next((r.get(key) for r in peers if r["renderer"] == renderer and r["scene"] == case.name), None)

    def over(renderer: str, case: Case, key: str = "both_ms", ours: str = "gendr_adapters, corners") -> float | None:
        """Theirs, divided by ours."""
        theirs, own = of(renderer, case, key), of(ours, case, key)
        return theirs / own if theirs and own else None

    base = next((row.get("both_ms") for row in scenes if row["scene"] == BASE.name), None)
    from_vertices = "gendr_adapters, vertices"
    slower = over("nvdiffrast", BASE, ours=from_vertices)
    less_memory = over("PyTorch3D K=50", BASE, "peak_mib", from_vertices)
    return [
        goal("spot 256^2, tau 1e-4, silhouette, forward + backward", base, "<", 0.25, "ms"),
        goal("times SoftRas' speed at 5k faces", over("SoftRas", SPHERE_5K), ">", 10, "x"),
        goal("times SoftRas' speed at 300k faces", over("SoftRas", SPHERE_300K), ">", 100, "x"),
        goal("times PyTorch3D's speed, K=50", over("PyTorch3D K=50", BASE, ours=from_vertices), ">", 10, "x"),
        goal("times less memory than PyTorch3D, K=50", less_memory, ">", 10, "x"),
        goal("times nvdiffrast's time, antialias included", 1 / slower if slower else None, "<", 1.5, "x"),
        goal("launch overhead of a whole forward", overhead.get("forward_us"), "<", 60, "us"),
    ]


def goal(name: str, value: float | None, sense: str, limit: float, unit: str) -> dict[str, Any]:
    met = None if value is None else bool(value < limit if sense == "<" else value > limit)
    return {"goal": name, "value": value, "limit": f"{sense} {limit:g}", "unit": unit, "met": met}
