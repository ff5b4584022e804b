# naas: `make help` prints the targets.

NAAS := cargo run --release --locked --quiet --
OUT := rtl

# What `make gen` and `make sim` work on: a design file, or a network (and resources) to search a design for.
DESIGN :=
NETWORK :=
RESOURCES :=

# Goldens are compared, never rewritten, unless somebody asks for it by hand.
export INSTA_UPDATE ?= no

.DEFAULT_GOAL := help
# Verilator's runtime and the bench are compiled once for all generated designs.
export NAAS_VERILATOR_CACHE ?= $(CURDIR)/target/verilator

.PHONY: help setup gen sim test test-long lint mutation large networks bench doc clean

# Trained networks and their data; see docs/evidence.md.
SHARED ?= ../shared

help: ## print this text
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{ printf "%-17s%s\n", $$1, $$2 }'
	@echo
	@echo 'variables of gen and sim:'
	@echo '  DESIGN=FILE                   emit this design instead of searching one'
	@echo '  NETWORK=NAME|FILE             search for this network instead of the default one; of a design, which of several'
	@echo '  RESOURCES=NAME|FILE           within these limits'
	@echo '  OUT=DIR                       the RTL folder (default: rtl)'

setup: ## install what is missing: simulators, compiler, Rust dependencies
	@tools/setup.sh

gen: setup ## search a design (or take DESIGN) and emit its RTL folder
	$(NAAS) gen $(NETWORK) $(if $(DESIGN),--design $(DESIGN),$(if $(RESOURCES),--resources $(RESOURCES))) --out $(OUT)

sim: gen ## the same, then simulate it and compare bits, cycles and counters
	$(NAAS) sim $(OUT)

lint: setup ## formatting, clippy, documentation and dependency rules, warnings refused
	cargo fmt --check
	cargo clippy --workspace --all-targets --locked --quiet -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --locked --quiet
	@if cargo deny --version >/dev/null 2>&1; then cargo deny --locked check; \
	else echo 'notice: cargo-deny is not installed, deny.toml was not checked'; fi

test: setup ## formatting, clippy and the tests
	cargo fmt --check
	cargo clippy --workspace --all-targets --locked --quiet -- -D warnings
	cargo test --workspace --locked

test-long: setup ## the tests, those marked as long included
	cargo test --workspace --locked -- --include-ignored

mutation: setup ## plant small faults in the hardware and show what notices each of them
	cargo test --locked --quiet --test mutation -- --include-ignored --nocapture

large: setup ## VGG16, ResNet50, MobileNetV2, UNet, BERT, GPT-2 on simulated arrays of 256 and 1,024 PEs; long
	cargo test --locked --quiet --test large -- --ignored --nocapture --test-threads 1

networks: setup ## trained networks of SHARED, whole, on the simulated hardware against LiteRT (docs/evidence.md); long
	python3 -m venv target/litert
	target/litert/bin/pip install --quiet -r tools/runtime_outputs.txt
	target/litert/bin/python tools/runtime_outputs.py $(SHARED) target/networks
	NAAS_SHARED=$(abspath $(SHARED)) cargo test --locked --quiet --test networks -- --ignored --nocapture --test-threads 1

bench: setup ## evaluations and predictions per CPU-second, one `figure` line each
	cargo bench --locked --quiet --bench model --bench predictor

doc: setup ## the library's documentation, into target/doc
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --locked

clean: ## remove what was built and generated
	cargo clean --quiet
	rm -rf rtl
