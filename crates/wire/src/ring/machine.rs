//! The messages between members, tag by tag.

use alloc::vec::Vec;

use drizzle_ring::{Answer, Ask, Breadth, CallId, Key, Message, Space, Tell};

use super::context::RingContext;
use super::fields::{
    read_arc, read_contact, read_contacts, read_flag, read_offers, read_option, read_optional_contact,
    read_position, read_prints, read_puts, write_arc, write_contact, write_contacts, write_offers,
    write_option, write_optional_contact, write_position, write_prints, write_puts,
};
use crate::field::{Field, FieldError, Fields};

const PING: u8 = 16;
const ASK_STATE: u8 = 17;
const JOIN: u8 = 18;
const ASK_ROUTE: u8 = 19;
const ASK_OWNER: u8 = 20;
const ASK_PUT: u8 = 21;
const GET: u8 = 22;
const COMPARE: u8 = 23;
const PULL: u8 = 24;
const ASK_SETTLED: u8 = 25;
const PONG: u8 = 32;
const BUSY: u8 = 33;
const NOT_MEMBER: u8 = 34;
const STATE: u8 = 35;
const UNCHANGED: u8 = 36;
const ROUTE: u8 = 37;
const OWNER: u8 = 38;
const PUT: u8 = 39;
const RECORDS: u8 = 40;
const SAME: u8 = 41;
const DIFFERS: u8 = 42;
const SETTLED: u8 = 43;
const NOTIFY: u8 = 48;
const STABILIZE: u8 = 49;
const QUIT: u8 = 50;
const MERGE: u8 = 51;

pub(super) fn write(message: &Message, space: Space, out: &mut Vec<u8>) {
    match message {
        Message::Ask(id, ask) => {
            out.push(tag_of_ask(ask));
            id.0.write(out);
            write_ask(ask, out);
        }
        Message::Answer(id, answer) => {
            out.push(tag_of_answer(answer));
            id.0.write(out);
            write_answer(answer, space, out);
        }
        Message::Tell(tell) => write_tell(tell, space, out),
    }
}

fn tag_of_ask(ask: &Ask) -> u8 {
    match ask {
        Ask::Ping => PING,
        Ask::State { .. } => ASK_STATE,
        Ask::Join => JOIN,
        Ask::Route { .. } => ASK_ROUTE,
        Ask::Owner { .. } => ASK_OWNER,
        Ask::Put(_) => ASK_PUT,
        Ask::Get(_) => GET,
        Ask::Compare { .. } => COMPARE,
        Ask::Pull(_) => PULL,
        Ask::Settled(_) => ASK_SETTLED,
    }
}

fn write_ask(ask: &Ask, out: &mut Vec<u8>) {
    match ask {
        Ask::Ping | Ask::Join => {}
        Ask::State { seen } => write_option(seen, out),
        Ask::Route { target, breadth } => {
            write_position(*target, out);
            out.push(u8::from(*breadth == Breadth::All));
        }
        Ask::Owner { target } => write_position(*target, out),
        Ask::Put(offers) => write_offers(offers, out),
        Ask::Get(key) => key.as_bytes().write(out),
        Ask::Compare { arc, digest } => {
            write_arc(*arc, out);
            out.extend_from_slice(&digest.to_le_bytes());
        }
        Ask::Pull(prints) | Ask::Settled(prints) => write_prints(prints, out),
    }
}

fn tag_of_answer(answer: &Answer) -> u8 {
    match answer {
        Answer::Pong => PONG,
        Answer::Busy => BUSY,
        Answer::NotMember => NOT_MEMBER,
        Answer::State { .. } => STATE,
        Answer::Unchanged => UNCHANGED,
        Answer::Route { .. } => ROUTE,
        Answer::Owner { .. } => OWNER,
        Answer::Put(_) => PUT,
        Answer::Records(_) => RECORDS,
        Answer::Same => SAME,
        Answer::Differs { .. } => DIFFERS,
        Answer::Settled(_) => SETTLED,
    }
}

fn write_answer(answer: &Answer, space: Space, out: &mut Vec<u8>) {
    match answer {
        Answer::Pong | Answer::Busy | Answer::NotMember | Answer::Unchanged | Answer::Same => {}
        Answer::State { version, predecessor, successors } => {
            version.write(out);
            write_optional_contact(predecessor, space, out);
            write_contacts(successors, space, out);
        }
        Answer::Route { nearer, owners } => {
            write_contacts(nearer, space, out);
            write_contacts(owners, space, out);
        }
        Answer::Owner { predecessor } => write_optional_contact(predecessor, space, out),
        Answer::Put(results) => write_puts(results, out),
        Answer::Records(offers) => write_offers(offers, out),
        Answer::Differs { until, holdings } => {
            write_position(*until, out);
            write_prints(holdings, out);
        }
        Answer::Settled(prints) => write_prints(prints, out),
    }
}

fn write_tell(tell: &Tell, space: Space, out: &mut Vec<u8>) {
    match tell {
        Tell::Notify { predecessors } => {
            out.push(NOTIFY);
            write_contacts(predecessors, space, out);
        }
        Tell::Stabilize => out.push(STABILIZE),
        Tell::Quit => out.push(QUIT),
        Tell::Merge(contact) => {
            out.push(MERGE);
            write_contact(contact, space, out);
        }
    }
}

/// Reads the fields of a message; none when no message has the tag.
pub(super) fn read(
    tag: u8,
    fields: &mut Fields<'_>,
    context: RingContext,
) -> Result<Option<Message>, FieldError> {
    Ok(Some(match tag {
        PING..=ASK_SETTLED => Message::Ask(CallId(fields.read("id")?), read_ask(tag, fields, context)?),
        PONG..=SETTLED => Message::Answer(CallId(fields.read("id")?), read_answer(tag, fields, context)?),
        NOTIFY => Message::Tell(Tell::Notify { predecessors: read_contacts(fields, context)? }),
        STABILIZE => Message::Tell(Tell::Stabilize),
        QUIT => Message::Tell(Tell::Quit),
        MERGE => Message::Tell(Tell::Merge(read_contact(fields, context)?)),
        _ => return Ok(None),
    }))
}

fn read_ask(tag: u8, fields: &mut Fields<'_>, context: RingContext) -> Result<Ask, FieldError> {
    Ok(match tag {
        PING => Ask::Ping,
        ASK_STATE => Ask::State { seen: read_option(fields, "seen")? },
        JOIN => Ask::Join,
        ASK_ROUTE => {
            let target = read_position(fields, context)?;
            let breadth = if read_flag(fields, "breadth")? { Breadth::All } else { Breadth::Few };
            Ask::Route { target, breadth }
        }
        ASK_OWNER => Ask::Owner { target: read_position(fields, context)? },
        ASK_PUT => Ask::Put(read_offers(fields, context)?),
        GET => Ask::Get(Key::from_bytes(fields.read("key")?)),
        COMPARE => {
            let arc = read_arc(fields, context)?;
            fields.rename("digest");
            Ask::Compare { arc, digest: u128::from_le_bytes(fields.array()?) }
        }
        PULL => Ask::Pull(read_prints(fields)?),
        _ => Ask::Settled(read_prints(fields)?),
    })
}

fn read_answer(tag: u8, fields: &mut Fields<'_>, context: RingContext) -> Result<Answer, FieldError> {
    Ok(match tag {
        PONG => Answer::Pong,
        BUSY => Answer::Busy,
        NOT_MEMBER => Answer::NotMember,
        STATE => Answer::State {
            version: fields.read("version")?,
            predecessor: read_optional_contact(fields, context)?,
            successors: read_contacts(fields, context)?,
        },
        UNCHANGED => Answer::Unchanged,
        ROUTE => {
            Answer::Route { nearer: read_contacts(fields, context)?, owners: read_contacts(fields, context)? }
        }
        OWNER => Answer::Owner { predecessor: read_optional_contact(fields, context)? },
        PUT => Answer::Put(read_puts(fields)?),
        RECORDS => Answer::Records(read_offers(fields, context)?),
        SAME => Answer::Same,
        DIFFERS => Answer::Differs { until: read_position(fields, context)?, holdings: read_prints(fields)? },
        _ => Answer::Settled(read_prints(fields)?),
    })
}
