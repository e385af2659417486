//! A walk round the ring, from member to member: what names there are can be learned in no other way.
//!
//! Law: what is missing in the end is told. Members that do not answer are gone round, and counted.

use std::collections::VecDeque;
use std::time::Duration;

use drizzle_net::Expect;
use drizzle_ring::{Arc, Contact, Record, RecordId};
use drizzle_wire::{Reply, Wish};
use tokio::time::timeout;

use super::Guest;
use super::asking::{ANSWER_MAX, GuestLine, near_of, unexpected};
use crate::event::Event;
use crate::ring::error::RingError;

/// One member may take so long to tell all the names that it keeps: they may be tens of thousands.
const TELL_MAX: Duration = Duration::from_secs(120);

/// How complete a walk round the ring was.
#[derive(Debug, Default)]
struct Walked {
    /// Members that did not answer.
    silent: usize,
    /// There are more members, or more names, than are asked for.
    is_cut_off: bool,
}

impl Walked {
    fn cut_off(self) -> Self {
        Self { is_cut_off: true, ..self }
    }

    /// What is missing, in words.
    fn gaps(&self) -> Vec<String> {
        let members = if self.silent == 1 { "member" } else { "members" };
        let silent = self.silent;
        let silence = (silent > 0).then(|| {
            format!("{silent} {members} of the ring did not answer: what nobody else keeps is missing")
        });
        let cut = "the ring has more members, or more names, than one list asks for: the rest is missing";
        silence.into_iter().chain(self.is_cut_off.then(|| cut.to_owned())).collect()
    }

    fn missed(&mut self, who: Contact, why: &str) {
        tracing::debug!(target: "drizzle::ring", ?who, why, "a member does not tell what it keeps");
        self.silent += 1;
    }
}

impl Guest {
    /// Goes from member to member, as long as `visit` says so; each tells what names it keeps. Those who do not answer
    /// are gone round, and how many they are is told as an event. False from `visit` ends it.
    pub(crate) async fn walk(
        &self,
        members_max: usize,
        visit: impl FnMut(Vec<Record>) -> bool,
    ) -> Result<(), RingError> {
        let walked = self.walked(members_max, visit).await?;
        for reason in walked.gaps() {
            // Nobody listening is no reason to stop.
            let _ = self.inner.events.send(Event::Incomplete { reason });
        }
        Ok(())
    }

    async fn walked(
        &self,
        members_max: usize,
        mut visit: impl FnMut(Vec<Record>) -> bool,
    ) -> Result<Walked, RingError> {
        let (mut line, mut ahead) = self.beginning().await?;
        let first = line.host;
        let mut walked = Walked::default();
        for _ in 0..members_max {
            match timeout(TELL_MAX, told_by(&line, &mut visit))
                .await
                .unwrap_or(Err(RingError::late(TELL_MAX)))
            {
                Ok(true) => {}
                Ok(false) => return Ok(walked.cut_off()),
                Err(error) => walked.missed(line.host, &error.to_string()),
            }
            loop {
                let Some(next) = self.next_of(&mut ahead, &line, first, &mut walked).await else {
                    return Ok(walked);
                };
                line = next;
                match line.members().await {
                    Ok(near) => {
                        ahead = near.successors.into();
                        break;
                    }
                    // Those behind it are known from the one before.
                    Err(error) => walked.missed(line.host, &error.to_string()),
                }
            }
        }
        Ok(walked.cut_off())
    }

    /// A member that answers, and those behind it.
    async fn beginning(&self) -> Result<(GuestLine, VecDeque<Contact>), RingError> {
        let (line, reply) = self.answered(Wish::Members, ANSWER_MAX, |_, _| {}).await?;
        Ok((line, near_of(reply)?.successors.into()))
    }

    /// A line to the first of those ahead that answers; none when the way has come round, or nobody does.
    async fn next_of(
        &self,
        ahead: &mut VecDeque<Contact>,
        line: &GuestLine,
        first: Contact,
        walked: &mut Walked,
    ) -> Option<GuestLine> {
        let at = line.host.position;
        let is_round = |to: Contact| {
            let way = Arc { after: at, until: to.position };
            to == first || to.peer == line.host.peer || way.contains(first.position) && at != first.position
        };
        while let Some(next) = ahead.pop_front().filter(|next| !is_round(*next)) {
            match self.open(&next.address.into(), Expect::Peer(next.peer)).await {
                Ok(open) if open.space == line.space => return Some(open),
                Ok(_) => walked.missed(next, "its ring has ids of another size"),
                Err(error) => walked.missed(next, &error.to_string()),
            }
        }
        None
    }
}

/// Has a member tell all the names that it keeps; false when `visit` has enough.
async fn told_by(line: &GuestLine, visit: &mut impl FnMut(Vec<Record>) -> bool) -> Result<bool, RingError> {
    // In the order of the circle, in which members tell them.
    let place = |id: RecordId| (line.space.place(&id.key), id);
    let mut after: Option<RecordId> = None;
    loop {
        let reply = line.ask(Wish::List { after }, ANSWER_MAX, |_, _| {}).await?;
        let Reply::Listed { records, has_more } = reply else { return Err(unexpected(&reply)) };
        let last = records.last().map(Record::id);
        // A member that names what it named already would lead in a circle.
        let goes_on =
            has_more && last.is_some_and(|last| after.is_none_or(|after| place(last) > place(after)));
        if !visit(records) {
            return Ok(false);
        }
        if !goes_on {
            return Ok(true);
        }
        after = last;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Would fail if a list that is not whole passed for one.
    #[test]
    fn gaps_are_told() {
        let whole = Walked::default();
        assert_eq!(whole.gaps(), [""; 0]);
        let gaps = Walked { silent: 2, is_cut_off: false }.cut_off().gaps();
        assert!(
            gaps.len() == 2 && gaps[0].starts_with("2 members") && gaps[1].contains("the rest is missing")
        );
    }
}
