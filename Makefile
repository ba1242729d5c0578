# Two commands: `make warehouse` builds, `make test` tests. Both make .venv first and
# leave it alone as long as requirements.lock does not change.

# One that runs: a version manager may leave a name that does not. Where there is none,
# uv brings one. Others that do: make PYTHON=python3.13
PYTHON ?= $(shell python3.11 --version > /dev/null 2>&1 && command -v python3.11)
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: help warehouse test pytest lint fetch validate report figures export \
    publish-postgres docs explore kill-table fuzz superset superset-dashboard \
    test-superset spark test-spark simulate calibrate bench lock clean

help:
	@echo "make warehouse            build on AEI_DATA_DIR, or on the simulated release"
	@echo "make spark                the same on Apache Spark (docs/scale.md)"
	@echo "make test                 lint, dbt unit and data tests, pytest"
	@echo "make fetch RELEASE=...    download a release into AEI_DATA_DIR or data/aei"
	@echo
	@echo "On the published warehouse, which they leave as it is:"
	@echo "make report | figures     the page; its charts as SVG and PNG"
	@echo "make validate             ask the expectations again (EXPORT_GX=folder: as GX files)"
	@echo "make docs                 lineage docs with the keys of the marts"
	@echo "make export               Parquet, CSV, workbook"
	@echo "make publish-postgres URL=postgresql://...   the marts in PostgreSQL"
	@echo "make explore              SQL in the browser, on this machine"
	@echo "make superset             Apache Superset with the dashboard, on this machine"
	@echo
	@echo "For who changes the project:"
	@echo "make lint | test-superset | test-spark | fuzz   tests in parts, and longer ones"
	@echo "make kill-table           write docs/kill-table.md from what its tests see"
	@echo "make simulate | calibrate the shipped releases; coverage of the intervals"
	@echo "make bench                times and memory, each beside its baseline"
	@echo "make lock | clean"

$(INSTALLED): requirements.lock
	@python="$(PYTHON)"; \
	if [ -z "$$python" ] && command -v uv > /dev/null; then \
	    python="$$(uv python find 3.11 2> /dev/null || { uv python install 3.11 && uv python find 3.11; })" || \
	        { echo "uv brought no Python 3.11. Without network, or with another Python: docs/set-up.md"; exit 2; }; \
	elif [ -z "$$python" ]; then \
	    echo "There is no python3.11. The two shortest ways: install uv (https://docs.astral.sh/uv/), which brings one, and run make again; or take a Python 3.12 or 3.13 that is there: make PYTHON=python3.13"; \
	    exit 2; \
	fi; \
	"$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2> /dev/null || \
	    { echo "Python 3.11, 3.12 or 3.13 is needed; $$python is none that runs here. Say which: make PYTHON=/path/to/python3.11"; exit 2; }; \
	"$$python" -m venv $(VENV)
	@echo "Installing the locked dependencies (hashes checked) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	    --require-hashes --no-deps -r requirements.lock || \
	    { echo "They could not be installed. Behind a mirror or without network: docs/set-up.md"; exit 1; }
	@touch $@

warehouse: $(INSTALLED)
	@$(BIN)/python scripts/build.py

# Lint beside the tests; ALL=1: Superset too.
test: $(INSTALLED) $(if $(ALL),.venv-superset)
	@$(MAKE) --no-print-directory --jobs 2 pytest lint

# Three files of tests at a time, on builds that they share: one often waits for a page.
pytest: $(INSTALLED)
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(if $(ALL),-m "")

# Asks the expectations of the published warehouse again; changes nothing there.
validate: $(INSTALLED)
	@$(BIN)/python scripts/validate.py $(if $(EXPORT_GX),--export-gx $(EXPORT_GX))

# Writes docs/kill-table.md from what its tests see.
kill-table: $(INSTALLED)
	WRITE_KILL_TABLE=1 $(BIN)/python -m pytest tests/pytest/test_kill_files.py tests/pytest/test_kill_table.py

# Other files each time, for as long as is said: make fuzz SECONDS=3600
fuzz: $(INSTALLED)
	FUZZ_SECONDS=$(or $(SECONDS),600) $(BIN)/python -m pytest tests/pytest/test_fuzz_*.py

# The marts as Parquet, CSV and a workbook, from the published warehouse.
export: $(INSTALLED)
	@$(BIN)/python scripts/export.py

# Replaces the marts in a PostgreSQL database in one transaction.
publish-postgres: $(INSTALLED)
	@$(BIN)/python scripts/publish_postgres.py "$(URL)" $(if $(SCHEMA),--schema $(SCHEMA))

# An older DuckDB, its command line, and ODBC: readers for the tests of exports.
.venv-readers: requirements-readers.lock | $(INSTALLED)
	@$(BIN)/python -m venv $@
	@$@/bin/python -m pip install --quiet --disable-pip-version-check \
	    --require-hashes --no-deps -r requirements-readers.lock || \
	    { rm -rf $@; exit 1; }
	@touch $@

# Apache Superset: about 1 GB.
.venv-superset: requirements-superset.lock | $(INSTALLED)
	@$(BIN)/python -m venv $@
	@echo "Installing Apache Superset (hashes checked) ..."
	@$@/bin/python -m pip install --quiet --disable-pip-version-check \
	    --require-hashes --no-deps -r requirements-superset.lock || \
	    { rm -rf $@; exit 1; }
	@touch $@

# The dashboard as a file to import into a Superset that sees the warehouse file.
superset-dashboard: $(INSTALLED)
	@$(BIN)/python scripts/superset.py bundle

# Superset with the dashboard, on 127.0.0.1 only.
superset: $(INSTALLED) .venv-superset
	@$(BIN)/python scripts/superset.py serve $(if $(PORT),--port $(PORT))

# Superset started, filled, asked and looked at: two to three minutes.
test-superset: $(INSTALLED) .venv-superset
	$(BIN)/python -m pytest -m superset tests/pytest/test_superset.py

# Apache Spark with dbt for it: about 1 GB; needs Java 17.
.venv-spark: requirements-spark.lock | $(INSTALLED)
	@java -version 2> /dev/null || \
	    { echo "Spark needs Java 17 (Debian: openjdk-17-jre-headless)."; exit 1; }
	@$(BIN)/python -m venv $@
	@echo "Installing Apache Spark (hashes checked) ..."
	@$@/bin/python -m pip install --quiet --disable-pip-version-check \
	    --require-hashes --no-deps -r requirements-spark.lock || \
	    { rm -rf $@; exit 1; }
	@touch $@

# The warehouse with every model built by Spark on this machine.
spark: $(INSTALLED) .venv-spark
	@$(BIN)/python scripts/build.py --spark

# Both engines on the same files, mart by mart: minutes.
test-spark: $(INSTALLED) .venv-spark
	$(BIN)/python -m pytest -m spark tests/pytest/test_spark.py

# One sqlfluff with Python's collector at rest: a third of its time went into looking through
# parsed files for rings that are not there.
lint: $(INSTALLED)
	$(BIN)/ruff check scripts tests models
	$(BIN)/ruff format --check scripts tests models
	$(BIN)/python -c "import gc; gc.set_threshold(50_000, 50, 1000); \
	    from sqlfluff.cli.commands import cli; cli()" \
	    lint --processes 1 models tests/data_tests

fetch: $(INSTALLED)
	@test -n "$(RELEASE)" || { echo "Say which: make fetch RELEASE=2026_01_15"; exit 2; }
	@$(BIN)/python scripts/fetch.py $(RELEASE)

# Writes the shipped simulated releases again, byte for byte, and their manifest rows;
# CONVERSATIONS=folder: own conversations and their truth there instead.
simulate: $(INSTALLED)
	@if test -n "$(CONVERSATIONS)"; then exec $(BIN)/python scripts/simulate.py --truth \
	  --conversations-parquet "$(CONVERSATIONS)/conversations" \
	  --output-dir "$(CONVERSATIONS)"; fi; \
	for family in B C; do $(BIN)/python scripts/simulate.py --family $$family \
	  --manifest seeds/reference/release_manifest.csv || exit 1; done

# Up to 15 minutes on 2 cores; writes seeds/reference/interval_calibration.csv and its page in docs.
calibrate: $(INSTALLED)
	@$(BIN)/python scripts/calibrate.py

# On the published warehouse, into warehouse/docs; the diagram in docs/ too.
docs: $(INSTALLED)
	@$(BIN)/python scripts/docs.py

# Seconds and memory of parse, run and build, in ratio; FULL_SIZE=1: minutes more.
bench: $(INSTALLED)
	@$(BIN)/python scripts/bench.py $(if $(FULL_SIZE),--full-size)

# The query page on http://127.0.0.1:8123/explore/; needs Node.js with npm.
explore: $(INSTALLED)
	@$(BIN)/python scripts/explore.py $(if $(PORT),--port $(PORT))

# The page and the figures of the published warehouse; neither changes anything there.
report: $(INSTALLED)
	@$(BIN)/python scripts/report.py

figures: $(INSTALLED)
	@$(BIN)/python scripts/report.py --figures warehouse/figures

# Needs uv; only for who changes requirements.in or another .in beside it.
lock:
	@for name in requirements requirements-superset requirements-readers requirements-spark; do \
	  uv pip compile --universal --python-version 3.11 --generate-hashes \
	    --no-strip-extras --no-header --no-annotate $$name.in -o $$name.lock || exit 1; done

clean:
	rm -rf target logs

.DEFAULT:
	@echo "There is no make $@; make help lists what there is."
	@exit 2
