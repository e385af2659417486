//! Who may come into a ring, and what those learn who may not.

use crate::rings::{Member, file, numbered, start_in_vain};
use crate::support::home::Home;
use crate::support::words;

/// Nobody who was not invited gets in: not as a member, not as a guest; an invite lets in both. Would fail for a ring that
/// tells its secret, or takes a ticket that another key signed.
#[test]
fn a_closed_ring_takes_the_invited_alone() {
    let first = Member::start(words![]);
    assert_eq!(first.invite.matches('/').count(), 4, "an invite to a closed ring holds its secret");
    let (open, _) = first.invite.rsplit_once('/').unwrap();
    for wrong in [&first.address, open, &format!("{open}/{}", "cd".repeat(32))] {
        start_in_vain(words!["--join", wrong]).assert_code(7);
        let guest = Home::new();
        guest.run(words!["ring", "request", "x", "--join", wrong]).assert_code(7);
        guest.run(words!["list", "--tracker", format!("ring://{}", first.address)]).assert_code(7);
    }
    let opened = start_in_vain(words!["--open", "--join", &first.invite]);
    opened.assert_code(2);
    assert!(opened.stderr.contains("for the invited"), "{}", opened.stderr);
    let second = Member::start(words!["--join", &first.invite]);
    let path = file(&second.home, "notes", 70_000);
    second.ask(words!["store", &path]).assert_code(0);
    let guest = Home::new();
    let asked = guest.run(words!["ring", "request", "notes", "--join", &first.invite, "-o", guest.out()]);
    asked.assert_code(0);
    assert!(guest.out().join("notes").exists());
}

/// What cannot be is told before anything is done.
#[test]
fn what_makes_no_sense_is_told() {
    let first = Member::numbered(7, None);
    start_in_vain(words!["--id", "1"]).assert_code(2);
    start_in_vain(words!["--bits", "8"]).assert_code(2);
    start_in_vain(words!["--bits", "8", "--id", "256"]).assert_code(2);
    let without_id = start_in_vain(words!["--join", &first.address]);
    without_id.assert_code(2);
    assert!(without_id.stderr.contains("--bits 8"), "{}", without_id.stderr);
    let wider = start_in_vain(words!["--bits", "9", "--id", "300", "--join", &first.address]);
    wider.assert_code(7);
    start_in_vain(numbered(9, Some(&first)).into_iter().chain(words!["--join", "nowhere"]).collect())
        .assert_code(2);
    Home::new().run(words!["ring", "status"]).assert_code(5);
    first.ask(words!["store", first.home.join("missing")]).assert_code(3);
    first.home.run(words!["ring", "start", "--listen", "127.0.0.1:0"]).assert_code(1);
}
