//! Where values come from, and which of them counts.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::PathBuf;

use super::error::ConfigError;
use super::file::ConfigFile;
use super::settings::{Info, Setting};
use super::value::SettingValue;

/// The variables that begin with `DRIZZLE_`. An empty one counts as not set.
#[derive(Debug, Clone, Default)]
pub(crate) struct Environment(BTreeMap<String, OsString>);

impl Environment {
    /// Those of this process.
    pub(crate) fn of_process() -> Self {
        Self::new(std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value))))
    }

    pub(crate) fn new(variables: impl IntoIterator<Item = (String, OsString)>) -> Self {
        let ours = |(name, value): &(String, OsString)| name.starts_with("DRIZZLE_") && !value.is_empty();
        Self(variables.into_iter().filter(ours).collect())
    }

    /// A variable's value.
    pub(crate) fn value(&self, variable: &str) -> Option<&OsStr> {
        self.0.get(variable).map(OsString::as_os_str)
    }
}

/// Where a value was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// On the command line.
    Flag,
    /// In that environment variable.
    Environment(String),
    /// In the config file.
    File {
        /// Its path.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// Nowhere.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("flag"),
            Self::Environment(variable) => write!(f, "environment, {variable}"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

/// The environment and the config file, seen from one command.
#[derive(Debug, Clone)]
pub(crate) struct Sources {
    table: Option<&'static str>,
    environment: Environment,
    file: ConfigFile,
}

impl Sources {
    /// Puts them together; `table` is the command's table of the file.
    pub(crate) fn new(table: Option<&'static str>, environment: Environment, file: ConfigFile) -> Self {
        Self { table, environment, file }
    }

    /// The config file.
    pub(crate) fn file(&self) -> &ConfigFile {
        &self.file
    }

    /// The value of a setting that has a fixed default.
    pub(crate) fn value<T: SettingValue>(
        &self,
        setting: &Setting<T>,
        flag: Option<T>,
    ) -> Result<T, ConfigError> {
        if let Some(value) = self.given(setting, flag)? {
            return Ok(value);
        }
        let default = setting.info.default.and_then(|text| T::from_text(text).ok());
        default.ok_or(ConfigError::NoDefault(setting.info.key))
    }

    /// The value of a setting if it is said anywhere.
    pub(crate) fn given<T: SettingValue>(
        &self,
        setting: &Setting<T>,
        flag: Option<T>,
    ) -> Result<Option<T>, ConfigError> {
        if flag.is_some() {
            return Ok(flag);
        }
        let variable = setting.info.variable();
        if let Some(value) = self.environment.value(&variable) {
            let wrong = |why| ConfigError::Variable { variable, why };
            return T::from_environment(value).map(Some).map_err(wrong);
        }
        let Some((_, value)) = self.file.value(self.table, setting.info.key) else { return Ok(None) };
        T::from_file(&value.text, self.file.base()).map(Some).map_err(|why| ConfigError::FileValue {
            path: self.file.path().to_owned(),
            line: value.line,
            key: setting.info.key.to_owned(),
            why,
        })
    }

    /// The text of a setting and where it stands, for showing it; flags are not known here.
    pub(crate) fn text(&self, info: &Info) -> Option<(String, Origin)> {
        let variable = info.variable();
        if let Some(value) = self.environment.value(&variable) {
            return Some((value.to_string_lossy().into_owned(), Origin::Environment(variable)));
        }
        if let Some((_, value)) = self.file.value(self.table, info.key) {
            let origin = Origin::File { path: self.file.path().to_owned(), line: value.line };
            return Some((value.text.clone(), origin));
        }
        info.default.map(|default| (default.to_owned(), Origin::Default))
    }
}

#[cfg(test)]
mod tests {
    use super::super::settings;
    use super::super::value::Switch;
    use super::*;

    fn sources(variables: &[(&str, &str)], file: &str) -> Sources {
        let variables = variables.iter().map(|(name, value)| (name.to_string(), value.into()));
        let file = ConfigFile::parse("/d/config.toml".into(), None, file).unwrap();
        Sources::new(Some("get"), Environment::new(variables), file)
    }

    /// What counts with each set of places that say something; would fail if any two changed their order.
    #[test]
    fn flag_then_environment_then_table_then_top_then_default() {
        let file = [
            ("", ""),
            ("refresh = 4\n", ""),
            ("", "[get]\nrefresh = 3\n"),
            ("refresh = 4\n", "[get]\nrefresh = 3\n"),
        ];
        for flag in [Some(1), None] {
            for variable in [Some("2"), None] {
                for (top, table) in file {
                    let variables: Vec<_> =
                        variable.map(|value| ("DRIZZLE_REFRESH", value)).into_iter().collect();
                    let sources = sources(&variables, &format!("{top}{table}"));
                    let flag = flag.map(|flag: u64| flag.to_string().parse().unwrap());
                    let received = sources.value(&settings::REFRESH, flag).unwrap().duration().as_secs();
                    let expected = match (flag, variable, table, top) {
                        (Some(_), ..) => 1,
                        (_, Some(_), ..) => 2,
                        (.., "[get]\nrefresh = 3\n", _) => 3,
                        (.., "refresh = 4\n") => 4,
                        _ => 10,
                    };
                    assert_eq!(received, expected, "{flag:?} {variable:?} {table:?} {top:?}");
                }
            }
        }
    }

    #[test]
    fn a_switch_can_be_turned_off_again_by_whoever_comes_first() {
        let sources = sources(&[("DRIZZLE_SEED", "false"), ("DRIZZLE_JSON", "")], "seed = true\njson = true");
        assert!(!sources.value(&settings::SEED, None).unwrap().is_on());
        assert!(sources.value(&settings::SEED, Some(Switch::ON)).unwrap().is_on());
        assert!(sources.value(&settings::JSON, None).unwrap().is_on(), "an empty variable says nothing");
    }

    #[test]
    fn a_wrong_variable_is_named() {
        let sources = sources(&[("DRIZZLE_LIMIT_UP", "fast")], "");
        let error = sources.value(&settings::LIMIT_UP, None).unwrap_err().to_string();
        assert!(
            error.starts_with("the environment variable DRIZZLE_LIMIT_UP: expected bytes a second"),
            "{error}"
        );
    }

    #[test]
    fn shown_texts_say_where_they_stand() {
        let sources = sources(&[("DRIZZLE_OUTPUT", "/out")], "\nseed = true");
        let text = |info| sources.text(&info).unwrap();
        assert_eq!(
            text(settings::OUTPUT.info),
            ("/out".into(), Origin::Environment("DRIZZLE_OUTPUT".into()))
        );
        let in_file = Origin::File { path: "/d/config.toml".into(), line: 2 };
        assert_eq!(text(settings::SEED.info), ("true".into(), in_file));
        assert_eq!(text(settings::MAX_PEERS.info), ("40".into(), Origin::Default));
    }
}
