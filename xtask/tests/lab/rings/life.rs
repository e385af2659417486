//! S3.1 to S3.7: a small ring over hosts forms, keeps a file, and heals when members leave and die.

use std::time::Instant;

use super::circle::{Member, assert_given, end_all, ended_with, eventually, only, route, settle};
use crate::ground::Ground;
use xtask::lab::Link;

/// The ring of the requirements, and who comes later.
const FIRST: [u64; 7] = [2, 4, 5, 8, 9, 14, 19];
const LATER: u64 = 15;
/// The file's name is its number; its key is 220, and after that the circle goes on at 2.
const NAME: &str = "2012";
const KEY: u64 = 220;
const KEEPERS: [u64; 3] = [2, 4, 5];
const BYTES: u64 = 5_000_000;
/// Where somebody is who is not to come in.
const OUTSIDE: usize = FIRST.len() + 1;

/// Each joins through the one before it.
fn form(ground: &Ground) -> Vec<(u64, Member<'_>)> {
    let mut ring: Vec<(u64, Member)> = Vec::new();
    for (host, id) in FIRST.into_iter().enumerate() {
        let through = ring.last().map(|(_, before)| before.address());
        let join: &[&str] = match &through {
            Some(address) => &["--open", "--join", address],
            None => &["--open"],
        };
        ring.push((id, Member::numbered(ground, host, id, join)));
    }
    ring
}

fn settle_all(ring: &mut [(u64, Member)]) {
    settle(&mut ring.iter_mut().map(|(id, member)| (*id, member)).collect::<Vec<_>>());
}

fn position(ring: &[(u64, Member)], id: u64) -> usize {
    ring.iter().position(|(of, _)| *of == id).unwrap()
}

/// The life that the requirements tell of, on eight hosts. The one that dies falls off the network at that moment, as a machine
/// does whose power fails: no connection breaks, so only missed pings can tell. Would fail for a ring that does not close, that needs
/// a broken connection to notice its dead, loses a file with the peers that keep it, or lets two peers have one place.
#[test]
fn a_ring_over_hosts_forms_keeps_a_file_and_heals() {
    let Some(ground) = Ground::new(&[Link::FREE; OUTSIDE + 1]) else { return };
    let mut ring = form(&ground);
    settle_all(&mut ring);
    for at in 0..ring.len() {
        let next = ring[(at + 1) % ring.len()].0;
        let is_pong = |event: &xtask::lab::Event| (event.is("ping") && event["id"] == next).then_some(());
        ring[at].1.wait(&format!("ping {next}"), is_pong);
    }

    let through = ring[position(&ring, 4)].1.address();
    let fifteen = Member::numbered(&ground, FIRST.len(), LATER, &["--open", "--join", &through]);
    ring.insert(position(&ring, 19), (LATER, fifteen));
    settle_all(&mut ring);

    let giver = &ring[position(&ring, 9)].1;
    let file = ground.named_file(giver.host, NAME, BYTES).path();
    let told = ended_with(0, giver.ask(&["store", file.to_str().unwrap()]));
    let stored = only(&told, "stored");
    let at: Vec<u64> =
        stored["at"].as_array().unwrap().iter().filter_map(serde_json::Value::as_u64).collect();
    assert_eq!((stored["key"].as_u64(), stored["id"].as_u64()), (Some(KEY), Some(KEEPERS[0])), "{stored:?}");
    assert_eq!((at, stored.text("peer")), (KEEPERS.to_vec(), ring[0].1.key.clone()));

    for (id, member) in &ring {
        let told = assert_given(member, member.request(NAME), &file);
        let (received, route) = (only(&told, "received"), route(&told));
        println!("{id} asks by way of {route:?}, {:?} answers", received["id"]);
        assert_eq!(received["own"] == true, KEEPERS.contains(id), "who keeps it says so: {received:?}");
        if !KEEPERS.contains(id) {
            assert_eq!((route.first(), route.last()), (Some(id), Some(&KEEPERS[0])), "{id}");
        }
    }

    let (_, nine) = ring.remove(position(&ring, 9));
    let asked = Instant::now();
    ended_with(0, nine.ask(&["quit"]));
    settle_all(&mut ring);
    println!("repaired {:.2?} after 9 was asked to quit", asked.elapsed());
    // Who leaves does not wait for ever until each has heard it: on a busy machine one may hear it from the others.
    let neighbours = [8, 14].map(|id| &ring[position(&ring, id)].1);
    eventually("a neighbour has heard that 9 left", || {
        neighbours.iter().any(|member| member.peer.said().contains("peer 9 left"))
    });

    let (_, five) = ring.remove(position(&ring, 5));
    let died = Instant::now();
    five.seat.host.cut().unwrap();
    five.peer.crash();
    settle_all(&mut ring);
    println!("repaired {:.2?} after 5 was killed", died.elapsed());
    let four = &ring[position(&ring, 4)].1;
    four.wait_until_said("peer 5 missed a ping");
    four.wait_until_said("peer 5 is gone without a word");

    for (_, member) in &ring {
        assert_given(member, member.request(NAME), &file);
    }

    let taken = ["ring", "start", "--open", "--bits", "8", "--id", "14", "--join", &ring[0].1.address()];
    let refused = ended_with(7, ground.seat(OUTSIDE).run(&taken, super::circle::HEALS_WITHIN).unwrap());
    let message = only(&refused, "error").text("message");
    assert!(message.contains("id 14 is taken"), "{message}");
    end_all([nine].into_iter().chain(ring.into_iter().map(|(_, member)| member)));
}
