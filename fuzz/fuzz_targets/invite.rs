//! An invite: nothing panics, and an invite that is taken is the same after it was written and read again.

#![no_main]

use drizzle_model::Invite;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(invite) = text.parse::<Invite>() else { return };
    assert_eq!(invite.to_string().parse(), Ok(invite));
});
