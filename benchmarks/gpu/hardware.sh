#!/usr/bin/env bash
# Everything that needs a GPU, in the repository's root on the machine that has one:
#
#     bash benchmarks/gpu/hardware.sh [STAGE...]      (none named: all, in this order)
#
# build     the CUDA core for this GPU alone, in place; the other stages begin with it where it is missing
# bench     python -m benchmarks.gpu: timings, and the CPU core's results beside them
# check     the tests marked `cuda`; none may skip for want of a GPU. Streams and determinism alone, the rest in parallel
# sanitize  compute-sanitizer's memcheck, initcheck, racecheck and synccheck over benchmarks/gpu/small_scene.py
# profile   ncu of the two large kernels: a silhouette, colour, 327,680 faces, and textures in Phong's light
#
# $OUT (default: out/hardware) gets summary.txt, bench.json and logs.tar.gz with everything else, anew after each stage.
# Nothing is downloaded or installed, but Python packages the machine lacks are taken from wheels in .whl/. Settings of
# the GPU are not touched. A stage that fails does not keep the next from running; the exit status says how many failed.
#
#     PYTHON          interpreter with torch (python3)
#     SECONDS_IN_ALL  for all stages named; what would outlast them is interrupted, and its log kept (560)
#     BENCH_SECONDS   for the benchmark, of these (300)
#     BENCH_ARGS      more arguments of the benchmark, e.g. "--full" or "--device cpu --quick"
#     WORKERS         processes that share the tests (12)
#     GENDR_COMMIT    what is measured, where there is no git
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

PYTHON=${PYTHON:-python3}
OUT=${OUT:-out/hardware}
SECONDS_IN_ALL=${SECONDS_IN_ALL:-560}
BENCH_SECONDS=${BENCH_SECONDS:-300}
WORKERS=${WORKERS:-12}
readonly LEAST=20 # seconds: nothing is begun with less
mkdir -p "$OUT"
OUT=$(cd "$OUT" && pwd)
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
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
    echo $((SECONDS_IN_ALL - SECONDS))
}

# note NAME STATUS SECONDS TEXT: a line of the summary; all results go to $OUT
note() {
    [ "$2" = 0 ] || failures=$((failures + 1))
    summary+=("$(printf '%-20s exit %-4s %4s s   %s' "$1" "$2" "$3" "$4")")
    {
        nvidia-smi --query-gpu=name,driver_version --format=csv,noheader 2>/dev/null || echo "no nvidia-smi"
        printf '%s\n' "${summary[@]}"
    } >"$OUT/summary.txt"
    tar -czf "$OUT/logs.tar.gz" -C "$logs" .
}

# stage NAME SECONDS COMMAND...: runs it for so long at most, with its output in NAME.log and on the screen
stage() {
    local name=$1 limit=$2 begin=$SECONDS left status
    shift 2
    left=$(seconds_left)
    if [ "$left" -lt "$LEAST" ]; then
        note "$name" 124 0 "no time left"
        return 124
    fi
    printf '\n== %s: %s\n' "$name" "$*"
    # An interrupt, as by Ctrl-C: pytest and the benchmark then say how far they came.
    timeout --signal=INT --kill-after=15 $((limit < left ? limit : left)) "$@" 2>&1 | tee "$logs/$name.log"
    status=${PIPESTATUS[0]}
    note "$name" "$status" $((SECONDS - begin)) "$(last_line "$logs/$name.log")"
    return "$status"
}

last_line() {
    grep -v '^[[:space:]]*$' "$1" | tail -n 1 | cut -c 1-110
}

# tool NAME: where the toolkit's program is
tool() {
    command -v "$1" || ls "/usr/local/cuda/bin/$1" 2>/dev/null
}

architecture() {
    local found
    found=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null | head -n 1 | tr -d '. ')
    echo "${GENDR_CUDA_ARCHS:-${found:-90}}"
}

build() {
    GENDR_CUDA=1 GENDR_CUDA_ARCHS=$(architecture) stage build 400 "$PYTHON" setup.py -q build_ext --inplace
}

built() {
    compgen -G "gendr_adapters/_native/libgendr_cuda*.so" >/dev/null
}

bench() {
    local left limit
    left=$(seconds_left)
    limit=$((BENCH_SECONDS < left ? BENCH_SECONDS : left))
    # Nothing new is begun in the last part of its time, which the table and the scene at hand need.
    # shellcheck disable=SC2086
    stage bench "$BENCH_SECONDS" "$PYTHON" -m benchmarks.gpu --limit $((limit > 60 ? limit - 40 : LEAST)) \
        --json "$OUT/bench.json" ${GENDR_COMMIT:+--commit "$GENDR_COMMIT"} ${BENCH_ARGS:-}
}

check() {
    local alone=(compat_tests/test_cuda_streams.py compat_tests/test_determinism.py) files parallel=()
    # Only files with such tests: others may import what this machine lacks.
    mapfile -t files < <(grep -rlE 'mark\.cuda|DEVICES' --include='test_*.py' compat_tests |
        grep -vxF -e "${alone[0]}" -e "${alone[1]}" | sort)
    "$PYTHON" -c 'import xdist' 2>/dev/null && parallel=(-n "$WORKERS")
    export GENDR_REQUIRE_CUDA=1
    local pytest=("$PYTHON" -m pytest -q -p no:cacheprovider --continue-on-collection-errors -m "cuda and not nightly")
    stage check-alone 200 "${pytest[@]}" "${alone[@]}"
    # One thread each: many processes share the cores.
    OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive stage check 500 "${pytest[@]}" ${parallel[@]+"${parallel[@]}"} "${files[@]}"
}

sanitize() {
    local checker check
    if ! checker=$(tool compute-sanitizer); then
        note sanitize 127 0 "compute-sanitizer not found"
        return
    fi
    for check in memcheck initcheck racecheck synccheck; do
        # Without torch's cache of memory each tensor is an allocation of its own, whose bounds can be checked.
        PYTORCH_NO_CUDA_MEMORY_CACHING=1 stage "sanitize-$check" 200 "$checker" --tool "$check" --error-exitcode 9 \
            "$PYTHON" -m benchmarks.gpu.small_scene
    done
}

profile() {
    local ncu scene
    if ! ncu=$(tool ncu); then
        note profile 127 0 "ncu not found"
        return
    fi
    for scene in silhouette colour 300k phong; do
        # The clocks stay as they are. The first pass, which loads the kernels, and the forward before it are left out.
        stage "profile-$scene" 150 "$ncu" --clock-control none --set full --kernel-name 'regex:render_(shaded_)?tiles|sum_(shaded_)?faces' \
            --launch-skip 3 --launch-count 2 --force-overwrite --export "$logs/$scene" \
            "$PYTHON" -m benchmarks.gpu.one_scene "$scene" &&
            "$ncu" --import "$logs/$scene.ncu-rep" --page details >"$logs/$scene.txt"
    done
    tar -czf "$OUT/logs.tar.gz" -C "$logs" .
}

readonly ALL=(build bench check sanitize profile)
stages=("$@")
[ ${#stages[@]} -gt 0 ] || stages=("${ALL[@]}")
for name in "${stages[@]}"; do
    case " ${ALL[*]} " in
    *" $name "*) ;;
    *) echo "no stage $name; there are: ${ALL[*]}" >&2 && exit 64 ;;
    esac
done

packages
"$PYTHON" - <<'PROBE' || exit 65
import importlib.util as util
import sys
from importlib.metadata import version

needed = ("torch", "numpy", "scipy", "pytest", "hypothesis", "matplotlib", "imageio", "tqdm", "setuptools")
missing = [name for name in needed if util.find_spec(name) is None]
if "setuptools" not in missing and int(version("setuptools").partition(".")[0]) < 77:
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
cat "$OUT/summary.txt"
exit "$failures"
