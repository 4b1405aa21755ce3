# Everything that people and CI run. Each target is a script, so that it can be read and run alone.
.PHONY: bench build demo test torture

# Arguments: make bench BENCH="10000 --runs 3 --strict". The table, target/bench.json and target/bench.svg.
bench:
	scripts/bench --json target/bench.json --svg target/bench.svg $(BENCH)

# One part by itself, such as make bench-read; make bench-help lists them.
bench-%:
	scripts/bench --part $* $(BENCH)

build:
	cargo build --locked

# Builds what it needs of the workspace, and nothing else.
demo:
	cargo run --locked -- demo

test:
	scripts/test

# The long forms of the torture programme: make torture PART="kills --seed 7"
torture:
	scripts/torture $(PART)
