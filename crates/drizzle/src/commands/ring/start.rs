//! `drizzle ring start`: a member of a ring, until somebody asks for the end.

use drizzle_model::Invite;
use drizzle_node::{RingEvent, RingNode, RingSettings, Settings};
use tokio::sync::mpsc::UnboundedReceiver;

use super::control::Control;
use crate::args::RingStartArgs;
use crate::commands::session::{Session, listen, node_settings};
use crate::config::settings;
use crate::context::Context;
use crate::exit::{End, Failure, Kind, Outcome, Stop};
use crate::output::Output;
use crate::output::report::Report;
use crate::output::ring_fields::{IdField, NeighboursFields};

struct Plan {
    node: Settings,
    ring: RingSettings,
}

pub(super) async fn run(context: &mut Context, args: RingStartArgs) -> Outcome {
    let Plan { node, ring } = plan(context, args)?;
    let verbosity = context.everywhere.verbosity;
    let mut session = Session::start("ring", node, verbosity).await?;
    let state_dir = context.everywhere.state_dir.clone();
    let output = &mut context.output;
    let outcome = match session.watch.until(output, session.node.start_ring(ring)).await? {
        None => Ok(End::Done),
        Some(Err(error)) => Err(Failure::from(error).into()),
        Some(Ok((ring, events))) => {
            let mut member = Member { session: &mut session, ring, events, tells_pings: verbosity > 0 };
            let lived = member.serve(output, &state_dir).await;
            lived.map(|()| End::Done)
        }
    };
    session.close().await;
    outcome
}

fn plan(context: &Context, args: RingStartArgs) -> Result<Plan, Failure> {
    let sources = &context.sources;
    let node = Settings {
        listen: listen(sources.given(&settings::LISTEN, args.listen.listen)?),
        ..node_settings(&context.everywhere)
    };
    let join: Option<Invite> =
        sources.given(&settings::JOIN, args.join.join)?.map(|text| text.read_ring()).transpose()?;
    let place = match (sources.given(&settings::BITS, args.bits)?, sources.given(&settings::ID, args.id)?) {
        (Some(bits), Some(id)) => Some((bits, id)),
        (None, None) => None,
        (Some(256), None) => None,
        (Some(_), None) => {
            return Err(Failure::new(Kind::Usage, "in a small ring each peer has a number: give its --id"));
        }
        (None, Some(_)) => {
            return Err(Failure::new(Kind::Usage, "an --id is for a small ring: give its --bits"));
        }
    };
    let is_open = sources.value(&settings::OPEN, args.open)?.is_on();
    if is_open && join.as_ref().is_some_and(|invite| invite.secret.is_some()) {
        let problem =
            "the invite has a secret, so its ring is for the invited: it cannot be joined with --open";
        return Err(Failure::new(Kind::Usage, problem).hint("leave --open out"));
    }
    let ring = RingSettings {
        join,
        is_open,
        place,
        ping: sources.value(&settings::PING, args.ping)?.duration(),
        successors: sources.value(&settings::SUCCESSORS, args.successors)?.get(),
        replicas: sources.value(&settings::REPLICAS, args.replicas)?.get(),
        quota_bytes: sources.value(&settings::QUOTA, args.quota)?.bytes(),
    };
    Ok(Plan { node, ring })
}

/// A member that lives.
struct Member<'a> {
    session: &'a mut Session,
    ring: RingNode,
    events: UnboundedReceiver<RingEvent>,
    tells_pings: bool,
}

impl Member<'_> {
    /// Lives, and hears commands meanwhile: whoever asks while it joins is told so.
    async fn serve(&mut self, output: &mut Output, state_dir: &std::path::Path) -> Result<(), Stop> {
        let listening = Control::listen(state_dir);
        let serving = listening.map(|control| control.serve(self.ring.clone()));
        let lived = if serving.is_ok() { self.live(output).await } else { Ok(()) };
        self.ring.quit().await;
        serving?.end().await;
        lived
    }

    /// Joins, then tells what is learned, until somebody asks for the end or the node has left.
    async fn live(&mut self, output: &mut Output) -> Result<(), Stop> {
        while let Some(event) = self.session.watch.until(output, self.events.recv()).await? {
            match event {
                Some(RingEvent::Joined) => self.ready(output)?,
                Some(RingEvent::JoinFailed(error)) => {
                    return Err(Failure::from(drizzle_node::RingError::from(error)).into());
                }
                Some(RingEvent::Left) | None => break,
                Some(event) => self.tell(output, event)?,
            }
        }
        Ok(())
    }

    fn ready(&self, output: &mut Output) -> Result<(), Stop> {
        output.report(&Report::Ready {
            role: "ring",
            listen: self.session.node.listen_addr().to_string(),
            peer: self.session.node.peer().to_string(),
            invite: Some(self.ring.invite().to_string()),
        })?;
        Ok(())
    }

    fn tell(&self, output: &mut Output, event: RingEvent) -> Result<(), Stop> {
        match event {
            RingEvent::Neighbours { me, predecessors, successors } => {
                let fields = NeighboursFields::new(&me, &predecessors, &successors);
                output.report(&Report::Neighbours(fields))?;
            }
            RingEvent::Pong { peer, round_trip } if self.tells_pings => {
                output.report(&Report::Ping {
                    id: IdField::from(&peer),
                    peer: peer.peer.to_string(),
                    seconds: round_trip.as_secs_f64(),
                })?;
            }
            RingEvent::Notice(text) => output.notice(&text),
            _ => {}
        }
        Ok(())
    }
}
