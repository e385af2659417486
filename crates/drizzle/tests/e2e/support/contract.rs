//! What scripts may rely on in each event. Every event that any test reads is held against this.

use std::net::SocketAddr;

use serde_json::Value;

/// Fields and what each must be.
const EVENTS: &[(&str, &[(&str, Shape)])] = &[
    ("ready", &[("listen", Shape::Text), ("peer", Shape::Id)]),
    (
        "shared",
        &[
            ("name", Shape::Text),
            ("hash", Shape::Id),
            ("size", Shape::Number),
            ("chunks", Shape::Number),
            ("link", Shape::Text),
        ],
    ),
    (
        "file",
        &[
            ("name", Shape::Text),
            ("hash", Shape::Id),
            ("size", Shape::Number),
            ("chunks", Shape::Number),
            ("mtime", Shape::Real),
            ("peers", Shape::Number),
        ],
    ),
    (
        "location",
        &[("peer", Shape::Id), ("number", Shape::Number), ("address", Shape::Text), ("chunks", Shape::Runs)],
    ),
    ("chunk", &[("name", Shape::Text), ("index", Shape::Number), ("peer", Shape::Id)]),
    (
        "progress",
        &[
            ("name", Shape::Text),
            ("done", Shape::Number),
            ("total", Shape::Number),
            ("rate", Shape::Number),
            ("peers", Shape::Number),
        ],
    ),
    ("refused", &[("name", Shape::Text), ("peer", Shape::Peer), ("reason", Shape::Text)]),
    (
        "done",
        &[
            ("name", Shape::Text),
            ("path", Shape::Text),
            ("size", Shape::Number),
            ("seconds", Shape::Real),
            ("from", Shape::Bytes),
        ],
    ),
    ("applied", &[("path", Shape::Text), ("action", Shape::Text), ("peer", Shape::Text)]),
    ("in-sync", &[("files", Shape::Number), ("bytes", Shape::Number)]),
    ("hop", &[("from", Shape::Place), ("to", Shape::Place)]),
    ("stored", &[("name", Shape::Text), ("hash", Shape::Id), ("peer", Shape::Id), ("path", Shape::Text)]),
    ("received", &[("name", Shape::Text), ("hash", Shape::Id), ("peer", Shape::Id), ("path", Shape::Text)]),
    ("neighbours", &[("id", Shape::Place), ("predecessors", Shape::Places), ("successors", Shape::Places)]),
    ("ping", &[("id", Shape::Place), ("peer", Shape::Id), ("seconds", Shape::Real)]),
    ("error", &[("kind", Shape::Text), ("message", Shape::Text)]),
    // Not of the contract, but of this program.
    ("found", &[("network", Shape::Id), ("address", Shape::Text)]),
    ("unshared", &[("name", Shape::Text), ("hash", Shape::Id), ("size", Shape::Number)]),
    ("status", &[("processes", Shape::List)]),
    ("setting", &[("key", Shape::Text), ("origin", Shape::Text)]),
];

/// The same of classic peers, which have no key, and of their files, which have no hash.
const CLASSIC_EVENTS: &[(&str, &[(&str, Shape)])] = &[
    (
        "file",
        &[
            ("name", Shape::Text),
            ("hash", Shape::Null),
            ("size", Shape::Null),
            ("chunks", Shape::Null),
            ("mtime", Shape::Real),
            ("peers", Shape::Number),
        ],
    ),
    (
        "location",
        &[
            ("peer", Shape::Null),
            ("number", Shape::Null),
            ("address", Shape::Address),
            ("chunks", Shape::Null),
        ],
    ),
    (
        "done",
        &[
            ("name", Shape::Text),
            ("path", Shape::Text),
            ("size", Shape::Number),
            ("seconds", Shape::Real),
            ("from", Shape::BytesByAddress),
        ],
    ),
];

#[derive(Debug, Clone, Copy)]
enum Shape {
    Null,
    Address,
    Text,
    /// 64 hexadecimal digits.
    Id,
    /// The same, or an address: a classic peer has no key.
    Peer,
    Number,
    Real,
    List,
    /// In a ring: a number, or 64 hexadecimal digits.
    Place,
    /// A list of these.
    Places,
    /// A list of [first, last].
    Runs,
    /// Numbers of bytes by peer.
    Bytes,
    /// Numbers of bytes by address.
    BytesByAddress,
}

/// Fails when an event lacks what its name promises.
pub(crate) fn check(event: &Value) {
    let name = event["event"].as_str().unwrap_or_else(|| panic!("no event: {event}"));
    let events = if event["classic"] == true { CLASSIC_EVENTS } else { EVENTS };
    let known = events.iter().find(|(known, _)| *known == name);
    let (_, fields) = known.unwrap_or_else(|| panic!("an unknown event: {event}"));
    for (field, shape) in *fields {
        assert!(shape.fits(&event[field]), "{field} is no {shape:?} in {event}");
    }
}

impl Shape {
    fn fits(self, value: &Value) -> bool {
        match self {
            Self::Null => value.is_null(),
            Self::Address => value.as_str().is_some_and(is_address),
            Self::Text => value.is_string(),
            Self::Id => value.as_str().is_some_and(is_id),
            Self::Peer => value.as_str().is_some_and(|text| is_id(text) || is_address(text)),
            Self::Number => value.is_u64(),
            Self::Real => value.is_number(),
            Self::List => value.is_array(),
            Self::Place => value.is_u64() || value.as_str().is_some_and(is_id),
            Self::Places => {
                value.as_array().is_some_and(|places| places.iter().all(|place| Self::Place.fits(place)))
            }
            Self::Runs => value.as_array().is_some_and(|runs| runs.iter().all(is_run)),
            Self::Bytes => value
                .as_object()
                .is_some_and(|from| from.iter().all(|(peer, bytes)| is_id(peer) && bytes.is_u64())),
            Self::BytesByAddress => value
                .as_object()
                .is_some_and(|from| from.iter().all(|(peer, bytes)| is_address(peer) && bytes.is_u64())),
        }
    }
}

fn is_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_address(text: &str) -> bool {
    text.parse::<SocketAddr>().is_ok()
}

fn is_run(run: &Value) -> bool {
    match run.as_array().map(Vec::as_slice) {
        Some([first, last]) => first.as_u64().zip(last.as_u64()).is_some_and(|(first, last)| first <= last),
        _ => false,
    }
}
