//! Of `ring` and what is below it.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use drizzle_model::RelPath;

use super::choices::ListenChoice;
use crate::config::{InviteText, Seconds, Size, Switch, parse_name};

/// Below `ring`.
#[derive(Debug, Subcommand)]
pub(crate) enum RingCommand {
    /// Be a member of a ring, until Ctrl-C; the first member makes the ring
    ///
    /// Its invite is printed. Others join through any member. Who leaves hands on what it keeps; who dies is found by its
    /// missed pings, and what it kept is copied again from those who have it.
    Start(RingStartArgs),
    /// Have the ring keep a file: at the closest successor of its key, and at the peers behind that one
    Store(RingStoreArgs),
    /// Fetch a file that the ring keeps, and show the way of the question
    Request(RingRequestArgs),
    /// Show who is near a member, and what it keeps
    Status(RingAskArgs),
    /// Let the member of this --state leave
    Quit(RingAskArgs),
}

/// Through whom.
#[derive(Debug, Clone, Args)]
pub(crate) struct RingThrough {
    /// A member: the ring's invite, or a file that holds it; of an open ring HOST:PORT is enough
    ///
    /// `start` joins through it; without it a new ring begins. The others ask it; without it they ask the node that runs on
    /// this --state.
    #[arg(long, value_name = "INVITE|@FILE|HOST:PORT")]
    pub(crate) join: Option<InviteText>,
}

/// Of `ring start`.
#[derive(Debug, Args)]
pub(crate) struct RingStartArgs {
    #[command(flatten)]
    pub(crate) join: RingThrough,
    #[command(flatten)]
    pub(crate) listen: ListenChoice,
    /// Let everyone join, with or without the invite's secret
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) open: Option<Switch>,
    /// This peer's number in a small ring [default: the hash of its key]
    #[arg(long, value_name = "N")]
    pub(crate) id: Option<u64>,
    /// The bits of a small ring's numbers, 1 to 64: with 8 they go from 0 to 255
    #[arg(long, value_name = "B")]
    pub(crate) bits: Option<u16>,
    /// Ping the neighbours so often [default: 5]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) ping: Option<Seconds>,
    /// Know so many successors, 2 to 64 [default: 16]
    #[arg(long, value_name = "N")]
    pub(crate) successors: Option<NonZeroUsize>,
    /// Keep each file and record at so many peers, 1 to 16 [default: 3]
    #[arg(long, value_name = "R")]
    pub(crate) replicas: Option<NonZeroUsize>,
    /// Keep so many bytes of files for others at the most, as 64GiB or 500M; 0: none [default: 64GiB]
    ///
    /// No single peer gets more than a quarter of it.
    #[arg(long, value_name = "SIZE")]
    pub(crate) quota: Option<Size>,
}

/// Of `ring store`.
#[derive(Debug, Args)]
pub(crate) struct RingStoreArgs {
    /// The file
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) through: RingThrough,
    /// The name to store it under, instead of the last part of the path
    #[arg(long, value_name = "NAME", value_parser = parse_name)]
    pub(crate) name: Option<RelPath>,
}

/// Of `ring request`.
#[derive(Debug, Args)]
pub(crate) struct RingRequestArgs {
    /// The name of the file; in a small ring a number, whose key is the number modulo the ring's size
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Where to put it [default: here]
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) through: RingThrough,
}

/// Of `ring status` and `ring quit`.
#[derive(Debug, Args)]
pub(crate) struct RingAskArgs {
    #[command(flatten)]
    pub(crate) through: RingThrough,
}
