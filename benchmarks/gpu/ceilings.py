"""What the device can do at most, measured: memory and float32 arithmetic."""

import torch

from benchmarks.gpu.timing import Clock, time_call


def measure_ceilings(device: torch.device, seconds: float, quick: bool) -> dict[str, float | str]:
    """Gigabytes a second of a large copy, read and written; Gflop/s of a large float32 matrix product without TF32.

    The product is the library's (cuBLAS on CUDA), not a bare loop of fused multiply-adds: the units can do a bit more.
    """
    values, side = (1 << 18, 256) if quick else (1 << 29, 8192)
    return {
        "memory_gb_s": 2 * 4 * values / _copy_ms(values, device, seconds) / 1e6,
        "memory_how": f"copy of {4 * values / 1e6:,.0f} MB on the device, bytes read plus bytes written",
        "fp32_gflop_s": 2 * side**3 / _product_ms(side, device, seconds) / 1e6,
        "fp32_how": f"torch matrix product {side}^3, float32, TF32 off",
    }


def _copy_ms(values: int, device: torch.device, seconds: float) -> float:
    source = torch.rand(values, device=device)
    target = torch.empty_like(source)
    return time_call(lambda _: target.copy_(source), Clock(device), seconds).median


def _product_ms(side: int, device: torch.device, seconds: float) -> float:
    a, b = torch.rand(side, side, device=device), torch.rand(side, side, device=device)
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        return time_call(lambda _: a @ b, Clock(device), seconds).median
    finally:
        torch.set_float32_matmul_precision(before)
