//! Compiles `kernel/` at full optimisation, whatever the profile of the user's build.
//!
//! The kernel holds the loops that run once per allocation and once per entry of the debug info. In the plain dev profile they would
//! be about ten times slower, and a library cannot set its user's profile. So they are `no_std` code without dependencies that this script
//! compiles to one object file; a build that cannot do that compiles the same files as an ordinary module.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=kernel");
    println!("cargo::rustc-check-cfg=cfg(memleak_kernel_object)");
    println!("cargo::rustc-check-cfg=cfg(memleak_optimised)");
    println!("cargo::rustc-check-cfg=cfg(memleak_supported)");
    let supported = is_supported();
    if supported {
        println!("cargo::rustc-cfg=memleak_supported");
    }
    if env::var_os("OPT_LEVEL").is_none_or(|level| level != "0") {
        println!("cargo::rustc-cfg=memleak_optimised");
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let under_miri = env::var_os("CARGO_CFG_MIRI").is_some();
    if !under_miri && compile(&out, supported).is_some() {
        println!("cargo::rustc-link-search=native={}", out.display());
        println!("cargo::rustc-link-lib=static=memleak_kernel");
        println!("cargo::rustc-cfg=memleak_kernel_object");
    }
}

/// Whether this is a platform whose heap can be read. All that is of the platform asks for this alone, so that `--cfg memleak_unsupported` shows
/// on any of them what the others have.
fn is_supported() -> bool {
    let cfg = |name: &str| env::var(format!("CARGO_CFG_{name}")).ok();
    let is = |name, values: &[&str]| cfg(name).is_some_and(|value| values.contains(&value.as_str()));
    is("TARGET_OS", &["linux"])
        && is("TARGET_ARCH", &["x86_64", "aarch64"])
        && is("TARGET_POINTER_WIDTH", &["64"])
        && cfg("MIRI").is_none()
        && cfg("MEMLEAK_UNSUPPORTED").is_none()
}

fn compile(out: &Path, supported: bool) -> Option<()> {
    let object = out.join("memleak_kernel.o");
    let status = Command::new(env::var_os("RUSTC")?)
        .args(["--edition=2024", "--crate-name=memleak_kernel", "--crate-type=lib", "--emit=obj"])
        .args(["-Copt-level=3", "-Ccodegen-units=1", "-Cpanic=abort", "-Crelocation-model=pic", "-Cdebuginfo=0"])
        .args(["--check-cfg", "cfg(memleak_supported)"])
        .args(if supported { &["--cfg", "memleak_supported"][..] } else { &[] })
        .arg("--target")
        .arg(env::var_os("TARGET")?)
        .arg("-o")
        .arg(&object)
        .arg("kernel/lib.rs")
        .status()
        .ok()?;
    if !status.success() {
        return None;
    }
    fs::write(out.join("libmemleak_kernel.a"), archive(&fs::read(&object).ok()?)).ok()
}

/// An `ar` archive with one member; rustc adds the symbol table when it copies the member into the rlib.
fn archive(object: &[u8]) -> Vec<u8> {
    let mut archive = b"!<arch>\n".to_vec();
    let header = format!("{:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", "kernel.o/", 0, 0, 0, 644, object.len());
    archive.extend_from_slice(header.as_bytes());
    archive.extend_from_slice(object);
    if object.len() % 2 == 1 {
        archive.push(b'\n');
    }
    archive
}
