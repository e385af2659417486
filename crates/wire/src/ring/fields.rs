//! What the frames of a ring are made of: contacts, keys, records, and lists of them.

use alloc::vec::Vec;

use drizzle_ring::{
    Arc, CONTACTS_MAX, Contact, Content, Key, Lease, Offered, PRINTS_MAX, Position, Print, RECORDS_MAX,
    Record, RecordError, RecordId, Space, VALUE_BYTES_MAX,
};

use super::context::{RingContext, ring_position};
use crate::PeerAddress;
use crate::field::{Field, FieldError, Fields};

/// A contact's shortest form.
const CONTACT_LEN_MIN: usize = PeerAddress::LEN_MIN;
/// A record's shortest form: names, version, lease, rank, blob, flag, value, signature.
const RECORD_LEN_MIN: usize = 96 + 8 + 1 + 8 + 1 + 1 + 2 + 64;

pub(super) fn read_flag(fields: &mut Fields<'_>, name: &'static str) -> Result<bool, FieldError> {
    match fields.read::<u8>(name)? {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(fields.value("0 or 1", other)),
    }
}

pub(super) fn write_option<T: Field>(value: &Option<T>, out: &mut Vec<u8>) {
    out.push(u8::from(value.is_some()));
    if let Some(value) = value {
        value.write(out);
    }
}

pub(super) fn read_option<T: Field>(
    fields: &mut Fields<'_>,
    name: &'static str,
) -> Result<Option<T>, FieldError> {
    read_flag(fields, name)?.then(|| fields.read(name)).transpose()
}

fn write_list<T>(values: &[T], max: usize, out: &mut Vec<u8>, write: impl Fn(&T, &mut Vec<u8>)) {
    let values = &values[..values.len().min(max)];
    (values.len() as u16).write(out);
    values.iter().for_each(|value| write(value, out));
}

fn read_list<T>(
    fields: &mut Fields<'_>,
    name: &'static str,
    (max, len_min): (usize, usize),
    mut read: impl FnMut(&mut Fields<'_>) -> Result<T, FieldError>,
) -> Result<Vec<T>, FieldError> {
    let count: u16 = fields.read(name)?;
    if usize::from(count) > max {
        return Err(fields.value("a count within the limits of the list", count));
    }
    let mut values = Vec::with_capacity(fields.room_for(count.into(), len_min));
    for _ in 0..count {
        values.push(read(fields)?);
    }
    Ok(values)
}

pub(super) fn write_position(position: Position, out: &mut Vec<u8>) {
    position.to_bytes().write(out);
}

pub(super) fn read_position(fields: &mut Fields<'_>, context: RingContext) -> Result<Position, FieldError> {
    let bytes: [u8; 32] = fields.read("position")?;
    let position = Position::from_bytes(&bytes);
    if context.space.contains(position) { Ok(position) } else { Err(fields.form("a position of the ring")) }
}

pub(super) fn write_arc(arc: Arc, out: &mut Vec<u8>) {
    write_position(arc.after, out);
    write_position(arc.until, out);
}

pub(super) fn read_arc(fields: &mut Fields<'_>, context: RingContext) -> Result<Arc, FieldError> {
    Ok(Arc { after: read_position(fields, context)?, until: read_position(fields, context)? })
}

/// The number of a position in a small ring.
fn number_of(position: Position) -> u64 {
    let bytes = position.to_bytes();
    bytes[24..].iter().fold(0, |number, &byte| number << 8 | u64::from(byte))
}

pub(super) fn write_contact(contact: &Contact, space: Space, out: &mut Vec<u8>) {
    // A contact has an address that can be dialled: it was read from the network, or is this node's own. Were it none, the
    // reader would refuse it.
    contact.peer.write(out);
    match PeerAddress::new(contact.peer, contact.address) {
        Some(address) => {
            out.truncate(out.len() - 32);
            address.write(out);
        }
        None => out.extend_from_slice(&[4, 0, 0, 0, 0, 0, 0]),
    }
    if space != Space::FULL {
        number_of(contact.position).write(out);
    }
}

pub(super) fn read_contact(fields: &mut Fields<'_>, context: RingContext) -> Result<Contact, FieldError> {
    let address: PeerAddress = fields.read("contact")?;
    let peer = address.peer();
    let position = if context.space == Space::FULL {
        ring_position(&peer)
    } else {
        Space::FULL.place(&Key::from_number(fields.read("number")?))
    };
    if !context.space.contains(position) {
        return Err(fields.form("a position of the ring"));
    }
    Ok(Contact { position, peer, address: address.address() })
}

pub(super) fn write_contacts(contacts: &[Contact], space: Space, out: &mut Vec<u8>) {
    write_list(contacts, CONTACTS_MAX, out, |contact, out| write_contact(contact, space, out));
}

pub(super) fn read_contacts(
    fields: &mut Fields<'_>,
    context: RingContext,
) -> Result<Vec<Contact>, FieldError> {
    read_list(fields, "contacts", (CONTACTS_MAX, CONTACT_LEN_MIN), |fields| read_contact(fields, context))
}

pub(super) fn write_optional_contact(contact: &Option<Contact>, space: Space, out: &mut Vec<u8>) {
    out.push(u8::from(contact.is_some()));
    if let Some(contact) = contact {
        write_contact(contact, space, out);
    }
}

pub(super) fn read_optional_contact(
    fields: &mut Fields<'_>,
    context: RingContext,
) -> Result<Option<Contact>, FieldError> {
    read_flag(fields, "contact")?.then(|| read_contact(fields, context)).transpose()
}

pub(super) fn write_record_id(id: &RecordId, out: &mut Vec<u8>) {
    id.key.as_bytes().write(out);
    id.publisher.write(out);
    id.subject.write(out);
}

pub(super) fn read_record_id(fields: &mut Fields<'_>) -> Result<RecordId, FieldError> {
    Ok(RecordId {
        key: Key::from_bytes(fields.read("key")?),
        publisher: fields.read("publisher")?,
        subject: fields.read("subject")?,
    })
}

pub(super) fn write_record(record: &Record, out: &mut Vec<u8>) {
    let content = record.content();
    write_record_id(&content.id, out);
    content.version.write(out);
    write_option(
        &match content.lease {
            Lease::Until(end) => Some(end),
            Lease::Forever => None,
        },
        out,
    );
    content.rank.write(out);
    write_option(&content.blob_bytes, out);
    out.push(u8::from(content.withdrawn));
    (content.value.len() as u16).write(out);
    out.extend_from_slice(&content.value);
    out.extend_from_slice(record.signature());
}

pub(super) fn read_record(fields: &mut Fields<'_>, context: RingContext) -> Result<Record, FieldError> {
    let id = read_record_id(fields)?;
    let version = fields.read("version")?;
    let lease = read_option(fields, "lease")?.map_or(Lease::Forever, Lease::Until);
    let rank = fields.read("rank")?;
    let blob_bytes = read_option(fields, "file size")?;
    let withdrawn = read_flag(fields, "withdrawn")?;
    let len: u16 = fields.read("value")?;
    if usize::from(len) > VALUE_BYTES_MAX {
        return Err(fields.value("at most 1024 bytes", len));
    }
    let value = fields.bytes(len.into())?.to_vec();
    fields.rename("signature");
    let signature = fields.array()?;
    let content = Content { id, version, lease, rank, blob_bytes, withdrawn, value };
    Record::checked(content, signature, context.is_signed).map_err(|error| match error {
        RecordError::Lease => fields.form("a lease that ends, without a file or withdrawn"),
        RecordError::Value { .. } => fields.form("a value of at most 1024 bytes"),
        _ => fields.form("the publisher's signature"),
    })
}

pub(super) fn write_records(records: &[Record], out: &mut Vec<u8>) {
    write_list(records, RECORDS_MAX, out, write_record);
}

pub(super) fn read_records(fields: &mut Fields<'_>, context: RingContext) -> Result<Vec<Record>, FieldError> {
    read_list(fields, "records", (RECORDS_MAX, RECORD_LEN_MIN), |fields| read_record(fields, context))
}

pub(super) fn write_offers(offers: &[Offered], out: &mut Vec<u8>) {
    write_list(offers, RECORDS_MAX, out, |offer, out| {
        write_record(&offer.record, out);
        out.push(u8::from(offer.has_blob));
    });
}

pub(super) fn read_offers(fields: &mut Fields<'_>, context: RingContext) -> Result<Vec<Offered>, FieldError> {
    read_list(fields, "records", (RECORDS_MAX, RECORD_LEN_MIN + 1), |fields| {
        Ok(Offered { record: read_record(fields, context)?, has_blob: read_flag(fields, "has file")? })
    })
}

pub(super) fn write_prints(prints: &[Print], out: &mut Vec<u8>) {
    write_list(prints, PRINTS_MAX, out, |print, out| out.extend_from_slice(&print.0.to_le_bytes()));
}

fn read_print(fields: &mut Fields<'_>) -> Result<Print, FieldError> {
    fields.array().map(|bytes| Print(u128::from_le_bytes(bytes)))
}

pub(super) fn read_prints(fields: &mut Fields<'_>) -> Result<Vec<Print>, FieldError> {
    read_list(fields, "short names", (PRINTS_MAX, 16), read_print)
}

pub(super) fn write_puts(puts: &[drizzle_ring::Put], out: &mut Vec<u8>) {
    use drizzle_ring::{Put, Refusal};
    write_list(puts, RECORDS_MAX, out, |put, out| {
        out.push(match put {
            Put::Kept { whole: false } => 0,
            Put::Kept { whole: true } => 1,
            Put::Refused(Refusal::Stale { whole: true }) => 2,
            Put::Refused(Refusal::Ended) => 3,
            Put::Refused(Refusal::LongLease) => 4,
            Put::Refused(Refusal::NotMine) => 5,
            Put::Refused(Refusal::KeyFull) => 6,
            Put::Refused(Refusal::PublisherFull) => 7,
            Put::Refused(Refusal::Stale { whole: false }) => 9,
            Put::Refused(Refusal::Ahead) => 10,
            Put::Refused(Refusal::Unwritable) => 11,
            Put::Refused(_) => 8,
        });
    });
}

pub(super) fn read_puts(fields: &mut Fields<'_>) -> Result<Vec<drizzle_ring::Put>, FieldError> {
    use drizzle_ring::{Put, Refusal};
    read_list(fields, "results", (RECORDS_MAX, 1), |fields| {
        Ok(match fields.read::<u8>("result")? {
            0 => Put::Kept { whole: false },
            1 => Put::Kept { whole: true },
            2 => Put::Refused(Refusal::Stale { whole: true }),
            3 => Put::Refused(Refusal::Ended),
            4 => Put::Refused(Refusal::LongLease),
            5 => Put::Refused(Refusal::NotMine),
            6 => Put::Refused(Refusal::KeyFull),
            7 => Put::Refused(Refusal::PublisherFull),
            8 => Put::Refused(Refusal::Full),
            9 => Put::Refused(Refusal::Stale { whole: false }),
            10 => Put::Refused(Refusal::Ahead),
            11 => Put::Refused(Refusal::Unwritable),
            other => return Err(fields.value("a result (0 to 11)", other)),
        })
    })
}
