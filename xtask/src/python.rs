//! A Python of our own in `.interop/`, with the packages that `interop/requirements.txt` pins.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cmd;
use crate::failure::Failure;
use crate::system;
use crate::workspace;

/// Debian splits what `python3 -m venv` needs from `python3`.
const PACKAGES: &system::Packages =
    &[("apt-get", "python3-venv"), ("apk", "python3"), ("dnf", "python3"), ("brew", "python3")];

/// The interpreter of an environment that has every pinned package.
pub(crate) fn environment() -> Result<PathBuf, Failure> {
    let root = workspace::root();
    let environment = root.join(".interop").join("venv");
    let python = environment.join("bin").join("python");
    let requirements = root.join("interop").join("requirements.txt");
    let stamp = environment.join("requirements.installed");

    let wanted = fs::read(&requirements)
        .map_err(|e| Failure::step(format!("cannot read {}: {e}", requirements.display())))?;
    // The stamp is written last, so an environment that was interrupted is made anew.
    if fs::read(&stamp).is_ok_and(|installed| installed == wanted) && works(&python) {
        return Ok(python);
    }
    create(&environment)?;
    install(&python)?;
    fs::write(&stamp, wanted)
        .map_err(|e| Failure::step(format!("cannot write {}: {e}", stamp.display())))?;
    Ok(python)
}

fn works(python: &Path) -> bool {
    cmd::succeeds(&mut cmd::program(python, "--version"))
}

fn create(environment: &Path) -> Result<(), Failure> {
    if !has_venv() {
        system::install("python3 with venv", PACKAGES)?;
    }
    cmd::run(cmd::program("python3", "-m venv --clear").arg(environment))
}

fn has_venv() -> bool {
    cmd::succeeds(cmd::program("python3", "-c").arg("import venv, ensurepip"))
}

/// Wheels only: building grpcio from source takes longer than everything else here together, and
/// a failure that says so is better.
fn install(python: &Path) -> Result<(), Failure> {
    let pip = "-m pip install --quiet --disable-pip-version-check --only-binary=:all:";
    cmd::run(cmd::program(python, pip).args(["-r", "interop/requirements.txt"]))
}
