# `make demo` and `make test` need Python 3.10-3.13 and a package registry, nothing else.
PYTHON ?= python3
BIN = .venv/bin

.PHONY: demo test test-slow lint bench clean

demo: .venv/installed
	$(BIN)/medmnist-tfds decathlon run --phantom --budget smoke \
		--methods constant,resnet18_28 --jobs 2 --out runs/demo --data-dir runs/tfds
	$(BIN)/medmnist-tfds decathlon report runs/demo

test: .venv/installed-test lint
	$(BIN)/python -m pytest -m "not slow"

test-slow: .venv/installed-test
	$(BIN)/python -m pytest -m slow

lint: .venv/installed-test
	$(BIN)/ruff check
	$(BIN)/ruff format --check

bench: .venv/installed .venv-peer/installed
	$(BIN)/python -m benchmarks.run

.venv/installed: setup.cfg pyproject.toml
	$(PYTHON) -c "import sys; v = sys.version_info[:2]; (3, 10) <= v <= (3, 13) or \
		sys.exit(f'Python {v[0]}.{v[1]} found, 3.10 to 3.13 needed: make PYTHON=...')"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip  # old ones resolve for minutes
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

# --no-deps: of the official package only the evaluator, our oracle, is used.
.venv/installed-test: .venv/installed
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	$(BIN)/python -m pip install --quiet --no-deps medmnist==3.0.2
	touch $@

# What we are measured against: PyTorch and the official package, by themselves.
.venv-peer/installed:
	$(PYTHON) -m venv .venv-peer
	.venv-peer/bin/python -m pip install --quiet --upgrade pip
	.venv-peer/bin/python -m pip install --quiet torch==2.13.0 torchvision \
		numpy pandas pillow scikit-learn tqdm
	.venv-peer/bin/python -m pip install --quiet --no-deps medmnist==3.0.2
	touch $@

clean:
	rm -rf .venv .venv-peer build *.egg-info runs/demo runs/tfds
