# make demo   a whole run on the simulated bench, from nothing
# make test   every check the project has, from nothing
PYTHON ?= python3
VENV ?= .venv
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif
RUN := $(BIN)/python -m
EXTRAS := archive,package,page,report,xlsx

.PHONY: recompute-unchanged demo test thorough lint types types-linux types-win32 types-darwin imports unit benchmark point-rate kills batch-kills batch-faults batch-pause faults damage queue-sequences queue-kills service-kills service-viewers service-pictures calibrations control-charts coverage honest schemas wheelhouse docs clean long-run power-cuts archive archive-workers fair

demo: $(VENV)/installed
	$(BIN)/acquire run configs/sweeps/table2_sppo13_liq.yaml --report

test: lint types imports unit

lint: $(VENV)/installed-tests
	$(RUN) ruff check .
	$(RUN) ruff format --check .

# Linux, Windows and macOS, with the oldest Python that is supported; each with a cache of its own, two at a time
PLATFORMS := types-linux types-win32 types-darwin
types: $(VENV)/installed-tests
	$(MAKE) --no-print-directory --jobs 2 $(PLATFORMS)

$(PLATFORMS): types-%:
	$(RUN) mypy --platform $* --cache-dir .mypy_cache/$*

imports: $(VENV)/installed-tests
	$(BIN)/lint-imports

# three at a time on two cores: a third of the time of the tests is waiting, for real processes, a browser, instruments
unit: $(VENV)/installed-tests
	$(RUN) pytest -n 3 --dist loadfile --no-loadscope-reorder

thorough: $(VENV)/installed-tests
	$(RUN) pytest -n 3 --dist loadfile --no-loadscope-reorder --long

recompute-unchanged: $(VENV)/installed-tests
	PYTHONPATH=. $(BIN)/python -m tests.endurance.recompute_unchanged

benchmark: $(VENV)/installed-tests
	$(BIN)/python benchmarks/software_cost.py

archive: $(VENV)/installed-tests
	PYTHONPATH=. $(BIN)/python -m benchmarks.archive_index

archive-workers: $(VENV)/installed-tests
	$(RUN) tests.endurance.archive_workers

long-run: $(VENV)/installed-tests
	PYTHONPATH=. $(BIN)/python -m benchmarks.long_run

point-rate: $(VENV)/installed-tests
	$(BIN)/python benchmarks/point_rate.py

kills: $(VENV)/installed-tests
	$(RUN) tests.endurance.kill_table --kills 300 --jobs 2

power-cuts: $(VENV)/installed-tests
	$(RUN) tests.endurance.power_cuts --cuts 100

batch-kills: $(VENV)/installed-tests
	$(RUN) tests.endurance.batch_kills --kills 50

service-kills: $(VENV)/installed-tests
	$(RUN) tests.endurance.service_kills --kills 10 --disconnects 100

service-viewers: $(VENV)/installed-tests
	PYTHONPATH=. $(BIN)/python -m benchmarks.service_viewers

service-pictures: $(VENV)/installed-tests
	PYTHONPATH=. $(BIN)/python -m benchmarks.service_pictures

batch-faults: $(VENV)/installed-tests
	$(RUN) tests.endurance.batch_faults --trials 200

batch-pause: $(VENV)/installed-tests
	$(BIN)/python benchmarks/batch_pause.py

faults: $(VENV)/installed-tests
	$(RUN) tests.endurance.fault_table --jobs 2

calibrations: $(VENV)/installed-tests
	$(RUN) tests.endurance.calibrations --jobs 2

control-charts: $(VENV)/installed-tests
	$(RUN) tests.endurance.control_charts --jobs 2

damage: $(VENV)/installed-tests
	$(RUN) tests.endurance.damage_table

coverage: $(VENV)/installed-tests
	$(RUN) tests.endurance.coverage --benches 1000

honest: $(VENV)/installed-tests
	$(RUN) tests.endurance.honest_runs --runs 200

# the validators of others want other versions of what is installed here: each has an environment of its own
fair: $(VENV)/installed-tests
	$(RUN) tests.outside.fair --environments $(VENV)-outside

queue-sequences: $(VENV)/installed-tests
	$(RUN) tests.endurance.queue_sequences --sequences 100000 --jobs 2

queue-kills: $(VENV)/installed-tests
	$(RUN) tests.endurance.queue_kills --kills 500

wheelhouse: $(VENV)/installed
	$(RUN) docs.install.wheelhouse wheelhouse

schemas: $(VENV)/installed
	$(RUN) acquire.config --write-schemas configs/schema

docs: $(VENV)/installed
	$(RUN) acquire.config --write-reference docs/reference/yaml.md
	$(RUN) docs.reference_pages
	$(RUN) acquire.service.page_assets

$(VENV)/installed: pyproject.toml
	@echo "installing into $(VENV): a minute or two of silence"
	$(PYTHON) -m venv $(VENV)
	$(RUN) pip install --quiet --disable-pip-version-check --editable ".[$(EXTRAS)]"
	touch $@

$(VENV)/installed-tests: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(RUN) pip install --quiet --disable-pip-version-check --editable ".[$(EXTRAS),test]"
	touch $(VENV)/installed $@

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
