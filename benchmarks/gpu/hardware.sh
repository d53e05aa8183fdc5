#!/usr/bin/env bash
# Everything that needs a GPU, in the repository's root on the machine that has one:
#
#     bash benchmarks/gpu/hardware.sh [build] [check] [sanitize] [bench]     (none named: all)
#
# build     the CUDA core for this GPU alone, in place; the other stages begin with it where it is missing
# check     the tests marked `cuda`; none may skip for want of a GPU
# sanitize  compute-sanitizer's memcheck, racecheck and synccheck over benchmarks/gpu/small_scene.py
# bench     python -m benchmarks.gpu
#
# Logs and bench.json go to $OUT (default: out/hardware), a summary is printed last. Nothing is downloaded or installed,
# but Python packages the machine lacks are taken from wheels in .whl/ (trimesh is one on some machines). Settings of the
# GPU are not touched. A stage that fails does not keep the next from running; the exit status says how many failed.
#
#     PYTHON          interpreter with torch (python3)
#     SECONDS_IN_ALL  for all stages named; one that would outlast it is stopped, and its log kept (560)
#     BENCH_ARGS      more arguments of the benchmark, e.g. "--full" or "--device cpu --quick"
#     GENDR_COMMIT    what is measured, where there is no git
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

PYTHON=${PYTHON:-python3}
OUT=${OUT:-out/hardware}
SECONDS_IN_ALL=${SECONDS_IN_ALL:-560}
mkdir -p "$OUT"
OUT=$(cd "$OUT" && pwd)
export PYTHONUNBUFFERED=1 PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}"
summary=()
failures=0

packages() {
    compgen -G ".whl/*.whl" >/dev/null || return 0
    local site="${TMPDIR:-/tmp}/gendr_site"
    "$PYTHON" -m pip install -q --no-index --no-deps --no-compile --no-cache-dir --upgrade --target "$site" .whl/*.whl &&
        export PYTHONPATH="$PYTHONPATH:$site"
}

seconds_left() {
    local left=$((SECONDS_IN_ALL - SECONDS))
    echo $((left > 5 ? left : 5))
}

# stage NAME COMMAND...: runs it in the time left, with its output in $OUT/NAME.log and on the screen
stage() {
    local name=$1 begin=$SECONDS status
    shift
    printf '\n== %s: %s\n' "$name" "$*"
    timeout --kill-after=10 "$(seconds_left)" "$@" 2>&1 | tee "$OUT/$name.log"
    status=${PIPESTATUS[0]}
    if [ "$status" != 0 ]; then failures=$((failures + 1)); fi
    summary+=("$(printf '%-12s exit %-4s %4s s   %s' "$name" "$status" $((SECONDS - begin)) "$(last_line "$OUT/$name.log")")")
    return "$status"
}

last_line() {
    grep -v '^[[:space:]]*$' "$1" | tail -n 1 | cut -c 1-110
}

architecture() {
    local found
    found=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null | head -n 1 | tr -d '. ')
    echo "${GENDR_CUDA_ARCHS:-${found:-90}}"
}

build() {
    GENDR_CUDA=1 GENDR_CUDA_ARCHS=$(architecture) stage build "$PYTHON" setup.py -q build_ext --inplace
}

built() {
    compgen -G "gendr_adapters/_native/libgendr_cuda*.so" >/dev/null
}

check() {
    local files
    mapfile -t files < <(grep -lE 'mark\.cuda|DEVICES' compat_tests/test_*.py)
    if [ ${#files[@]} = 0 ]; then
        summary+=("check        no file in compat_tests has a test marked cuda")
        failures=$((failures + 1))
        return
    fi
    # Only their files: others may import what this machine lacks.
    GENDR_REQUIRE_CUDA=1 stage check "$PYTHON" -m pytest -q -p no:cacheprovider -m cuda "${files[@]}"
}

sanitize() {
    local checker tool
    checker=$(command -v compute-sanitizer || ls /usr/local/cuda/bin/compute-sanitizer 2>/dev/null)
    if [ -z "$checker" ]; then
        summary+=("sanitize     compute-sanitizer not found")
        failures=$((failures + 1))
        return
    fi
    for tool in memcheck racecheck synccheck; do
        # Without torch's cache of memory each tensor is an allocation of its own, whose bounds can be checked.
        PYTORCH_NO_CUDA_MEMORY_CACHING=1 stage "sanitize-$tool" "$checker" --tool "$tool" --error-exitcode 9 \
            "$PYTHON" -m benchmarks.gpu.small_scene
    done
}

bench() {
    # shellcheck disable=SC2086
    stage bench "$PYTHON" -m benchmarks.gpu --limit $(($(seconds_left) - 60)) --json "$OUT/bench.json" \
        ${GENDR_COMMIT:+--commit "$GENDR_COMMIT"} ${BENCH_ARGS:-}
}

stages=("$@")
[ ${#stages[@]} -gt 0 ] || stages=(build check sanitize bench)
for name in "${stages[@]}"; do
    case $name in
    build | check | sanitize | bench) ;;
    *) echo "no stage $name; there are: build check sanitize bench" >&2 && exit 64 ;;
    esac
done

packages
"$PYTHON" - <<'PROBE' || exit 65
import importlib.util as util
import sys
from importlib.metadata import version

missing = [name for name in ("torch", "numpy", "trimesh", "imageio", "pytest") if util.find_spec(name) is None]
if int(version("setuptools").partition(".")[0]) < 77:
    missing.append("setuptools>=77")
sys.exit(f"missing Python packages: {', '.join(missing)}; put their wheels into .whl/" if missing else 0)
PROBE

for name in "${stages[@]}"; do
    case $name in
    build) build ;;
    *)
        case "$name ${BENCH_ARGS:-}" in
        "bench "*"--device cpu"*) ;; # only walks through the benchmark
        *) built || build || break ;;
        esac
        "$name"
        ;;
    esac
done

printf '\n== summary\n'
{
    nvidia-smi --query-gpu=name,driver_version --format=csv,noheader 2>/dev/null || echo "no nvidia-smi"
    printf '%s\n' "${summary[@]}"
} | tee "$OUT/summary.txt"
exit "$failures"
