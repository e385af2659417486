//! A network that falls apart, and becomes one again.

use std::time::Instant;

use super::circle::{Member, assert_given, end_all, ended_with, settle};
use crate::ground::Ground;
use xtask::lab::Link;

/// Round the circle, in turn of the one half and the other: so neither half is an arc, and each key has keepers in both.
const IDS: [u64; 8] = [16, 48, 80, 112, 144, 176, 208, 240];
const BYTES: u64 = 2_000_000;

fn half(ring: &mut [Member<'_>], which: usize) {
    let members = IDS.into_iter().zip(ring.iter_mut());
    settle(&mut members.skip(which).step_by(2).collect::<Vec<_>>());
}

/// S3.4. The network falls into two halves, each of which closes to a ring of its own and takes a file; then the network is one
/// again, the ring too, and everybody gets every file. The ring is for the invited. Would fail for a ring that never looks
/// across once it has closed, that loses what one half alone has taken, or whose members need their first contact later on.
#[test]
fn a_network_that_falls_apart_becomes_one_ring_again_with_every_file() {
    let Some(ground) = Ground::new(&[Link::FREE; IDS.len()]) else { return };
    let mut ring: Vec<Member> = Vec::new();
    for (host, id) in IDS.into_iter().enumerate() {
        let invite = ring.first().map(|first| first.invite.clone());
        let join: Vec<&str> = invite.iter().flat_map(|invite| ["--join", invite]).collect();
        ring.push(Member::numbered(&ground, host, id, &join));
    }
    settle(&mut IDS.into_iter().zip(ring.iter_mut()).collect::<Vec<_>>());
    let store = |host: usize, name: &str, giver: &Member| {
        let file = ground.named_file(host, name, BYTES).path();
        ended_with(0, giver.ask(&["store", file.to_str().unwrap()]));
        file
    };
    let before = store(0, "100", &ring[0]);

    let parted = Instant::now();
    for member in ring.iter().skip(1).step_by(2) {
        member.seat.host.part().unwrap();
    }
    half(&mut ring, 0);
    half(&mut ring, 1);
    println!("two rings {:.2?} after the network came apart", parted.elapsed());
    let meanwhile = [store(0, "20", &ring[0]), store(1, "150", &ring[1])];
    for member in &ring {
        assert_given(member, member.request("100"), &before);
    }
    ended_with(3, ring[0].request("150"));

    let mended = Instant::now();
    for member in ring.iter().skip(1).step_by(2) {
        member.seat.host.mend().unwrap();
    }
    settle(&mut IDS.into_iter().zip(ring.iter_mut()).collect::<Vec<_>>());
    println!("one ring {:.2?} after the network was whole", mended.elapsed());
    for file in [&before].into_iter().chain(&meanwhile) {
        let name = file.file_name().unwrap().to_str().unwrap();
        for member in &ring {
            // A file goes to where it now belongs when neighbours compare what they keep.
            super::circle::eventually(&format!("{name} is found from {}", member.address()), || {
                member.request(name).code == Some(0)
            });
            assert_given(member, member.request(name), file);
        }
    }
    end_all(ring);
}
