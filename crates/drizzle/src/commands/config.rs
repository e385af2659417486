//! `drizzle config show|path|init`.

use std::fmt::Write;
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use crate::args::{ConfigCommand, EverywhereArgs, explanation};
use crate::config::settings::{ALL, Info, TABLES};
use crate::config::{InviteText, Origin};
use crate::context::Context;
use crate::exit::{End, Failure, Kind, Outcome};
use crate::output::report::Report;
use crate::secret_file::{self, Existing};

pub(super) fn run(context: &mut Context, command: ConfigCommand, everywhere: &EverywhereArgs) -> Outcome {
    match command {
        ConfigCommand::Show => show(context, everywhere),
        ConfigCommand::Path => path(context),
        ConfigCommand::Init => init(context),
    }
}

fn path(context: &mut Context) -> Outcome {
    let path = context.sources.file().path().to_owned();
    context.output.report(&Report::Path { path: path.into() })?;
    Ok(End::Done)
}

fn show(context: &mut Context, everywhere: &EverywhereArgs) -> Outcome {
    let flags = everywhere.given();
    let flag = |info: &Info| flags.iter().find(|(key, _)| *key == info.key);
    for info in ALL {
        let found = match flag(info) {
            Some((_, text)) => Some((text.clone(), Origin::Flag)),
            None => context.sources.text(info).or_else(|| Some((computed(context, info)?, Origin::Default))),
        };
        let (value, origin) = match found {
            Some((text, origin)) => (Some(shown(info, &text)), origin.to_string()),
            None => (None, "not set".to_owned()),
        };
        context.output.report(&Report::Setting { key: info.key.to_owned(), value, origin })?;
    }
    for report in of_tables(context) {
        context.output.report(&report)?;
    }
    Ok(End::Done)
}

/// What is set for single commands only.
fn of_tables(context: &Context) -> Vec<Report> {
    let file = context.sources.file();
    file.in_tables()
        .filter_map(|(slot, value)| {
            let info = ALL.iter().find(|info| info.key == slot.key)?;
            let origin = Origin::File { path: file.path().to_owned(), line: value.line }.to_string();
            let key = format!("{}.{}", slot.table?, slot.key);
            Some(Report::Setting { key, value: Some(shown(info, &value.text)), origin })
        })
        .collect()
}

fn shown(info: &Info, text: &str) -> String {
    if info.is_secret { InviteText::new(text).to_string() } else { text.to_owned() }
}

/// Defaults that depend on other settings.
fn computed(context: &Context, info: &Info) -> Option<String> {
    let path: PathBuf = match info.key {
        "state" => context.everywhere.state_dir.clone(),
        "data" => context.everywhere.state_dir.join("tracker"),
        _ => return None,
    };
    Some(path.display().to_string())
}

fn init(context: &mut Context) -> Outcome {
    let path = context.sources.file().path().to_owned();
    let folder = path.parent().unwrap_or(&path);
    fs::create_dir_all(folder).map_err(|error| Failure::at_path(folder, &error))?;
    secret_file::write(&path, &template(), Existing::Keep).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => {
            Failure::new(Kind::Other, format!("{} is there already and was left as it is", path.display()))
                .hint("change it with an editor, or move it away first")
        }
        _ => Failure::at_path(&path, &error),
    })?;
    context.output.report(&Report::Path { path: path.into() })?;
    Ok(End::Done)
}

/// A config file with every setting at its default, as a comment, below the words that explain its flag.
fn template() -> String {
    let mut text = format!(
        "# Settings of drizzle. Take the '#' off a line to set it.\n\
         # A flag counts before its environment variable, that before this file, this file before the default.\n\
         # Relative paths are taken from this file's folder, ~/ is the home folder.\n\
         # A table sets something for one command alone: [{}].\n",
        TABLES.join("], [")
    );
    for info in ALL {
        let words = explanation(info.key).unwrap_or_default();
        let value = match (info.default, info.is_bare) {
            (Some(default), true) => default.to_owned(),
            (default, _) => format!("\"{}\"", default.unwrap_or_default()),
        };
        // Writing to a string cannot fail.
        let _ = write!(text, "\n# {words}\n# Environment: {}\n#{} = {value}\n", info.variable(), info.key);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ConfigFile;

    #[test]
    fn the_template_is_as_read_by_a_person() {
        crate::golden::check("config.toml", &template());
    }

    /// Takes the '#' off every setting: the file must be read, and say just the defaults.
    #[test]
    fn every_line_of_the_template_can_be_used() {
        let template = template();
        let settings = template.lines().filter(|line| line.starts_with('#') && !line.starts_with("# "));
        let lines: Vec<_> = settings.map(|line| &line[1..]).collect();
        assert_eq!(lines.len(), ALL.len());
        let file = ConfigFile::parse("config.toml".into(), None, &lines.join("\n")).unwrap();
        for info in ALL {
            assert_eq!(file.value(None, info.key).map(|(_, value)| value.text.as_str()), info.default);
        }
    }
}
