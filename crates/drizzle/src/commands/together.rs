//! Several futures at once, in one task.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

/// Waits for all, and gives what they came to in their order. Each is asked whenever any of them moves on, so this is for some tens.
pub(super) async fn together<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut running: Vec<Running<F>> = futures.into_iter().map(|it| Running::Yet(Box::pin(it))).collect();
    poll_fn(|context| {
        let mut is_over = true;
        for future in &mut running {
            if let Running::Yet(running) = future {
                match running.as_mut().poll(context) {
                    Poll::Ready(output) => *future = Running::Over(output),
                    Poll::Pending => is_over = false,
                }
            }
        }
        if is_over { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    running.into_iter().filter_map(Running::output).collect()
}

enum Running<F: Future> {
    Yet(Pin<Box<F>>),
    Over(F::Output),
}

impl<F: Future> Running<F> {
    fn output(self) -> Option<F::Output> {
        match self {
            Self::Yet(_) => None,
            Self::Over(output) => Some(output),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::oneshot;

    /// Would fail if one waited for the one before it: the first ends only by what the last does.
    #[tokio::test]
    async fn none_waits_for_the_one_before_it() {
        let (sender, receiver) = oneshot::channel();
        let (mut sender, mut receiver) = (Some(sender), Some(receiver));
        let futures = (0..3).map(|number| {
            let receiver = (number == 0).then(|| receiver.take()).flatten();
            let sender = (number == 2).then(|| sender.take()).flatten();
            async move {
                if let Some(receiver) = receiver {
                    receiver.await.unwrap();
                }
                if let Some(sender) = sender {
                    sender.send(()).unwrap();
                }
                number
            }
        });
        let futures: Vec<_> = futures.collect();
        assert_eq!(together(futures).await, [0, 1, 2]);
        assert_eq!(together(Vec::<std::future::Ready<()>>::new()).await, []);
    }
}
