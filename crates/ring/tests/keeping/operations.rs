//! What a store or a request comes to when those who are asked are busy, full or slow: each ends, and says why.

use std::time::Duration;

use drizzle_ring::{
    Answer, Ask, Contact, Input, Key, Message, Offered, Operation, OperationError, Output, Put, Refusal,
};

use crate::one::{BLOB, One, SECOND, contact, record};

/// A keeper that says for ever that it is fetching must not hold the job for ever: what others have is stored, and
/// where nobody has it, that is told. Would fail if the job asked on without end.
#[test]
fn a_store_ends_although_a_keeper_never_has_the_blob() {
    for is_here in [true, false] {
        let mut one = One::new(3);
        let (operation, record) = (Operation(1), record(90, 1000, 7));
        let never = Put::Kept { whole: false };
        let mut outputs = one.take(Input::Store { operation, record }, never);
        if is_here {
            outputs.extend(one.take(Input::BlobArrived(BLOB), never));
        }
        outputs.extend(one.wait(600 * SECOND, never));
        let end = outputs
            .into_iter()
            .find(|output| matches!(output, Output::Stored { .. } | Output::Failed { .. }));
        match end.unwrap() {
            Output::Stored { at, .. } => assert!(is_here && at == [contact(100)], "{at:?}"),
            Output::Failed { error, .. } => assert!(!is_here && error == OperationError::NoFile, "{error}"),
            other => unreachable!("{other:?}"),
        }
    }
}

/// Would fail if a store or a request came to nothing because somebody was joining at that moment, or asked without
/// end.
#[test]
fn the_busy_are_asked_again_and_not_for_ever() {
    let operation = Operation(1);
    let store = || Input::Store { operation, record: record(130, 1, 3) };
    let request = || Input::Request { operation, key: Key::from_number(130) };
    let stored = busy_for(9, store());
    assert!(matches!(&stored, Output::Stored { at, .. } if at.len() == 3), "{stored:?}");
    let received = busy_for(12, request());
    assert!(matches!(received, Output::Received { .. }), "{received:?}");
    for input in [store(), request()] {
        let failed = busy_for(usize::MAX, input);
        let is_told = matches!(failed, Output::Failed { error: OperationError::NoAnswer, .. });
        assert!(is_told, "{failed:?}");
    }
}

/// A disk that takes no more is said to be so, and the others keep the file. Would fail if a store waited for that
/// disk, or if nobody could tell whose it is.
#[test]
fn a_full_disk_is_told_at_once_and_others_keep_the_file() {
    let store = || Input::Store { operation: Operation(1), record: record(130, 1, 3) };
    let keepers_but = |full: &'static [u64]| {
        move |to: Contact, _: &Ask| {
            let is_full = full.iter().any(|&number| to == contact(number));
            let put = if is_full { Put::Refused(Refusal::Unwritable) } else { Put::Kept { whole: true } };
            Answer::Put(vec![put])
        }
    };
    let (stored, _) = played(store(), keepers_but(&[140]));
    assert!(matches!(&stored, Output::Stored { at, .. } if *at == [160, 200].map(contact)), "{stored:?}");
    let (failed, took) = played(store(), keepers_but(&[140, 160, 200]));
    let is_told = matches!(&failed, Output::Failed { error: OperationError::Unwritable(whose), .. }
        if *whose == contact(140));
    assert!(is_told && took < SECOND, "{failed:?} after {took:?}");
}

/// Plays the keepers, each busy so many times.
fn busy_for(times: usize, input: Input) -> Output {
    let mut left = times;
    let of_keepers = |_: Contact, ask: &Ask| {
        let is_busy = left > 0;
        left = left.saturating_sub(1);
        let offer = Offered { record: record(130, 1, 3), has_blob: true };
        match ask {
            _ if is_busy => Answer::Busy,
            Ask::Put(_) => Answer::Put(vec![Put::Kept { whole: true }]),
            _ => Answer::Records(vec![offer]),
        }
    };
    played(input, of_keepers).0
}

/// Plays those that an operation meets: what it came to, and how long that took. `of_keepers` answers to Put and Get.
fn played(input: Input, mut of_keepers: impl FnMut(Contact, &Ask) -> Answer) -> (Output, Duration) {
    let mut one = One::new(3);
    let mut ends = Vec::new();
    let mut due = vec![input];
    while ends.is_empty() {
        let input = due.pop().unwrap_or_else(|| {
            one.now = one.ring.next_deadline().map_or(one.now, |at| at.max(one.now));
            Input::Wake
        });
        one.ring.handle(one.now, input);
        while let Some(output) = one.ring.poll() {
            let Output::Send { to, message: Message::Ask(id, ask) } = output else {
                ends.extend(Some(output).filter(|output| {
                    matches!(output, Output::Stored { .. } | Output::Received { .. } | Output::Failed { .. })
                }));
                continue;
            };
            let answer = match ask {
                Ask::Put(_) | Ask::Get(_) => of_keepers(to, &ask),
                Ask::Compare { .. } => Answer::Same,
                Ask::Owner { .. } => Answer::Owner { predecessor: Some(contact(120)) },
                Ask::Route { .. } => {
                    Answer::Route { nearer: Vec::new(), owners: [140, 160, 200].map(contact).to_vec() }
                }
                _ => Answer::Pong,
            };
            due.push(Input::Message { from: to, message: Message::Answer(id, answer) });
        }
    }
    (end_of(ends), one.now.since_origin())
}

fn end_of(outputs: Vec<Output>) -> Output {
    let is_end = |output: &Output| {
        matches!(output, Output::Stored { .. } | Output::Received { .. } | Output::Failed { .. })
    };
    outputs.into_iter().find(is_end).unwrap()
}
