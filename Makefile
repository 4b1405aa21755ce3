# Everything that people and CI run. Each target is a script, so that it can be read and run alone.
.PHONY: build demo test

build:
	cargo build --locked

demo: build
	scripts/demo

test:
	scripts/test
