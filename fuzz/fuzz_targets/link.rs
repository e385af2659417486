//! A link: nothing panics, and a link that is taken is the same after it was written and read again.

#![no_main]

use drizzle_model::Link;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(link) = text.parse::<Link>() else { return };
    assert_eq!(link.to_string().parse(), Ok(link));
});
