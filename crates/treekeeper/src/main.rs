//! treekeeper: GitOps for Apache ZooKeeper.
fn main() {}
