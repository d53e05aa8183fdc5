# Every target sets itself up from a fresh clone: a virtual environment in .venv, the pinned requirements, the package
# built in place. Stamp files in .venv/stamps keep the set-up from being repeated; `make clean` forgets it all.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/stamps
OUT ?= out
PYTEST_ARGS ?=
NIGHTLY_ARGS ?=
PAIRS ?= 3.10:2.5.1
TAG ?= v$(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
FUZZ_ARGS ?=
EVIDENCE_ARGS ?=
NOTEBOOKS ?=

NATIVE := $(shell find csrc -type f ! -name budget.json)
CXX_FILES := $(filter %.cpp %.cu %.cuh %.h,$(NATIVE)) benchmarks/limits.cpp $(wildcard compat_tests/fuzz/*.cpp compat_tests/fuzz/*.h compat_tests/cross/*.cpp)

.PHONY: help demo example test test-fast environments nightly sanitize fuzz clang coverage budget lint tidy docs pages
.PHONY: evidence notebooks bench bench-gpu wheels release-notes checksums format hooks clean
.NOTPARALLEL:

help:
	@echo "make demo    render spot, fit a sphere to an airplane; pictures in $(OUT)/"
	@echo "make example fit a sphere to pictures of spot, a PyTorch3D program on our core; pictures in $(OUT)/"
	@echo "make test    all tests a release needs; PYTEST_ARGS='-k parity' picks some"
	@echo "make test-fast  the quick ones of them, for while you work"
	@echo "make nightly hours: every instruction set, long sweeps; stop it and it goes on next time; NIGHTLY_ARGS='--list'"
	@echo "make sanitize  the tests of the native core, on a build that checks memory and undefined behaviour"
	@echo "make coverage  the lines of Python and of the native core that the core's tests do not reach"
	@echo "make environments  the quick tests in other versions: PAIRS='3.10:2.5.1 3.13:2.9.1' of Python and torch"
	@echo "make clang   the same tests on a build by clang; CLANG=clang++-14 names it"
	@echo "make fuzz    calls of the native core made of random bytes, on such a build; FUZZ_ARGS='--calls N', a million else"
	@echo "make budget  let the CUDA kernels' budget (csrc/cuda/budget.json) be what they use now"
	@echo "make wheels  the source archive and the wheels that are published, into dist/, checked and tried"
	@echo "make lint    ruff, mypy, clang-format and the checks of CI's own files; make tidy: clang-tidy"
	@echo "make docs    the site, from docs/ and the docstrings, into build/site; a warning or a dead link fails"
	@echo "make evidence  hours: what is missing of the papers' tables; stop it and it goes on next time; EVIDENCE_ARGS='--list'"
	@echo "make pages   write the pages of docs/ that are made from results"
	@echo "make notebooks  run the notebooks and store their outputs in them; NOTEBOOKS='01_hello_triangle' picks some"
	@echo "make bench   the tables of timings; make bench-gpu: on a GPU"
	@echo "make release-notes  the changelog's section of TAG, into $(OUT)/; make checksums: of what is in dist/"
	@echo "make format  let ruff and clang-format rewrite the sources"
	@echo "make hooks   install the pre-commit hook"
	@echo "make clean   remove everything that was built, .venv included"

# Where there is an nvcc and no GPU, demo and example do with the CPU core: CUDA takes minutes to compile. A whole package
# that is there already is kept.
NVCC := $(or $(CUDACXX),$(CUDA_HOME),$(CUDA_PATH),$(shell command -v nvcc),$(wildcard /usr/local/cuda/bin/nvcc))
GPU := $(wildcard /dev/nvidia[0-9]*)
CUDA_IS_FOR_NOTHING = $(if $(NVCC),$(if $(or $(GPU),$(GENDR_CUDA),$(wildcard $(STAMPS)/package)),,yes))
SOME_PACKAGE = $(STAMPS)/package$(if $(CUDA_IS_FOR_NOTHING),-cpu)

demo: $(STAMPS)/demo $(SOME_PACKAGE)
	$(BIN)/python -m gendr_adapters.demo --out $(OUT)

example: $(STAMPS)/test $(STAMPS)/pytorch3d $(SOME_PACKAGE)
	$(BIN)/python examples/pytorch3d_fit_mesh.py --out $(OUT)

# Two runs more: with the kernels of the CUDA core, emulated, in the place of the CPU core; and the comparisons with the
# reference renderers on the plainest instruction set, as on a processor that has no other.
EMULATED_TESTS := test_parity test_core_vs_reference test_cuda test_cuda_inputs test_distributions test_fragments
EMULATED_TESTS += test_nearest_fragments
EMULATED_TESTS += test_blend test_near_clip pytorch3d/test_fragments_parity
EMULATED_TESTS += test_shading test_map_gradients test_depths_of_any_sign kaolin/test_any_z test_edge_gradients
EMULATED_TESTS += test_reach_shape kaolin/test_rasterize kaolin/test_soft_mask kaolin/test_dibr kaolin/test_kaolin_golden
EMULATED_TESTS += kaolin/test_soft_mask_native kaolin/test_kaolin_near_plane
EMULATED_TESTS += soft_renderer/test_door_devices soft_renderer/test_mesh soft_renderer/test_mesh_losses soft_renderer/test_uv_textures
EMULATED_TESTS += redner/test_samples redner/test_point_queries redner/test_redner_on_gpu redner/test_redner_core_shading
BASELINE_TESTS := test_parity test_core_vs_reference pytorch3d/test_fragments_parity pytorch3d/test_image_parity
BASELINE_TESTS += pytorch3d/test_shader_batches kaolin/test_kaolin_golden

# A test process a core, of one thread each: tests of threads ask for two.
PYTEST := OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive GENDR_REQUIRE_PYTORCH3D=1 GENDR_REQUIRE_JAX=1 $(BIN)/python -m pytest
PYTEST += --numprocesses=auto --dist=worksteal
# What PYTEST_ARGS picks need not be in every run.
NONE_PICKED := $(if $(PYTEST_ARGS),|| test $$? = 5)

test: $(STAMPS)/test $(STAMPS)/pytorch3d $(STAMPS)/package $(STAMPS)/handlers
	$(PYTEST) $(PYTEST_ARGS) $(NONE_PICKED)
	$(PYTEST) --emulated $(EMULATED_TESTS:%=compat_tests/%.py) $(PYTEST_ARGS) $(NONE_PICKED)
	GENDR_ISA=baseline $(PYTEST) $(BASELINE_TESTS:%=compat_tests/%.py) $(PYTEST_ARGS) $(NONE_PICKED)

test-fast: $(STAMPS)/test $(STAMPS)/pytorch3d $(STAMPS)/package $(STAMPS)/handlers
	$(PYTEST) -m "not slow and not cuda" $(PYTEST_ARGS)

environments: $(STAMPS)/package
	$(BIN)/python -m compat_tests.environments $(PAIRS)

nightly: $(STAMPS)/test $(STAMPS)/pytorch3d $(STAMPS)/package
	$(BIN)/python -m compat_tests.nightly $(NIGHTLY_ARGS)

# A second build beside the first; pytest by its script, not -m, which would put the first build before it.
CHECKED := $(VENV)/sanitize
SANITIZED_TESTS := test_fuzz test_regressions test_robustness test_core_vs_reference test_parity test_fragments test_blend
SANITIZED_TESTS += test_near_clip test_compiled test_nearest_fragments

sanitize: $(STAMPS)/test $(STAMPS)/package
	rm -rf $(CHECKED)
	GENDR_SANITIZE=1 GENDR_CUDA=0 $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target $(CHECKED) .
	LD_PRELOAD="$$(g++ -print-file-name=libasan.so) $$(g++ -print-file-name=libubsan.so)" PYTHONPATH=$(CHECKED) \
	ASAN_OPTIONS=detect_leaks=0:use_sigaltstack=0 \
	$(BIN)/pytest -p no:faulthandler $(SANITIZED_TESTS:%=compat_tests/%.py) $(PYTEST_ARGS)

# As sanitize, of what the core's own tests reach: a file a line, with the lines that nothing reached.
COVERED := $(VENV)/coverage
COVERED_TESTS := $(SANITIZED_TESTS) test_bad_input test_depths_of_any_sign test_distributions test_edge_gradients
COVERED_TESTS += test_interrupting test_large_batches test_map_gradients test_openmp test_reach_shape test_shading
COVERED_TESTS += test_steep_t_conorms test_t_conorms test_watertight kaolin/test_soft_mask kaolin/test_soft_mask_native

coverage: $(STAMPS)/coverage $(STAMPS)/pytorch3d $(STAMPS)/package
	rm -rf $(COVERED)
	find build -name '*.gc??' -delete
	GENDR_COVERAGE=1 GENDR_CUDA=0 $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target $(COVERED) .
	PYTHONPATH=$(COVERED) OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive \
	$(BIN)/pytest --cov=$(COVERED)/gendr_adapters --cov-report=term-missing:skip-covered $(COVERED_TESTS:%=compat_tests/%.py) $(PYTEST_ARGS)
	$(BIN)/gcovr --root . --filter csrc/ --merge-lines build

# As sanitize. Warnings are errors, and the numbers are held against the goldens and the reference.
CLANG ?= clang++
BY_CLANG := $(VENV)/clang

clang: $(STAMPS)/test $(STAMPS)/package
	rm -rf $(BY_CLANG)
	CXX=$(CLANG) GENDR_WERROR=1 GENDR_CUDA=0 \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target $(BY_CLANG) .
	PYTHONPATH=$(BY_CLANG) OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive $(BIN)/pytest --numprocesses=auto --dist=worksteal \
	$(SANITIZED_TESTS:%=compat_tests/%.py) $(PYTEST_ARGS)

fuzz: $(STAMPS)/venv
	$(BIN)/python -m compat_tests.fuzz $(FUZZ_ARGS)

budget: $(STAMPS)/package
	$(BIN)/python -m build_tools.budget --write

# CUDACXX=/a/bin/nvcc:/b/bin/nvcc names the nvccs of several CUDA versions.
wheels: $(STAMPS)/wheels
	$(BIN)/python -m build_tools.wheels

# mypy reads the tests, too, so what they import must be there.
lint: $(STAMPS)/lint $(STAMPS)/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/clang-format --dry-run -Werror $(CXX_FILES)
	$(BIN)/zizmor --offline --quiet .github
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-forms $(filter-out %/config.yml,$(wildcard .github/ISSUE_TEMPLATE/*.yml))
	$(BIN)/check-jsonschema --builtin-schema vendor.citation-file-format CITATION.cff

# The CUDA core is looked at as the emulator compiles it.
TIDY = $(BIN)/clang-tidy --quiet --warnings-as-errors='*'

tidy: $(STAMPS)/lint $(STAMPS)/test
	$(TIDY) $(filter-out %/kernels.cpp,$(wildcard csrc/cpu/*.cpp)) -- -std=c++17 -pthread
	$(TIDY) csrc/cpu/kernels.cpp -- -std=c++17 -pthread -DGENDR_ISA=baseline
	$(TIDY) csrc/jax/handlers.cpp -- -std=c++17 -isystem $$($(BIN)/python -c 'from build_tools import handlers; print(handlers.headers())')
	$(TIDY) $(wildcard csrc/emu/*.cpp csrc/cuda/*.cu) -- -x c++ -std=c++17 -pthread -DGENDR_EMU -DGENDR_ISA=emu

# The API pages import every door, so PyTorch3D's Python layer has to be there. Built from nothing each time: a warning of
# a page that is kept from an earlier build would not come again.
docs: $(STAMPS)/docs $(STAMPS)/pytorch3d $(SOME_PACKAGE)
	$(BIN)/python -m sphinx --builder html --fresh-env --fail-on-warning --quiet docs build/site

evidence: $(STAMPS)/demo $(SOME_PACKAGE)
	OMP_NUM_THREADS=1 nice -n 19 $(BIN)/python experiments/run_evidence.py $(EVIDENCE_ARGS)

pages: $(STAMPS)/demo $(SOME_PACKAGE)
	$(BIN)/python experiments/make_docs.py
	$(BIN)/python -m benchmarks.history --docs

notebooks: $(STAMPS)/test $(STAMPS)/pytorch3d $(SOME_PACKAGE)
	$(BIN)/python -m build_tools.notebooks $(NOTEBOOKS)

release-notes: $(STAMPS)/venv
	mkdir -p $(OUT)
	$(BIN)/python -m build_tools.changelog $(TAG) --released > $(OUT)/release-notes.md

checksums:
	cd dist && sha256sum *.whl *.tar.gz > SHA256SUMS

bench: $(STAMPS)/test $(STAMPS)/pytorch3d $(STAMPS)/package
	$(BIN)/python -m benchmarks --history benchmarks/results/history.jsonl
	$(BIN)/python -m benchmarks.limits
	$(BIN)/python -m benchmarks.growth

bench-gpu: $(STAMPS)/demo $(STAMPS)/package
	$(BIN)/python -m benchmarks.gpu --json benchmarks/results/gpu.json

format: $(STAMPS)/lint
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $(CXX_FILES)

hooks: $(STAMPS)/lint
	$(BIN)/pre-commit install

clean:
	rm -rf $(VENV) $(OUT) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache
	find gendr_adapters \( -name '*.so' -o -name 'libgendr_*.json' -o -name 'libgendr_*.txt' \) -delete

$(STAMPS)/venv:
	$(PYTHON) -m venv $(VENV)
	mkdir -p $(STAMPS)
	touch $@

$(STAMPS)/base $(STAMPS)/demo $(STAMPS)/test $(STAMPS)/docs $(STAMPS)/lint $(STAMPS)/wheels $(STAMPS)/coverage: $(STAMPS)/%: requirements/%.txt requirements/base.txt $(STAMPS)/venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r $<
	touch $@

$(STAMPS)/test: requirements/demo.txt
$(STAMPS)/coverage: requirements/demo.txt requirements/test.txt

# PyTorch3D's Python layer, unless there is a whole PyTorch3D.
$(STAMPS)/pytorch3d: $(STAMPS)/test compat_tests/pytorch3d/install.py compat_tests/pytorch3d/compiled_stub.py
	$(BIN)/python compat_tests/pytorch3d/install.py
	touch $@

# The handlers for jax, which the build of the package leaves out: pip builds where no jax is to be seen.
$(STAMPS)/handlers: $(STAMPS)/test $(wildcard csrc/jax/*) csrc/include/gendr.h build_tools/handlers.py
	GENDR_WERROR=1 $(BIN)/python -m build_tools.handlers
	touch $@

# Editable, so that Python changes need no reinstall; the native libraries are rebuilt when their sources change. There is
# one of these two stamps, as a build without CUDA removes the CUDA libraries that lie there.
EDITABLE := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .

$(STAMPS)/package $(STAMPS)/package-cpu: $(NATIVE) $(wildcard build_tools/*) setup.py pyproject.toml $(STAMPS)/base

$(STAMPS)/package:
	GENDR_WERROR=1 $(EDITABLE)
	rm -f $@-cpu
	touch $@

$(STAMPS)/package-cpu:
	GENDR_CUDA=0 GENDR_WERROR=1 $(EDITABLE)
	touch $@
