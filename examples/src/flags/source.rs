//! Where settings come from: flags first, then the environment.

use std::{ffi::OsString, fmt::Write};

use super::Refusal;

type Environment = Box<dyn Fn(&str) -> Option<OsString>>;

/// What was given, from which each flag is taken by its name.
pub(crate) struct Source {
    given: Vec<(String, String)>,
    environment: Environment,
    help: Option<String>,
    known: String,
}

/// One flag, as `--help` shows it.
pub(crate) struct Flag {
    pub(crate) name: &'static str,
    pub(crate) value: &'static str,
    pub(crate) default: Option<&'static str>,
    pub(crate) meaning: &'static str,
}

impl Source {
    /// Reads `--name value` and `--name=value`; all flags have a value but these switches.
    pub(crate) fn new(
        args: impl IntoIterator<Item = OsString>,
        environment: impl Fn(&str) -> Option<OsString> + 'static,
        switches: &[&str],
    ) -> Result<Self, Refusal> {
        let mut source = Self {
            given: Vec::new(),
            environment: Box::new(environment),
            help: None,
            known: String::new(),
        };
        let mut args = args.into_iter();
        while let Some(arg) = args.next() {
            let arg = text(arg).map_err(|arg| Refusal::new(arg, "is not UTF-8: write it so"))?;
            if arg == "--help" || arg == "-h" {
                source.help = Some(String::new());
                continue;
            }
            let Some(flag) = arg.strip_prefix("--").filter(|flag| !flag.is_empty()) else {
                let reason = "is no flag: flags are `--name value`, and --help lists them";
                return Err(Refusal::new(format!("{arg:?}"), reason));
            };
            let (name, value) = match flag.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(OsString::from(value))),
                None if switches.contains(&flag) => (flag.to_owned(), Some(OsString::new())),
                None => (flag.to_owned(), args.next()),
            };
            let value = value.ok_or_else(|| Refusal::new(&arg, "has no value: write one after it"));
            let value = text(value?).map_err(|_| Refusal::new(&arg, "its value is not UTF-8"))?;
            if source.given.iter().any(|(earlier, _)| *earlier == name) {
                let reason = "is given twice: keep one of them";
                return Err(Refusal::new(format!("--{name}"), reason));
            }
            source.given.push((name, value));
        }
        Ok(source)
    }

    /// Takes a flag that has a default.
    pub(crate) fn take<T>(
        &mut self,
        flag: &Flag,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, Refusal> {
        let setting = format!("--{}", flag.name);
        let taken = self.take_optional(flag, read)?;
        taken.ok_or_else(|| Refusal::new(setting, "is needed: give it a value"))
    }

    /// Takes a switch: whether it was given.
    pub(crate) fn take_switch(
        &mut self,
        name: &'static str,
        meaning: &'static str,
    ) -> Result<bool, Refusal> {
        let flag = Flag { name, value: "", default: None, meaning };
        let read = |value: &str| match value {
            "" => Ok(()),
            _ => Err("has no value: write it alone".to_owned()),
        };
        Ok(self.take_optional(&flag, read)?.is_some())
    }

    /// Takes a flag, or its variable, or its default if it has one.
    pub(crate) fn take_optional<T>(
        &mut self,
        flag: &Flag,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, Refusal> {
        let name = flag.name;
        let variable = variable(name);
        let (value, default, meaning) = (flag.value, flag.default, flag.meaning);
        let default_shown = default.unwrap_or("none");
        let _ = writeln!(
            self.known,
            "--{name} {value}\n    {meaning}\n    {variable}, default: {default_shown}"
        );
        let given = self.given.iter().position(|(given, _)| given == name);
        let (setting, value) = if let Some(at) = given {
            (format!("--{name}"), self.given.swap_remove(at).1)
        } else if let Some(value) = (self.environment)(&variable) {
            let setting = format!("{variable} (--{name})");
            match text(value) {
                Ok(value) => (setting, value),
                Err(_) => return Err(Refusal::new(setting, "is not UTF-8: write it so")),
            }
        } else {
            let Some(default) = default else {
                return Ok(None);
            };
            (format!("--{name}"), default.to_owned())
        };
        match read(&value) {
            Ok(value) => Ok(Some(value)),
            Err(reason) => Err(Refusal::new(setting, reason)),
        }
    }

    /// Refuses what nobody took, and returns the text of `--help` where it was asked for.
    pub(crate) fn finish(self) -> Result<Option<String>, Refusal> {
        if self.help.is_some() {
            return Ok(Some(self.known.trim_end().to_owned()));
        }
        match self.given.first() {
            None => Ok(None),
            Some((name, _)) => Err(Refusal::new(
                format!("--{}", name.escape_debug()),
                "is no flag of this program: --help lists those that are",
            )),
        }
    }
}

/// `TOWER_READY_IP_QUOTA` for `ip-quota`.
fn variable(name: &str) -> String {
    let name = name.to_ascii_uppercase().replace('-', "_");
    format!("TOWER_READY_{name}")
}

fn text(value: OsString) -> Result<String, String> {
    value.into_string().map_err(|value| format!("{value:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PORT: Flag =
        Flag { name: "the-port", value: "N", default: Some("1"), meaning: "a number" };

    fn source(args: &[&str], variable: Option<&str>) -> Result<Source, Refusal> {
        let variable = variable.map(OsString::from);
        let environment = move |name: &str| {
            assert_eq!(name, "TOWER_READY_THE_PORT");
            variable.clone()
        };
        Source::new(args.iter().map(OsString::from), environment, &[])
    }

    fn take(args: &[&str], variable: Option<&str>) -> Result<u16, Refusal> {
        let mut source = source(args, variable)?;
        let port = source.take(&PORT, |text| text.parse().map_err(|_| "write a number".into()))?;
        source.finish()?;
        Ok(port)
    }

    #[test]
    fn a_flag_comes_before_its_variable_and_that_before_the_default() {
        assert_eq!(take(&["--the-port", "7"], Some("8")), Ok(7));
        assert_eq!(take(&["--the-port=7"], None), Ok(7));
        assert_eq!(take(&[], Some("8")), Ok(8));
        assert_eq!(take(&[], None), Ok(1));
    }

    #[test]
    fn nonsense_is_one_line_that_names_the_flag() {
        for (args, variable, line) in [
            (&["--the-port", "x"][..], None, "--the-port: write a number"),
            (&[], Some("x"), "TOWER_READY_THE_PORT (--the-port): write a number"),
            (&["--the-port"], None, "--the-port: has no value: write one after it"),
            (
                &["--the-port", "1", "--the-port", "1"],
                None,
                "--the-port: is given twice: keep one of them",
            ),
            (
                &["--a\nb", "1"],
                None,
                "--a\\nb: is no flag of this program: --help lists those that are",
            ),
            (
                &["port"],
                None,
                "\"port\": is no flag: flags are `--name value`, and --help lists them",
            ),
        ] {
            let refusal = take(args, variable).unwrap_err();
            assert_eq!(refusal.to_string(), line);
        }
    }

    #[test]
    fn help_lists_each_flag_with_its_variable() {
        let mut source = source(&["--help"], None).unwrap();
        source.take(&PORT, |_| Ok(())).unwrap();
        let help = source.finish().unwrap().unwrap();
        assert!(help.contains("--the-port N"), "{help}");
        assert!(help.contains("TOWER_READY_THE_PORT, default: 1"), "{help}");
    }
}
