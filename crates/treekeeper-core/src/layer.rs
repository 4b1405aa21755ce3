//! Joins `.zk` files and lays `.zkx` files over them.
