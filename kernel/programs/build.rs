//! Links the programs for fixed addresses. They have nothing that would relocate
//! them, and the bare target makes executables for any address otherwise.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-link-arg-bins=--no-pie");
    println!("cargo::rustc-link-arg-bins=--image-base=0x400000");
}
