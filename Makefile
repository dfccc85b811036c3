# `make demo` and `make test` need Python 3.10-3.13 and a package registry, nothing else.
PYTHON ?= python3
BIN = .venv/bin
comma := ,
# A file's tests share what is expensive: they stay in one process.
PARALLEL ?= --numprocesses 2 --dist loadfile
# uv leaves modules uncompiled: let the first import of each keep what it compiles.
export PYTHONDONTWRITEBYTECODE :=
# TensorFlow Addons want Python 3.10 or 3.11.
ADDONS_PYTHON ?= $(shell for python in python3.11 python3.10 $(PYTHON); do \
	$$python -c "import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 11))" \
	2>/dev/null && echo $$python && break; done)

# Colab's images have Python 3.13.
COLAB_PYTHON ?= $(shell for python in python3.13 $(PYTHON) \
	$(HOME)/.pyenv/versions/3.13.*/bin/python; do \
	$$python -c "import sys; sys.exit(sys.version_info[:2] != (3, 13))" \
	2>/dev/null && echo $$python && break; done)

.PHONY: demo docs test test-slow test-addons test-jax test-tpu test-croissant \
	test-wheel test-notebooks notebooks lint bench clean colab-python

demo: .venv/installed
	$(BIN)/medmnist-tfds decathlon run --phantom --budget smoke \
		--methods constant,resnet18_28 --jobs 2 --out runs/demo --data-dir runs/tfds
	$(BIN)/medmnist-tfds decathlon report runs/demo

# The site, into `site`: open site/index.html. The banner that is left out praises the
# theme's successor.
docs: .venv/installed-docs
	$(BIN)/python -m docs.generate
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --clean \
		--config-file build/mkdocs.yml
	@echo "Wrote the site: open site/index.html"

test: .venv/installed-test lint
	$(BIN)/python -m pytest $(PARALLEL) -m "not slow"

test-slow: .venv/installed-test
	$(BIN)/python -m pytest $(PARALLEL) -m slow

# What touches Keras, by Keras 2 and TensorFlow Addons; and what the oldest libraries
# beside them could break.
test-addons: .venv-addons/installed-test
	.venv-addons/bin/python -m pytest $(PARALLEL) -m "not slow" medmnist_tfds \
		tests/train tests/models tests/data/test_pipeline.py tests/score \
		tests/decathlon/test_methods.py tests/decathlon/test_comparison.py \
		tests/test_keras_versions.py tests/test_lanes.py tests/test_backend.py

# What trains, by Keras on JAX, and the lanes beside each other; what TFLite files hold
# is tested there with members and views; official weights are converted by TensorFlow.
test-jax: .venv-jax/installed-test
	KERAS_BACKEND=jax .venv-jax/bin/python -m pytest $(PARALLEL) -m "not slow" \
		--ignore tests/models/test_tflite.py --ignore tests/train/test_official.py \
		--ignore tests/train/test_tpu_check.py --ignore tests/train/test_recipe.py \
		tests/train tests/models tests/commands/test_train.py tests/test_lanes.py

# Training steps, compiled for TPUs by their own compiler; no TPU is needed. Keras is
# that of Colab's TPU image, and TensorFlow what an installation adds there.
OF_COLAB = $(shell grep -h "^keras==" notebooks/colab/tpu.txt; \
	grep -h "^tensorflow==" notebooks/colab/cpu.txt)
test-tpu: .venv-tpu/installed-test
	.venv-tpu/bin/python -m pytest --numprocesses 2 -m slow tests/train/test_tpu_check.py

# TFDS's CroissantBuilder, by the libraries that Apache Beam wants, reads what we write.
test-croissant: .venv-croissant/installed-test
	.venv-croissant/bin/python -m pytest tests/data/test_croissant_builder.py

# The wheel, built from the source distribution and installed in a new environment,
# passes the distribution's tests where no checkout is. WHEEL_TESTS= runs all quick ones.
# By itself: those of files that the wheel must hold.
WHEEL_TESTS ?= tests/data/test_preparing.py tests/data/test_croissant.py tests/score \
	tests/models/test_efficientnet.py tests/decathlon/test_methods.py \
	tests/decathlon/test_page.py tests/sources/test_manifests.py tests/test_release.py
test-wheel: .venv/installed-test
	$(BIN)/python tests/outside.py .venv-wheel $(PARALLEL) -m "not slow" $(WHEEL_TESTS)

# In copies of Colab's images, .venv-colab and .venv-colab-tpu: what installing us moves
# there, and every notebook, small.
test-notebooks: .venv/installed-test colab-python
	COLAB_PYTHON=$(COLAB_PYTHON) $(BIN)/python -m pytest tests/notebooks

# The same, and writes the output into the notebooks.
notebooks: .venv/installed colab-python
	$(BIN)/python notebooks/execute.py --python $(COLAB_PYTHON)

colab-python:
	@test -n "$(COLAB_PYTHON)" || { echo "No Python 3.13 found, which Colab's images \
have: make test-notebooks COLAB_PYTHON=..."; exit 1; }

lint: .venv/installed-test
	$(BIN)/ruff check
	$(BIN)/ruff format --check

bench: .venv/installed .venv-peer/installed
	$(BIN)/python -m benchmarks.run
	$(BIN)/python -m benchmarks.growth
	$(BIN)/python -m benchmarks.tables

# $(call environment,FOLDER,PYTHON): a new one, with uv, which installs in seconds what
# takes pip a minute; where there is no uv to be had, pip does it.
define environment
	$(2) -m venv $(1)
	$(1)/bin/python -m pip install --quiet --disable-pip-version-check uv \
		|| $(1)/bin/python -m pip install --quiet --upgrade pip  # old ones take minutes
endef
# $(call install,FOLDER,WHAT)
define install
	if $(1)/bin/python -m uv --version >/dev/null 2>&1; then \
		$(1)/bin/python -m uv pip install --quiet --python $(1)/bin/python $(2); \
	else $(1)/bin/python -m pip install --quiet $(2); fi
endef

.venv/installed: setup.cfg pyproject.toml
	@$(PYTHON) -c "import sys; v = sys.version_info[:2]; (3, 10) <= v <= (3, 13) or \
		sys.exit(f'Python {v[0]}.{v[1]} found, 3.10 to 3.13 needed: make PYTHON=...')"
	@echo "Installing TensorFlow and all else into .venv: half a minute on a fast line"
	@$(call environment,.venv,$(PYTHON))
	@$(call install,.venv,--editable .)
	@touch $@

.venv/installed-docs: .venv/installed
	@echo "Installing what the site needs into .venv"
	@$(call install,.venv,--editable '.[docs]')
	@touch $@

# --no-deps: of the official packages only the evaluator and the convolutions of volumes,
# our oracles, are used.
.venv/installed-test: .venv/installed
	@echo "Installing what the tests need into .venv"
	@$(call install,.venv,--editable '.[test]')
	@$(call install,.venv,--no-deps medmnist==3.0.2 ACSConv==0.1.1)
	@touch $@

.venv-addons/installed-test: setup.cfg pyproject.toml
	@test -n "$(ADDONS_PYTHON)" || { echo "No Python 3.10 or 3.11 found, which \
TensorFlow Addons need: make test-addons ADDONS_PYTHON=..."; exit 1; }
	@echo "Installing TensorFlow Addons and all else into .venv-addons"
	@$(call environment,.venv-addons,$(ADDONS_PYTHON))
	@$(call install,.venv-addons,--editable '.[addons$(comma)test]')
	@$(call install,.venv-addons,--no-deps medmnist==3.0.2)
	@touch $@

.venv-jax/installed-test: setup.cfg pyproject.toml
	@echo "Installing JAX and all else into .venv-jax"
	@$(call environment,.venv-jax,$(PYTHON))
	@$(call install,.venv-jax,--editable '.[jax$(comma)test]')
	@$(call install,.venv-jax,--no-deps medmnist==3.0.2)
	@touch $@

.venv-tpu/installed-test: setup.cfg pyproject.toml
	@echo "Installing the TPU's compiler and all else into .venv-tpu"
	@$(call environment,.venv-tpu,$(PYTHON))
	@$(call install,.venv-tpu,--editable '.[tpu-test]' 'pytest>=8' pytest-timeout \
		pytest-xdist $(OF_COLAB))
	@touch $@

.venv-croissant/installed-test: setup.cfg pyproject.toml
	@echo "Installing Apache Beam and all else into .venv-croissant"
	@$(call environment,.venv-croissant,$(PYTHON))
	@$(call install,.venv-croissant,--editable '.[croissant-test]' 'pytest>=8' \
		pytest-timeout)
	@touch $@

# What we are measured against: PyTorch and the official package, by themselves.
.venv-peer/installed:
	@$(call environment,.venv-peer,$(PYTHON))
	@$(call install,.venv-peer,torch==2.13.0 numpy pandas pillow scikit-learn tqdm)
	@$(call install,.venv-peer,--no-deps medmnist==3.0.2)
	@touch $@

clean:
	rm -rf .venv .venv-* build site *.egg-info runs/demo runs/tfds
