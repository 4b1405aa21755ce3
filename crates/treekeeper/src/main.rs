//! The program `treekeeper`: everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    treekeeper::cli::main()
}
