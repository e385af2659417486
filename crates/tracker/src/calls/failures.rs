//! What the catalogue did not do, as an error of the API.

use crate::catalogue::{ChangeFailure, RegisterFailure};
use crate::problem::{Problem, ProblemKind};

impl From<ChangeFailure> for Problem {
    fn from(failure: ChangeFailure) -> Self {
        match failure {
            ChangeFailure::Unknown(unknown) => Self::lapsed(unknown),
            ChangeFailure::Unwritten(unwritten) => Self::busy(unwritten),
        }
    }
}

impl From<RegisterFailure> for Problem {
    fn from(failure: RegisterFailure) -> Self {
        match failure {
            RegisterFailure::Full(full) => Self::busy(full),
            RegisterFailure::NotServing(not_serving) => Self::new(ProblemKind::Lapsed, not_serving),
            RegisterFailure::Unwritten(unwritten) => Self::busy(unwritten),
        }
    }
}
