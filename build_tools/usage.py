"""What ptxas says a kernel uses: registers, stack, spills and shared memory."""

import ctypes
import re

Usage = dict[str, dict[str, dict[str, int]]]  # kernel -> sm_90 -> resource -> amount

RESOURCES = ("registers", "stack", "spill_stores", "spill_loads", "shared")

_ENTRY = re.compile(r"Compiling entry function '(.+)' for '(sm_\w+)'")
_FUNCTION = re.compile(r"Function properties for (\S+)")
_FRAME = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
_USED = re.compile(r"Used (\d+) registers")
_STACK = re.compile(r"(\d+) bytes cumulative stack size")
_SHARED = re.compile(r"(\d+) bytes smem")


def parse(log: str) -> Usage:
    """Usage of each kernel in the log of one nvcc --resource-usage; functions it did not inline come by themselves.

    Raises ValueError where the reports of several architectures run into each other.
    """
    usage: Usage = {}
    entry = architecture = function = ""
    for line in log.splitlines():
        if match := _ENTRY.search(line):
            if entry:
                raise ValueError(f"no resource usage of {entry} for {architecture}")
            entry, architecture = match[1], match[2]
        elif match := _FUNCTION.search(line):
            function = match[1]
        elif match := _FRAME.search(line):
            stack, stores, loads = map(int, match.groups())
            used = dict(zip(RESOURCES, (0, stack, stores, loads, 0), strict=True))
            before = usage.setdefault(readable(function), {}).setdefault(architecture, used)
            if before is not used and function == entry:
                raise ValueError(f"two kernels of one file are called {readable(entry)}")
            before.update({name: max(before[name], amount) for name, amount in used.items()})
        elif match := _USED.search(line):
            if function != entry:
                raise ValueError(f"resource usage of {entry} expected, for {architecture}, got that of {function}")
            used = usage[readable(entry)][architecture]
            used["registers"] = int(match[1])
            used["stack"] = max([used["stack"], *map(int, _STACK.findall(line))])
            used["shared"] = sum(map(int, _SHARED.findall(line)))
            entry = ""
    if entry:
        raise ValueError(f"no resource usage of {entry} for {architecture}")
    return usage


def readable(symbol: str) -> str:
    """`render_tiles<float, true>`: demangled, without result, arguments and our own namespaces."""
    name = re.sub(r"\(anonymous namespace\)::|\b(?:gendr|cuda)::", "", _demangled(symbol))
    depth, start, end = 0, 0, len(name)
    for i, character in enumerate(name):
        depth += (character in "<(") - (character in ">)")
        if depth == 0 and character == " ":
            start = i + 1
        if depth == 1 and character == "(":
            end = i
            break
    return name[start:end].replace("> >", ">>")  # as the versions of the demangler do or do not


def _demangled(symbol: str) -> str:
    library = ctypes.CDLL("libstdc++.so.6")
    library.__cxa_demangle.restype = ctypes.c_void_p
    status = ctypes.c_int()
    text = library.__cxa_demangle(symbol.encode(), None, None, ctypes.byref(status))
    if not text:
        return symbol
    try:
        return ctypes.string_at(text).decode()
    finally:
        ctypes.CDLL(None).free(ctypes.c_void_p(text))
