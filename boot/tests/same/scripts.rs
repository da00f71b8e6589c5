//! x
use crate::author::script;

#[test]
fn dump() {
    let count: u64 = std::env::var("SCRIPTS").map_or(2000, |text| text.parse().unwrap());
    let first: u64 = std::env::var("FIRST").map_or(0, |text| text.parse().unwrap());
    let mut text = String::new();
    for seed in first..first + count {
        text += &script(seed).to_string();
    }
    std::fs::write("/tmp/same-scripts.txt", text).unwrap();
}
