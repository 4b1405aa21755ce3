//! What the database answers, by scripts of calls.
//!
//! Scripts without `tick` and `expire` gave the same text on Apache ZooKeeper 3.8.0 when they were written.

mod script;

#[test]
fn temporary() {
    let Ok(files) = std::env::var("SCRIPTS") else {
        return;
    };
    for file in files.split(' ') {
        let text = std::fs::read_to_string(file).unwrap();
        std::fs::write(format!("{file}.ours"), script::run(&text)).unwrap();
    }
}
