//! Who counts as a member: one that joins is none yet, and one that has left is none any more.

use drizzle_model::Time;
use drizzle_ring::{Answer, Ask, Config, Input, Key, Message, Notice, Output, Put, Ring, Space, Tell};

use crate::one::{One, SECOND, contact};

/// In the middle of its join a node asks for a moment. Would fail if it said that it is no member, as one that left
/// does, or passed for a neighbour already.
#[test]
fn one_that_joins_is_busy() {
    let mut config = Config::new(contact(100), 1);
    config.space = Space::new(8).unwrap();
    let mut one = One::with(Ring::new(Time::ORIGIN, config));
    let get = || Ask::Get(Key::from_number(90));
    assert_eq!(one.ask(contact(120), get()), Answer::NotMember);
    one.take(Input::Join { through: vec![contact(120)] }, Put::Kept { whole: true });
    assert_eq!(one.ask(contact(120), get()), Answer::Busy);
    assert_eq!(one.ask(contact(120), Ask::Ping), Answer::NotMember);
}

/// Would fail if a neighbour that has not heard a goodbye yet made this node ask after one that has left, and take it
/// for dead; or if one that has come back were not believed.
#[test]
fn who_has_left_is_not_asked_after_on_the_word_of_others() {
    let mut one = One::new(3);
    let names_120 = |one: &mut One| {
        let mut asked = Vec::new();
        for _ in 0..20 {
            one.now = one.now.max(one.ring.next_deadline().unwrap().min(one.now + SECOND / 20));
            one.ring.handle(one.now, Input::Wake);
            while let Some(output) = one.ring.poll() {
                let Output::Send { to, message: Message::Ask(id, ask) } = output else { continue };
                let answer = match ask {
                    Ask::State { .. } => {
                        asked.push(to);
                        let (predecessor, successors) =
                            (Some(contact(120)), [160, 200].map(contact).to_vec());
                        Answer::State { version: 1, predecessor, successors }
                    }
                    _ => continue,
                };
                one.ring.handle(one.now, Input::Message { from: to, message: Message::Answer(id, answer) });
            }
        }
        asked.contains(&contact(120))
    };
    let quit = Input::Message { from: contact(120), message: Message::Tell(Tell::Quit) };
    let is_told = |output: &Output| matches!(output, Output::Noticed(Notice::Quit(_)));
    let told = one.take(quit.clone(), Put::Kept { whole: true });
    assert_eq!(told.iter().filter(|output| is_told(output)).count(), 1);
    assert!(!one.take(quit, Put::Kept { whole: true }).iter().any(is_told), "it is told once");
    assert!(!names_120(&mut one), "it has left");
    one.ask(contact(120), Ask::Join);
    let again = Input::Message { from: contact(120), message: Message::Tell(Tell::Quit) };
    assert!(
        !one.take(again, Put::Kept { whole: true }).iter().any(is_told),
        "whoever comes and goes fills no log"
    );
    one.now = one.now + 3 * SECOND;
    one.ask(contact(120), Ask::Join);
    one.ring.handle(one.now, Input::Message { from: contact(140), message: Message::Tell(Tell::Stabilize) });
    assert!(names_120(&mut one), "it has come back");
}
