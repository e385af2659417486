//! What is said on a connection of a ring: frames of a head, a tag and fields, each read whole.
//!
//! Two members exchange [`drizzle_ring::Message`]s. Who is no member but knows the network's secret is a guest: it asks
//! one member with a [`Wish`], which does the work in the ring and answers with [`Reply`]s. Who knows no secret may
//! knock; an open ring tells it.
//!
//! A frame is read in the light of a [`RingContext`]: in the ring of hashes a contact's position is the hash of its key
//! and takes no bytes, in a small one it is a number that the peer chose; and a record is one only when its signature is
//! right. So what is read holds the laws on which the machine relies.

mod card;
mod context;
mod fields;
mod machine;

use alloc::vec::Vec;
use core::num::NonZeroU16;

use drizzle_model::{JoinSecret, PeerId};
use drizzle_ring::{Contact, Key, Message, Offered, Position, Record, RecordId, Space};

use crate::field::{Field, FieldError, Fields};
use crate::{ByeReason, ByeText, RING_FRAME_BYTES_MAX, RING_HELLO_BYTES_MAX, TicketBytes};

pub use context::{RingContext, ring_position};

pub use card::{CARD_ADDRESSES_MAX, CARD_NAME_BYTES_MAX, CARD_RUNS_MAX, CardKind, RingCard};

use fields::{read_contacts, read_option, write_contacts, write_option};

/// Why bytes are no frame of a ring. The one who sent them is to blame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RingDecodeError {
    /// The frame is longer than any is, or has no tag.
    #[error("expected a frame of 1 to {max} bytes, received {received}")]
    Length {
        /// The longest that is taken here.
        max: u32,
        /// How long it is said to be.
        received: u32,
    },
    /// No frame has this tag.
    #[error("expected the tag of a frame of a ring, received {received}")]
    Tag {
        /// What stands in its place.
        received: u8,
    },
    /// The fields are not those of the frame.
    #[error("a frame of tag {tag}: {error}")]
    Field {
        /// The frame's tag.
        tag: u8,
        /// What is wrong.
        error: FieldError,
    },
}

/// The first words of each side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RingHello {
    /// The highest version of the frames that it speaks.
    pub version: u16,
    /// What admits it to the network.
    pub ticket: TicketBytes,
    /// Where it accepts connections, at the address that this one comes from; none if it does not.
    pub listen_port: Option<NonZeroU16>,
    /// How many bits the ring's positions have; 0 of a guest, who is no member.
    pub bits: u16,
    /// The number that it chose in a small ring; 0 in the ring of hashes, and of a guest.
    pub id: u64,
}

/// What a guest asks a member for.
#[derive(Debug, Clone, PartialEq)]
pub enum Wish {
    /// Who are you, and who is near you?
    Members,
    /// What is stored under this key?
    Find(Key),
    /// Place this record where it belongs.
    Publish(Record),
    /// Fetch the file that this record names from me, and place both where they belong.
    Keep(Record),
    /// Which records of names do you keep, from this one on?
    List {
        /// The last that is known already.
        after: Option<RecordId>,
    },
}

/// What a member answers a guest.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// A step of the question's way; more comes.
    Hop {
        /// Who named the next.
        from: Contact,
        /// The next.
        to: Contact,
    },
    /// To `Members`.
    Members {
        /// The one who answers.
        me: Contact,
        /// Those before it, the closest first.
        predecessors: Vec<Contact>,
        /// Those after it, the closest first.
        successors: Vec<Contact>,
    },
    /// To `Find`: something is stored.
    Found {
        /// Who gave the records.
        by: Contact,
        /// Who should keep their files, the owner first.
        keepers: Vec<Contact>,
        /// The records, the best first.
        records: Vec<Offered>,
    },
    /// To `Publish` and `Keep`: it is where it belongs.
    Kept {
        /// The member that was asked.
        by: Contact,
        /// Who keeps it, the owner first.
        at: Vec<Contact>,
    },
    /// To `List`.
    Listed {
        /// The records, in order.
        records: Vec<Record>,
        /// Whether there are more behind them.
        has_more: bool,
    },
    /// It came to nothing.
    Failed {
        /// Why, for the program.
        why: RingFailure,
        /// Why, for a person.
        text: ByeText,
    },
}

/// Why a member could not do what a guest wished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RingFailure {
    /// It is in no ring yet, or any more.
    NotMember,
    /// Nothing is stored under the key.
    NotFound,
    /// Nobody who should know answered.
    NoAnswer,
    /// Whoever should keep it does not.
    Refused,
    /// It does as much as it can.
    Busy,
}

crate::field::codes!(
    RingFailure,
    "the reason of a failure (0 to 4)",
    0 => NotMember,
    1 => NotFound,
    2 => NoAnswer,
    3 => Refused,
    4 => Busy,
);

/// One frame.
#[derive(Debug, Clone, PartialEq)]
pub enum RingFrame {
    /// The first words of each side.
    Hello(RingHello),
    /// The last words of a side: the connection ends, and whoever said it may well live on.
    Bye {
        /// Why, for the program.
        reason: ByeReason,
        /// Why, for a person.
        text: ByeText,
    },
    /// In place of a hello: may I come in?
    Knock,
    /// The answer: the secret of an open ring; none where only the invited come in.
    Door(Option<JoinSecret>),
    /// Between members.
    Message(Message),
    /// Of a guest.
    Wish(u64, Wish),
    /// To a guest.
    Reply(u64, Reply),
}

mod tag {
    pub(super) const HELLO: u8 = 1;
    pub(super) const BYE: u8 = 2;
    pub(super) const KNOCK: u8 = 3;
    pub(super) const DOOR: u8 = 4;
    pub(super) const WISH_MEMBERS: u8 = 64;
    pub(super) const FIND: u8 = 65;
    pub(super) const PUBLISH: u8 = 66;
    pub(super) const KEEP: u8 = 67;
    pub(super) const LIST: u8 = 68;
    pub(super) const HOP: u8 = 80;
    pub(super) const MEMBERS: u8 = 81;
    pub(super) const FOUND: u8 = 82;
    pub(super) const KEPT: u8 = 83;
    pub(super) const LISTED: u8 = 84;
    pub(super) const FAILED: u8 = 85;
}

/// How much is read of one who has not yet said hello, and of one who has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RingStage {
    /// A stranger: hello, knock, or what answers them.
    Greeting,
    /// Somebody of the network.
    Admitted,
}

impl RingFrame {
    /// How many bytes a frame's head has: the length of what follows.
    pub const HEAD_LEN: usize = 4;

    /// Reads a head: how many bytes follow it.
    pub fn body_len(head: [u8; Self::HEAD_LEN], stage: RingStage) -> Result<usize, RingDecodeError> {
        let received = u32::from_le_bytes(head);
        let max = match stage {
            RingStage::Greeting => RING_HELLO_BYTES_MAX,
            RingStage::Admitted => RING_FRAME_BYTES_MAX,
        };
        match received {
            len if (1..=max).contains(&len) => Ok(len as usize),
            _ => Err(RingDecodeError::Length { max, received }),
        }
    }

    /// Appends the whole frame. Contacts of positions that the ring does not have are written as what they would be in it.
    pub fn encode(&self, space: Space, out: &mut Vec<u8>) {
        let start = out.len();
        0u32.write(out);
        match self {
            Self::Hello(hello) => {
                out.push(tag::HELLO);
                hello.write(out);
            }
            Self::Bye { reason, text } => {
                out.push(tag::BYE);
                reason.write(out);
                text.write(out);
            }
            Self::Knock => out.push(tag::KNOCK),
            Self::Door(secret) => {
                out.push(tag::DOOR);
                write_option(&secret.as_ref().map(|secret| *secret.as_bytes()), out);
            }
            Self::Message(message) => machine::write(message, space, out),
            Self::Wish(id, wish) => write_wish(*id, wish, out),
            Self::Reply(id, reply) => write_reply(*id, reply, space, out),
        }
        let body_len = (out.len() - start - Self::HEAD_LEN) as u32;
        out[start..start + Self::HEAD_LEN].copy_from_slice(&body_len.to_le_bytes());
    }

    /// Reads what follows a head.
    pub fn decode(body: &[u8], context: RingContext) -> Result<Self, RingDecodeError> {
        let too_short = RingDecodeError::Length { max: RING_FRAME_BYTES_MAX, received: 0 };
        let (&tag, bytes) = body.split_first().ok_or(too_short)?;
        let mut fields = Fields::new(bytes);
        let read = match Self::read(tag, &mut fields, context) {
            Ok(None) => return Err(RingDecodeError::Tag { received: tag }),
            Ok(Some(frame)) => fields.finish().map(|()| frame),
            Err(error) => Err(error),
        };
        read.map_err(|error| RingDecodeError::Field { tag, error })
    }

    /// Shows each contact that the frame names, to be changed.
    pub fn each_contact(&mut self, mut visit: impl FnMut(&mut Contact)) {
        match self {
            Self::Message(message) => message.each_contact(visit),
            Self::Reply(_, Reply::Hop { from, to }) => [from, to].into_iter().for_each(visit),
            Self::Reply(_, Reply::Members { me, predecessors, successors }) => {
                visit(me);
                predecessors.iter_mut().chain(successors).for_each(visit);
            }
            Self::Reply(
                _,
                Reply::Found { by: one, keepers: more, .. } | Reply::Kept { by: one, at: more },
            ) => {
                visit(one);
                more.iter_mut().for_each(visit);
            }
            _ => {}
        }
    }

    fn read(tag: u8, fields: &mut Fields<'_>, context: RingContext) -> Result<Option<Self>, FieldError> {
        let frame = match tag {
            tag::HELLO => Self::Hello(RingHello::read(fields)?),
            tag::BYE => Self::Bye { reason: fields.read("reason")?, text: fields.read("text")? },
            tag::KNOCK => Self::Knock,
            tag::DOOR => Self::Door(read_option(fields, "secret")?.map(JoinSecret::from_bytes)),
            tag::WISH_MEMBERS..=tag::LIST => Self::Wish(fields.read("id")?, read_wish(tag, fields, context)?),
            tag::HOP..=tag::FAILED => Self::Reply(fields.read("id")?, read_reply(tag, fields, context)?),
            other => return Ok(machine::read(other, fields, context)?.map(Self::Message)),
        };
        Ok(Some(frame))
    }
}

impl RingHello {
    fn write(&self, out: &mut Vec<u8>) {
        self.version.write(out);
        self.ticket.write(out);
        self.listen_port.write(out);
        self.bits.write(out);
        self.id.write(out);
    }

    fn read(fields: &mut Fields<'_>) -> Result<Self, FieldError> {
        let version = fields.read("version")?;
        let ticket = fields.read("ticket")?;
        let listen_port = fields.read("listen port")?;
        let bits: u16 = fields.read("bits")?;
        if bits > 64 && bits != 256 {
            return Err(fields.value("0 to 64 bits, or 256", bits));
        }
        let id: u64 = fields.read("id")?;
        let ids = match bits {
            1..=63 => 1u64 << bits,
            64 => 0,
            _ => 1,
        };
        if id > ids.wrapping_sub(1) {
            return Err(fields.value("a number that the ring has", id));
        }
        Ok(Self { version, ticket, listen_port, bits, id })
    }

    /// Where in the ring a member of this hello stands; none of a guest.
    pub fn position(&self, peer: &PeerId) -> Option<Position> {
        match self.bits {
            0 => None,
            256 => Some(ring_position(peer)),
            _ => Some(Space::FULL.place(&Key::from_number(self.id))),
        }
    }
}

fn write_wish(id: u64, wish: &Wish, out: &mut Vec<u8>) {
    let mut head = |tag: u8| {
        out.push(tag);
        id.write(out);
    };
    match wish {
        Wish::Members => head(tag::WISH_MEMBERS),
        Wish::Find(key) => {
            head(tag::FIND);
            key.as_bytes().write(out);
        }
        Wish::Publish(record) => {
            head(tag::PUBLISH);
            fields::write_record(record, out);
        }
        Wish::Keep(record) => {
            head(tag::KEEP);
            fields::write_record(record, out);
        }
        Wish::List { after } => {
            head(tag::LIST);
            out.push(u8::from(after.is_some()));
            if let Some(after) = after {
                fields::write_record_id(after, out);
            }
        }
    }
}

fn read_wish(tag: u8, fields: &mut Fields<'_>, context: RingContext) -> Result<Wish, FieldError> {
    Ok(match tag {
        tag::WISH_MEMBERS => Wish::Members,
        tag::FIND => Wish::Find(Key::from_bytes(fields.read("key")?)),
        tag::PUBLISH => Wish::Publish(fields::read_record(fields, context)?),
        tag::KEEP => Wish::Keep(fields::read_record(fields, context)?),
        _ => {
            let has_after = fields::read_flag(fields, "after")?;
            Wish::List { after: has_after.then(|| fields::read_record_id(fields)).transpose()? }
        }
    })
}

fn write_reply(id: u64, reply: &Reply, space: Space, out: &mut Vec<u8>) {
    let mut head = |tag: u8| {
        out.push(tag);
        id.write(out);
    };
    match reply {
        Reply::Hop { from, to } => {
            head(tag::HOP);
            fields::write_contact(from, space, out);
            fields::write_contact(to, space, out);
        }
        Reply::Members { me, predecessors, successors } => {
            head(tag::MEMBERS);
            fields::write_contact(me, space, out);
            write_contacts(predecessors, space, out);
            write_contacts(successors, space, out);
        }
        Reply::Found { by, keepers, records } => {
            head(tag::FOUND);
            fields::write_contact(by, space, out);
            write_contacts(keepers, space, out);
            fields::write_offers(records, out);
        }
        Reply::Kept { by, at } => {
            head(tag::KEPT);
            fields::write_contact(by, space, out);
            write_contacts(at, space, out);
        }
        Reply::Listed { records, has_more } => {
            head(tag::LISTED);
            fields::write_records(records, out);
            out.push(u8::from(*has_more));
        }
        Reply::Failed { why, text } => {
            head(tag::FAILED);
            why.write(out);
            text.write(out);
        }
    }
}

fn read_reply(tag: u8, fields: &mut Fields<'_>, context: RingContext) -> Result<Reply, FieldError> {
    Ok(match tag {
        tag::HOP => Reply::Hop {
            from: fields::read_contact(fields, context)?,
            to: fields::read_contact(fields, context)?,
        },
        tag::MEMBERS => Reply::Members {
            me: fields::read_contact(fields, context)?,
            predecessors: read_contacts(fields, context)?,
            successors: read_contacts(fields, context)?,
        },
        tag::FOUND => Reply::Found {
            by: fields::read_contact(fields, context)?,
            keepers: read_contacts(fields, context)?,
            records: fields::read_offers(fields, context)?,
        },
        tag::KEPT => {
            Reply::Kept { by: fields::read_contact(fields, context)?, at: read_contacts(fields, context)? }
        }
        tag::LISTED => Reply::Listed {
            records: fields::read_records(fields, context)?,
            has_more: fields::read_flag(fields, "more")?,
        },
        _ => Reply::Failed { why: fields.read("why")?, text: fields.read("text")? },
    })
}
