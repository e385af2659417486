//! `drizzle get LINK|NAME...`: fetches all of them at once; each has its own result.
//!
//! What only classic peers have is fetched from them, by its name: a native peer is preferred, since what it sends can be verified.

use std::path::PathBuf;
use std::sync::Arc;

use drizzle_model::{Link, RelPath};
use drizzle_node::{
    Afterwards, CaseClashes, ClassicFetched, FetchError, FetchRequest, Fetched, Network, Node, Settings, What,
};
use tokio::task::{JoinError, JoinSet};

use super::choice::Whom;
use super::session::{Session, Watch, listen, node_settings};
use super::{asked, choice, nearby};
use crate::args::GetArgs;
use crate::config::settings;
use crate::context::Context;
use crate::exit::{End, Failure, Kind, Outcome, Stop};
use crate::output::Output;
use crate::output::report::{PathText, Report};
use crate::running::Announcement;

/// One thing to fetch, and where to ask.
#[derive(Debug, Clone)]
struct Item {
    name: RelPath,
    what: What,
    whom: Whom,
}

/// What is to be done.
struct Plan {
    items: Vec<Item>,
    node: Settings,
    output: PathBuf,
    partial_dir: Option<PathBuf>,
    afterwards: Afterwards,
    case_clashes: CaseClashes,
}

/// How one of the things ended.
struct Ended {
    name: RelPath,
    result: Result<Brought, Failure>,
}

/// What came, and how.
enum Brought {
    Native(Fetched),
    /// It was registered by nobody whom others could verify, so it is not served on.
    Classic {
        fetched: ClassicFetched,
        wished: Afterwards,
    },
}

pub(super) async fn run(context: &mut Context, args: GetArgs) -> Outcome {
    let plan = plan(context, args)?;
    let Session { node, mut watch, mut announcement } =
        Session::start("get", plan.node.clone(), context.everywhere.verbosity).await?;
    announce_names(&mut announcement, &plan.items);
    let node = Arc::new(node);
    let ended = match fetch_all(&mut context.output, &mut watch, &plan, &node).await {
        Ok(End::Done) if plan.afterwards == Afterwards::Seed => seed(&mut context.output, &mut watch).await,
        other => other,
    };
    drop(announcement);
    if let Some(node) = Arc::into_inner(node) {
        node.shutdown().await;
    }
    match ended {
        // Nobody reads the results, so not all of it may be there.
        Err(Stop::OutputClosed) => Ok(End::Told(Kind::Other)),
        other => other,
    }
}

/// Fetches all at once; of those for which no tracker is named, those that somebody on the local network has.
async fn fetch_all(output: &mut Output, watch: &mut Watch, plan: &Plan, node: &Arc<Node>) -> Outcome {
    let mut fetches = JoinSet::new();
    let mut end = End::Done;
    let Some(found) = look_around(output, watch, plan, node).await? else { return interrupted(output) };
    for item in &plan.items {
        let network = match (&item.whom, &found) {
            (Whom::Nearby(_), found) => {
                let sought = watch.until(output, nearby::holder(found, &item.what)).await?;
                let Some(holder) = sought else { return interrupted(output) };
                let Some(network) = holder else {
                    let failure = nearby::nobody_has(&item.name, found.len());
                    let told = tell(output, Ok(Ended { name: item.name.clone(), result: Err(failure) }))?;
                    end = if end == End::Done { told } else { end };
                    continue;
                };
                nearby::tell(output, std::slice::from_ref(&network))?;
                Some(network)
            }
            (Whom::Named(_), _) => None,
        };
        fetches.spawn(fetch(Arc::clone(node), network, item.clone(), request(plan, item)));
    }
    let collected = collect(output, watch, &mut fetches).await;
    fetches.shutdown().await;
    collected.map(|fetched| if end == End::Done { fetched } else { end })
}

/// The networks on the local network, where one of the items needs them; none when somebody asks for the end.
async fn look_around(
    output: &mut Output,
    watch: &mut Watch,
    plan: &Plan,
    node: &Node,
) -> Result<Option<Vec<Network>>, Stop> {
    let patience = plan.items.iter().find_map(|item| match item.whom {
        Whom::Nearby(patience) => Some(patience),
        Whom::Named(_) => None,
    });
    match patience {
        Some(patience) => Ok(watch.until(output, nearby::networks(node, patience)).await?.transpose()?),
        None => Ok(Some(Vec::new())),
    }
}

fn plan(context: &Context, args: GetArgs) -> Result<Plan, Failure> {
    let sources = &context.sources;
    let whom = choice::whom(context, args.whom)?;
    let is_on = |switch: crate::config::Switch| switch.is_on();
    let node = Settings {
        listen: listen(sources.given(&settings::LISTEN, args.listen.listen)?),
        peers_max: sources.value(&settings::MAX_PEERS, args.max_peers)?.get(),
        requests_max: sources.value(&settings::MAX_REQUESTS, args.max_requests)?.get(),
        refresh: sources.value(&settings::REFRESH, args.refresh)?.duration(),
        patience: sources.value(&settings::PATIENCE, args.patience)?.duration(),
        ..node_settings(&context.everywhere)
    };
    let refuses = sources.value(&settings::REFUSE_CASE_CLASHES, args.refuse_case_clashes).map(is_on)?;
    let seeds = sources.value(&settings::SEED, args.seed).map(is_on)?;
    let output = sources.value(&settings::OUTPUT, args.output)?;
    Ok(Plan {
        items: items(&asked::words(&args.what)?, whom.as_ref())?,
        node,
        output: std::path::absolute(&output).map_err(|error| Failure::at_path(&output, &error))?,
        partial_dir: sources.given(&settings::PARTIAL_DIR, args.partial_dir)?,
        afterwards: if seeds { Afterwards::Seed } else { Afterwards::Leave },
        case_clashes: if refuses { CaseClashes::Refused } else { CaseClashes::Allowed },
    })
}

/// Reads every link and name before anything starts. The same one twice is fetched once.
fn items(words: &[String], whom: Option<&Whom>) -> Result<Vec<Item>, Failure> {
    let mut items: Vec<(&String, Item)> = Vec::new();
    for word in words {
        if items.iter().any(|(known, _)| *known == word) {
            continue;
        }
        let item = item(word, whom)?;
        if items.iter().any(|(_, other)| other.name == item.name) {
            let message = format!("two of them have the name {}, and only one can stand under it", item.name);
            return Err(Failure::new(Kind::Usage, message).hint("get each with an --output of its own"));
        }
        items.push((word, item));
    }
    Ok(items.into_iter().map(|(_, item)| item).collect())
}

/// What a link says of the tracker counts before what is set: it is there that the content is known.
fn item(word: &str, whom: Option<&Whom>) -> Result<Item, Failure> {
    if !Link::is_meant_by(word) {
        let whom = whom.cloned().ok_or_else(choice::none)?;
        let name = RelPath::new(word).map_err(Failure::from)?;
        return Ok(Item { what: What::Name(name.clone()), name, whom });
    }
    let link: Link = word.parse().map_err(Failure::from)?;
    let own = link.invite.clone().map(Whom::Named);
    let whom = own.or_else(|| whom.cloned()).ok_or_else(choice::none)?;
    Ok(Item { name: link.name.clone(), what: What::Link(Box::new(link)), whom })
}

fn announce_names(announcement: &mut Option<Announcement>, items: &[Item]) {
    for item in items {
        if let Some(announcement) = announcement {
            let told = announcement.add_name(item.name.as_str());
            let _ = told.inspect_err(|error| tracing::debug!(%error, "status will not know of this name"));
        }
    }
}

fn request(plan: &Plan, item: &Item) -> FetchRequest {
    FetchRequest {
        what: item.what.clone(),
        output: plan.output.clone(),
        partial_dir: plan.partial_dir.clone(),
        afterwards: plan.afterwards,
        case_clashes: plan.case_clashes,
    }
}

/// Fetches from a network that was joined already, or from the one that is named.
async fn fetch(node: Arc<Node>, joined: Option<Network>, item: Item, request: FetchRequest) -> Ended {
    let result = async {
        // Held until it is fetched: what a link names is dialled while its network is being joined.
        let _dialled = joined.is_none().then(|| node.dial_ahead(&request.what));
        let network = match (joined, item.whom) {
            (Some(network), _) => network,
            (None, Whom::Named(invite)) => node.join(invite).await?,
            (None, Whom::Nearby(_)) => return Err(choice::none()),
        };
        bring(&node, &network, request).await
    };
    Ended { name: item.name, result: result.await }
}

/// From native peers; what is of none of them, from classic ones.
async fn bring(node: &Node, network: &Network, request: FetchRequest) -> Result<Brought, Failure> {
    let (what, output, wished) = (request.what.clone(), request.output.clone(), request.afterwards);
    let error = match node.fetch(network, request).await {
        Ok(fetched) => return Ok(Brought::Native(fetched)),
        Err(error) => error,
    };
    // One that is registered, whose holders only do not answer, is not given up for one that cannot be verified.
    let is_of_nobody = match &error {
        FetchError::NotFound { .. } => true,
        FetchError::NoSource { reasons, .. } => reasons.is_empty(),
        _ => false,
    };
    if let (true, What::Name(name)) = (is_of_nobody, &what)
        && let Some(fetched) = node.fetch_classic(network, name, &output).await?
    {
        return Ok(Brought::Classic { fetched, wished });
    }
    Err(error.into())
}

/// Waits for all, and tells of each as it ends. The first failure decides how the whole ends.
async fn collect(output: &mut Output, watch: &mut Watch, fetches: &mut JoinSet<Ended>) -> Outcome {
    let mut end = End::Done;
    while !fetches.is_empty() {
        let Some(ended) = watch.until(output, fetches.join_next()).await? else { return interrupted(output) };
        let Some(ended) = ended else { break };
        let told = tell(output, ended)?;
        if end == End::Done {
            end = told;
        }
    }
    Ok(end)
}

fn tell(output: &mut Output, ended: Result<Ended, JoinError>) -> Outcome {
    let failure = match ended {
        Ok(Ended { name, result }) => {
            output.progress_end(name.as_str());
            match result {
                Ok(Brought::Native(fetched)) => return tell_fetched(output, fetched),
                Ok(Brought::Classic { fetched, wished }) => return tell_classic(output, fetched, wished),
                Err(failure) => failure,
            }
        }
        Err(error) => Failure::new(Kind::Other, format!("a fetch ended early: {error}")),
    };
    output.error(failure.kind.as_str(), &failure.message, failure.hint.as_deref())?;
    Ok(End::Told(failure.kind))
}

fn tell_fetched(output: &mut Output, fetched: Fetched) -> Outcome {
    let Fetched { key, path, elapsed, from, refused } = fetched;
    output.report(&Report::Done {
        name: key.name.to_string(),
        hash: key.hash.to_string(),
        path: PathText::from(path),
        size: key.size,
        seconds: elapsed.as_secs_f64(),
        from: from.into_iter().map(|(peer, bytes)| (peer.to_string(), bytes)).collect(),
        left_out: refused.iter().map(ToString::to_string).collect(),
    })?;
    let Some(first) = refused.first() else { return Ok(End::Done) };
    let failure = not_all(&key.name, first, refused.len());
    output.error(failure.kind.as_str(), &failure.message, failure.hint.as_deref())?;
    Ok(End::Told(failure.kind))
}

fn tell_classic(output: &mut Output, fetched: ClassicFetched, wished: Afterwards) -> Outcome {
    let name = fetched.name.to_string();
    output.report(&Report::ClassicDone(fetched.into()))?;
    if wished == Afterwards::Seed {
        output.notice(&format!(
            "{name} is not served, since it came from a classic peer; `drizzle share` shares it"
        ));
    }
    Ok(End::Done)
}

/// Nothing is written through a link that leads out of its folder, nor is such a link made; so not all is there.
fn not_all(name: &RelPath, first: &RelPath, links: usize) -> Failure {
    let others = if links > 1 { format!(" and {} more", links - 1) } else { String::new() };
    let message =
        format!("{name}: the symbolic link {first}{others} is not made, since it leads out of the folder");
    Failure::new(Kind::Other, message)
        .hint("all else is there and verified; make such links by hand if you trust them")
}

fn interrupted(output: &mut Output) -> Outcome {
    let kind = Kind::Interrupted;
    output.error(kind.as_str(), "interrupted", Some("the same command goes on from what is there"))?;
    Ok(End::Told(kind))
}

async fn seed(output: &mut Output, watch: &mut Watch) -> Outcome {
    output.notice("Serving it, until Ctrl-C.");
    watch.until_asked(output).await?;
    Ok(End::Done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use drizzle_model::Invite;

    fn link(name: &str, hash: &str, invite: &str) -> String {
        let invite = if invite.is_empty() { String::new() } else { format!("&tr={invite}") };
        format!("drizzle:?xt=urn:blake3:{}&dn={name}&xl=3{invite}", hash.repeat(32))
    }

    fn invite(host: &str) -> Invite {
        format!("tracker://{host}:1/{}", "ab".repeat(32)).parse().unwrap()
    }

    fn kind_of(words: &[String], tracker: Option<&Invite>) -> Kind {
        items(words, tracker.cloned().map(Whom::Named).as_ref()).unwrap_err().kind
    }

    #[test]
    fn a_links_own_tracker_counts_before_the_one_that_is_set() {
        let own = link("a", "11", &invite("own").to_string());
        let bare = link("b", "22", "");
        let set = Whom::Named(invite("set"));
        let items = items(&[own, bare, "c".into()], Some(&set)).unwrap();
        let whom: Vec<_> = items.into_iter().map(|item| item.whom).collect();
        assert_eq!(whom, [Whom::Named(invite("own")), set.clone(), set]);
    }

    #[test]
    fn what_cannot_be_asked_for_is_told_before_anything_starts() {
        let set = invite("set");
        assert_eq!(kind_of(&["name".into()], None), Kind::Usage);
        assert_eq!(kind_of(&[link("a", "11", "")], None), Kind::Usage);
        assert_eq!(kind_of(&["../x".into()], Some(&set)), Kind::Usage);
        assert_eq!(kind_of(&[link("a", "1", "")], Some(&set)), Kind::Usage);
        assert_eq!(kind_of(&[link("a", "11", ""), link("a", "22", "")], Some(&set)), Kind::Usage);
    }

    #[test]
    fn the_same_link_twice_is_one_item() {
        let words = vec![link("a", "11", ""); 2];
        assert_eq!(items(&words, Some(&Whom::Named(invite("set")))).unwrap().len(), 1);
    }
}
