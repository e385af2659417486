//! Settings: what can be set, where it may be said, and what counts when it is said more than once.
//!
//! Law: flag, environment, config file (the command's own table, then the top), default, in this order. Every
//! setting is in the one table of [`settings`]; the flags, the variables, the keys of the file and the file that
//! `config init` writes follow from it.

mod error;
mod file;
mod invite;
mod places;
mod rate;
pub(crate) mod settings;
mod size;
mod sources;
mod value;

pub(crate) use error::ConfigError;
pub(crate) use file::ConfigFile;
pub(crate) use invite::{InviteError, InviteText};
pub(crate) use places::Places;
pub(crate) use rate::Rate;
pub(crate) use size::Size;
pub(crate) use sources::{Environment, Origin, Sources};
pub(crate) use value::{Seconds, Switch, parse_name};
