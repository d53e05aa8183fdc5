"""Which tests run on which device, and a count, for the end of a run, of the comparisons with each golden file."""

import logging
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import hypothesis
import pytest
from cross import aarch64
from support import devices
from support.golden import GoldenCase
from support.moved_coordinates import moved_coordinates

# Tests hold on machines of any speed.
hypothesis.settings.register_profile("patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("patient")

MARKERS = [
    "nightly: takes long; run by `make nightly` alone (`pytest --nightly`)",
    "slow: takes seconds; not in `make test-fast`",
    "exact_coordinates: holds at these very coordinates, so not with --moved",
    "cpu_core: of something the CUDA core does otherwise (skipped, visibly, with --emulated)",
    "large: takes the emulator too long (skipped, visibly, with --emulated)",
]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--emulated", action="store_true", help="let the CUDA core, on csrc/emu, do what the CPU core does else"
    )
    parser.addoption(
        "--aarch64", action="store_true", help="let the CPU core be that for Linux on 64-bit ARM, under qemu"
    )
    parser.addoption("--nightly", action="store_true", help="the tests marked nightly, and no others")
    parser.addoption(
        "--moved", action="store_true", help="move float32 coordinates by their last bit, as rounding does"
    )


def pytest_configure(config: pytest.Config) -> None:
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    if config.getoption("--emulated"):
        devices.emulate()
    if config.getoption("--aarch64"):
        if missing := aarch64.missing_tools():
            raise pytest.UsageError(f"--aarch64: {missing}")
        devices.use_cpu_core(aarch64.core())


@pytest.fixture
def device(request: pytest.FixtureRequest) -> str:
    """Where a test's tensors go: 'cpu' or 'cuda'. 'cuda' stands for 'cpu' where the CUDA core is emulated."""
    return "cpu" if devices.is_emulated() else getattr(request, "param", "cuda")


@pytest.fixture(autouse=True)
def _moved_coordinates(request: pytest.FixtureRequest) -> Iterator[None]:
    with moved_coordinates() if request.config.getoption("--moved") else nullcontext():
        yield


def pytest_runtest_setup(item: pytest.Item) -> None:
    if devices.is_emulated():
        for name in ("cpu_core", "large"):
            if item.get_closest_marker(name):
                pytest.skip(f"{name}: not with --emulated")
    if reason := _why_not_on_a_gpu(item):
        if os.environ.get("GENDR_REQUIRE_CUDA") == "1":
            pytest.fail(f"GENDR_REQUIRE_CUDA=1, but there is {reason}", pytrace=False)
        pytest.skip(reason)


def _why_not_on_a_gpu(item: pytest.Item) -> str | None:
    """What keeps a test with the marker `cuda` from running. cuda(real=True): on the emulator it would show nothing."""
    marks = list(item.iter_markers("cuda"))
    if not marks or (devices.is_emulated() and not any(mark.kwargs.get("real") for mark in marks)):
        return None
    return "no real GPU: the CUDA core is emulated" if devices.is_emulated() else devices.why_no_cuda()


def _golden_stem(item: pytest.Item) -> str | None:
    """The golden file a test compares with: parity tests have a `case`, those of the scalar tables a `table`."""
    params = _params(item)
    case = params.get("case")
    if isinstance(case, GoldenCase) and "test_parity" in item.nodeid:
        return case.id.partition("-")[0]
    return "gendr_scalars" if "table" in params else None


def _params(item: pytest.Item) -> dict[str, Any]:
    return item.callspec.params if hasattr(item, "callspec") else {}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    nightly = config.getoption("--nightly")
    _deselect(config, items, lambda item: (item.get_closest_marker("nightly") is not None) != nightly)
    if devices.is_emulated():  # tests of both devices would be the same test twice
        _deselect(config, items, lambda item: _params(item).get("device") == "cpu")
    for item in items:
        if stem := _golden_stem(item):
            item.user_properties.append(("golden", stem))


@pytest.fixture
def quiet_compiler() -> Iterator[None]:
    """torch.compile without its logs: pytest asks for all of them, which takes longer than compiling."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def _deselect(config: pytest.Config, items: list[pytest.Item], unwanted: Callable[[pytest.Item], bool]) -> None:
    config.hook.pytest_deselected(items=[item for item in items if unwanted(item)])
    items[:] = [item for item in items if not unwanted(item)]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    outcomes = ("passed", "xfailed", "failed", "skipped")
    for outcome in (*outcomes, "error"):
        for report in terminalreporter.stats.get(outcome, []):
            for key, value in getattr(report, "user_properties", []):
                if key == "golden" and (report.when == "call" or outcome in ("skipped", "error")):
                    counts[value]["failed" if outcome == "error" else outcome] += 1
    if counts:
        terminalreporter.section("comparisons with the golden files (float64, float32, exact gradient; CPU, CUDA)")
    for stem, count in sorted(counts.items()):
        terminalreporter.write_line(f"{stem:20}" + "".join(f"{count[o]:6} {o}" for o in outcomes))
