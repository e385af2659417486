//! Holding traffic to a number of bytes a second.
//!
//! The bucket is kept as one point in time: until when the rate is used up by what was taken so far. Who takes more
//! pays after the fact: it goes on when all those before it are paid for. So a piece larger than the bucket passes, the
//! order is that of asking, and nobody is passed over, however many ask.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use drizzle_model::Time;
use tokio::time::{Instant, sleep_until};

/// How much unused rate is kept for later. Long enough to even out the scheduling of tasks, short enough that a
/// measured rate is never far above the limit.
const BURST: Duration = Duration::from_millis(50);

/// The rule itself, which knows no clock.
#[derive(Debug)]
pub struct TokenBucket {
    bytes_per_s: u64,
    paid_until: Time,
}

impl TokenBucket {
    /// A full bucket for so many bytes a second. A rate of nothing counts as one byte a second.
    pub fn new(now: Time, bytes_per_s: u64) -> Self {
        let empty_since = now.since_origin().saturating_sub(BURST);
        Self { bytes_per_s: bytes_per_s.max(1), paid_until: Time::after_origin(empty_since) }
    }

    /// Takes `bytes`, and says from when on they may pass.
    pub fn take(&mut self, now: Time, bytes: u64) -> Time {
        let full_since = Time::after_origin(now.since_origin().saturating_sub(BURST));
        let pass_at = self.paid_until.max(full_since);
        self.paid_until = pass_at + self.cost(bytes);
        pass_at
    }

    /// Gives back what was taken and did not pass.
    pub fn give_back(&mut self, bytes: u64) {
        let paid_until = self.paid_until.since_origin().saturating_sub(self.cost(bytes));
        self.paid_until = Time::after_origin(paid_until);
    }

    fn cost(&self, bytes: u64) -> Duration {
        let nanoseconds = u128::from(bytes) * 1_000_000_000 / u128::from(self.bytes_per_s);
        Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
    }
}

/// A limit that many tasks share: clones are the same limit. There may be others around it, which hold for it as well.
#[derive(Debug, Clone, Default)]
pub struct RateLimiter {
    /// From the innermost to the outermost.
    limits: Vec<Arc<Shared>>,
}

#[derive(Debug)]
struct Shared {
    origin: Instant,
    bucket: Mutex<TokenBucket>,
}

impl RateLimiter {
    /// No limit at all, at no cost.
    pub const fn unlimited() -> Self {
        Self { limits: Vec::new() }
    }

    /// So many bytes a second, all clones together.
    pub fn new(bytes_per_s: u64) -> Self {
        Self::unlimited().with_inner(bytes_per_s)
    }

    /// A limit of so many bytes a second for some of those whom this one holds for: each of them waits for both.
    pub fn with_inner(&self, bytes_per_s: u64) -> Self {
        let bucket = Mutex::new(TokenBucket::new(Time::ORIGIN, bytes_per_s));
        let inner = Arc::new(Shared { origin: Instant::now(), bucket });
        Self { limits: std::iter::once(inner).chain(self.limits.iter().cloned()).collect() }
    }

    /// Waits until `bytes` may pass. Dropped while it waits, it has taken nothing.
    pub async fn take(&self, bytes: u64) {
        let mut reservations = Vec::with_capacity(self.limits.len());
        for limit in &self.limits {
            // One after the other: whoever waits for the inner limit takes nothing yet from those who share the outer one.
            let pass_at = limit.with_bucket(|now, bucket| bucket.take(now, bytes));
            reservations.push(Reservation { limit, bytes });
            limit.wait_until(pass_at).await;
        }
        reservations.into_iter().for_each(std::mem::forget);
    }
}

impl Shared {
    async fn wait_until(&self, pass_at: Time) {
        let pass_at = self.origin + pass_at.since_origin();
        if pass_at > Instant::now() {
            sleep_until(pass_at).await;
        }
    }

    fn with_bucket<T>(&self, act: impl FnOnce(Time, &mut TokenBucket) -> T) -> T {
        // Whoever panicked here left a whole bucket behind: there is nothing between its fields to break.
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        act(Time::after_origin(self.origin.elapsed()), &mut bucket)
    }
}

/// Gives back what its holder no longer waits for.
struct Reservation<'a> {
    limit: &'a Shared,
    bytes: u64,
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        self.limit.with_bucket(|_, bucket| bucket.give_back(self.bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(milliseconds: u64) -> Time {
        Time::after_origin(Duration::from_secs(1000) + Duration::from_millis(milliseconds))
    }

    #[test]
    fn an_idle_bucket_lets_a_burst_pass_and_no_more() {
        let mut bucket = TokenBucket::new(at(0), 1_000_000);
        // One burst of 50 ms is 50,000 bytes; 10 pieces of 10,000 bytes are paid for after 50 ms.
        let passed: Vec<Time> = (0..10).map(|_| bucket.take(at(0), 10_000)).collect();
        assert_eq!(passed.iter().filter(|&&time| time <= at(0)).count(), 6);
        assert_eq!(passed[9], at(40));
        // However long it was idle, the burst is the same.
        let passed: Vec<Time> = (0..10).map(|_| bucket.take(at(60_000), 10_000)).collect();
        assert_eq!(passed.iter().filter(|&&time| time <= at(60_000)).count(), 6);
    }

    #[test]
    fn what_is_given_back_delays_nobody() {
        let mut bucket = TokenBucket::new(at(0), 1_000);
        bucket.take(at(0), 1_000);
        let expected = bucket.take(at(0), 0);
        bucket.take(at(0), 5_000);
        bucket.give_back(5_000);
        assert_eq!(bucket.take(at(0), 1), expected);
    }

    proptest! {
        /// Over any stretch of time no more passes than the rate, one burst and one piece.
        #[test]
        fn no_more_passes_than_the_rate(
            pieces in proptest::collection::vec((0u64..20, 0u64..100_000), 1..200),
            bytes_per_s in 1_000u64..10_000_000,
        ) {
            let mut bucket = TokenBucket::new(at(0), bytes_per_s);
            let (mut now_ms, mut passed) = (0, Vec::new());
            for (pause_ms, bytes) in pieces {
                now_ms += pause_ms;
                passed.push((bucket.take(at(now_ms), bytes).max(at(now_ms)), bytes));
            }
            for first in 0..passed.len() {
                let mut sum = 0;
                for &(time, bytes) in &passed[first..] {
                    // The last piece of a stretch is paid for after it.
                    let allowed = bytes_per_s as f64 * ((time - passed[first].0) + BURST).as_secs_f64();
                    prop_assert!(sum as f64 <= allowed + 1.0 + passed[first].1 as f64, "{sum} of {allowed}");
                    sum += bytes;
                }
            }
        }
    }

    /// Ten tasks that ask again and again get the same share each, and together the rate. Time is simulated.
    #[tokio::test(start_paused = true)]
    async fn many_tasks_share_a_limit_evenly() {
        let limiter = RateLimiter::new(1_000_000);
        let tasks: Vec<_> = (0..10)
            .map(|_| {
                let limiter = limiter.clone();
                tokio::spawn(async move {
                    let (start, mut taken) = (Instant::now(), 0u64);
                    while start.elapsed() < Duration::from_secs(10) {
                        limiter.take(16_384).await;
                        taken += 16_384;
                    }
                    taken
                })
            })
            .collect();
        let mut shares = Vec::new();
        for task in tasks {
            shares.push(task.await.unwrap());
        }
        let total: u64 = shares.iter().sum();
        assert!((10_000_000..10_300_000).contains(&total), "{total}");
        let (least, most) = (shares.iter().min().unwrap(), shares.iter().max().unwrap());
        assert!(most - least <= 16_384, "{least} to {most}");
    }

    /// A task that gives up while it waits must not slow down the others.
    #[tokio::test(start_paused = true)]
    async fn a_dropped_wait_takes_nothing() {
        let limiter = RateLimiter::new(1_000);
        limiter.take(1_000).await;
        let start = Instant::now();
        assert!(tokio::time::timeout(Duration::from_millis(10), limiter.take(1_000_000)).await.is_err());
        limiter.take(1).await;
        assert!(start.elapsed() < Duration::from_millis(1_100));
    }

    /// Two peers under one limit: the one that has a limit of its own gets that, and the other all the rest. Whoever gives up
    /// while it waits for the outer limit has taken nothing of its own. Would fail if one of the two limits did not hold.
    #[tokio::test(start_paused = true)]
    async fn a_limit_within_another_holds_with_it() {
        let all = RateLimiter::new(1_000_000);
        let slow = all.with_inner(100_000);
        let passed = async |limiter: RateLimiter| {
            let (start, mut taken) = (Instant::now(), 0u64);
            while start.elapsed() < Duration::from_secs(10) {
                limiter.take(10_000).await;
                taken += 10_000;
            }
            taken
        };
        let (of_slow, of_other) = tokio::join!(passed(slow.clone()), passed(all.clone()));
        assert!((1_000_000..1_050_000).contains(&of_slow), "{of_slow}");
        assert!((8_900_000..9_200_000).contains(&of_other), "{of_other}");

        let inner = RateLimiter::new(1_000).with_inner(1_000_000);
        inner.take(1_000).await;
        let start = Instant::now();
        assert!(tokio::time::timeout(Duration::from_millis(10), inner.take(100_000_000)).await.is_err());
        inner.take(1).await;
        assert!(start.elapsed() < Duration::from_millis(1_100));
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_limit_nothing_waits() {
        let start = Instant::now();
        RateLimiter::unlimited().take(u64::MAX).await;
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}
