//! Programs that are not ours: finding them, and installing them where that needs no question.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use crate::cmd;
use crate::failure::Failure;

/// What to install, under the name that each package manager has for it.
pub(crate) type Packages = [(&'static str, &'static str)];

struct Manager {
    program: &'static str,
    /// Fetches the package lists; a fresh container has none.
    refresh: &'static str,
    install: &'static str,
    needs_root: bool,
}

const MANAGERS: [Manager; 4] = [
    Manager {
        program: "apt-get",
        refresh: "update -qq -oDPkg::Lock::Timeout=120",
        // The lock is waited for: a machine that has just started may be upgrading itself.
        install: "install -y -qq --no-install-recommends -oDPkg::Lock::Timeout=120",
        needs_root: true,
    },
    Manager { program: "apk", refresh: "", install: "add --quiet --no-cache", needs_root: true },
    Manager { program: "dnf", refresh: "", install: "install -y --quiet", needs_root: true },
    Manager { program: "brew", refresh: "", install: "install --quiet", needs_root: false },
];

/// The file that a shell would run for this name.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|dir| dir.join(program)).find(|file| file.is_file())
}

/// Installs a package with the system's package manager, or says in one line what to do by hand.
pub(crate) fn install(what: &str, packages: &Packages) -> Result<(), Failure> {
    let Some((manager, package)) = source(packages) else {
        return Err(Failure::step(format!("{what} is missing: please install it")));
    };
    let Manager { program, refresh, install, needs_root } = manager;
    if *needs_root && !is_root() {
        let remedy = format!("please run `sudo {program} install {package}`");
        return Err(Failure::step(format!("{what} is missing: {remedy}")));
    }
    if !refresh.is_empty() {
        cmd::run(&mut unattended(program, refresh))?;
    }
    cmd::run(unattended(program, install).arg(package))
}

/// The package manager of this machine, and what it calls the package.
fn source(packages: &Packages) -> Option<(&'static Manager, &'static str)> {
    packages.iter().find_map(|(program, package)| {
        let manager = MANAGERS.iter().find(|manager| manager.program == *program)?;
        find(program).map(|_| (manager, *package))
    })
}

/// Debian's packages start the service that they bring. Our tests start their own servers, so it
/// should stay down: run level 1 says so to `invoke-rc.d`, and containers come with a policy that
/// forbids services altogether. Only a machine whose root runs us under systemd will see it start.
fn unattended(program: &str, args: &str) -> Command {
    let mut command = cmd::program(program, args);
    if program == "apt-get" {
        command.envs([("DEBIAN_FRONTEND", "noninteractive"), ("RUNLEVEL", "1")]);
    }
    command
}

fn is_root() -> bool {
    cmd::capture(&mut cmd::program("id", "-u")).is_ok_and(|id| id.trim() == "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_not_there_is_not_found() {
        assert!(find("no-such-program-anywhere").is_none());
    }

    #[test]
    fn a_package_that_no_manager_knows_has_to_be_installed_by_hand() {
        let failure = install("the tool", &[]).unwrap_err();
        assert_eq!(failure.to_string(), "the tool is missing: please install it");
    }
}
