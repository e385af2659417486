//! What somebody looks for in names.

use drizzle_directory::Filter;

use crate::api::MatchDto;

/// How names are compared with a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Manner {
    /// It is a part of the name.
    #[default]
    Substring,
    /// The name begins with it.
    Prefix,
    /// It is a glob for the whole name.
    Glob,
}

/// What to look for in names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// What names are compared with.
    pub pattern: String,
    /// How.
    pub manner: Manner,
    /// Whether capital and small letters are the same.
    pub is_folded: bool,
}

impl Search {
    /// What a directory takes for the same.
    pub(crate) fn filter(&self) -> Filter {
        let make = match (self.manner, self.is_folded) {
            (Manner::Substring, false) => Filter::containing,
            (Manner::Substring, true) => Filter::containing_folded,
            (Manner::Prefix, false) => Filter::beginning,
            (Manner::Prefix, true) => Filter::beginning_folded,
            (Manner::Glob, false) => Filter::glob,
            (Manner::Glob, true) => Filter::glob_folded,
        };
        make(&self.pattern)
    }

    /// Those of the names that are looked for.
    pub fn among<T>(&self, things: Vec<T>, name: impl Fn(&T) -> &str) -> Vec<T> {
        let filter = self.filter();
        things.into_iter().filter(|thing| filter.is_for(name(thing))).collect()
    }
}

impl From<Manner> for MatchDto {
    fn from(manner: Manner) -> Self {
        match manner {
            Manner::Substring => Self::Substring,
            Manner::Prefix => Self::Prefix,
            Manner::Glob => Self::Glob,
        }
    }
}

impl From<MatchDto> for Manner {
    fn from(dto: MatchDto) -> Self {
        match dto {
            MatchDto::Substring => Self::Substring,
            MatchDto::Prefix => Self::Prefix,
            MatchDto::Glob => Self::Glob,
        }
    }
}
