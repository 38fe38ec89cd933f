# `make up` starts everything, `make test` proves everything; both install what they need first.
# ARGS="--listen 127.0.0.5" are flags for `chatmail up`; REQUIRE_ALL=1 makes a test that lacks its program a failure.

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
SERVICES = $(patsubst %/,%,$(dir $(wildcard services/*/*/__init__.py)))
FAULTS = tests/faults
FUZZ = tests/fuzz
STRANGERS = tests/strangers tests/clients tests/dovecot tests/proxies tests/deploy
DOCKER = tests/docker
SLOWER = $(FAULTS) $(FUZZ) $(STRANGERS) $(DOCKER)

.PHONY: up test check fmt lock test-fuzz test-faults test-strangers test-docker bench bench-all bench-out bench-imap bench-compare bench-soak bench-scale bench-plots clean

up: $(VENV)/run.stamp
	@exec $(BIN)/chatmail up $(ARGS)

test: check
	$(BIN)/pytest $(SLOWER:%=--ignore=%) $(ARGS)

check: $(VENV)/dev.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy shared chatmail $(SERVICES)
	$(BIN)/lint-imports

fmt: $(VENV)/dev.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Every parser, with whatever octets, against the invariant that its module states.
test-fuzz: $(VENV)/dev.stamp
	$(BIN)/pytest $(FUZZ) $(ARGS)

test-faults: $(VENV)/dev.stamp
	$(BIN)/pytest $(FAULTS) $(ARGS)

# Beside other programs: Postfix, a certificate authority, mail readers, proxies, systemd's and fail2ban's checks.
test-strangers: $(VENV)/dev.stamp
	$(BIN)/pytest $(STRANGERS) $(ARGS)

# Needs a Docker engine with compose, and root.
test-docker: $(VENV)/dev.stamp
	$(BIN)/pytest $(DOCKER) $(ARGS)

bench: $(VENV)/dev.stamp
	$(BIN)/python -m bench $(ARGS)

# The programme: every experiment, or those that are named: ARGS="fan-out logins".
bench-all: $(VENV)/dev.stamp
	$(BIN)/python -m bench.programme $(ARGS)

bench-out: $(VENV)/dev.stamp
	$(BIN)/python -m bench.out $(ARGS)

# Needs Dovecot, and 11 000 descriptors a process (ulimit -Hn).
bench-imap: $(VENV)/dev.stamp
	$(BIN)/python -m bench.imap $(ARGS)

# Beside Debian's Postfix and Dovecot, as root.
bench-compare: $(VENV)/dev.stamp
	$(BIN)/python -m bench.compare $(ARGS)

# An hour under a steady load: what grows?
bench-soak: $(VENV)/dev.stamp
	$(BIN)/python -m bench.soak $(ARGS)

# Large mailboxes, a million messages (8 GB of disk), a slower disk (a C compiler).
bench-scale: $(VENV)/dev.stamp
	$(BIN)/python -m bench.scale $(ARGS)

# bench/results/ as pictures in docs/performance/.
bench-plots: $(VENV)/dev.stamp
	$(BIN)/python -m bench.plots $(ARGS)

# Needs uv. The locks name no package index: they are the same wherever packages are fetched from.
lock:
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --upgrade -o requirements.lock requirements.in
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --upgrade -o requirements-dev.lock -c requirements.lock requirements-dev.in

# What was built, never what was stored: the data folder stays.
clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment, once for running and once for testing; again when its lock changes.
$(VENV)/run.stamp: requirements.lock chatmail/install.py
	@$(PYTHON) chatmail/install.py $(VENV) $< && touch $@

$(VENV)/dev.stamp: requirements-dev.lock chatmail/install.py
	@$(PYTHON) chatmail/install.py $(VENV) $< && touch $@
