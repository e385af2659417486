//! How many at once, found by trying.
//!
//! More transfers side by side carry more where each of them is slow by itself, and make each of them slower where they share
//! one link. Which of the two it is cannot be seen from one end. So now and then another number is tried, and kept if it
//! is worth it: twice as many, if the rate grows by three quarters of what it would if they did not share; half as many, if the
//! rate stays. The rate is compared in the order old, new, new, old, so that a rate that rises or falls by
//! itself, as in a swarm that is just starting, does not count for or against the new number.

use core::time::Duration;

use drizzle_model::Time;

/// A trial that came to nothing is repeated after this time at first, then each time after four times as long.
const PAUSE_MIN: Duration = Duration::from_secs(4);
const PAUSE_MAX: Duration = Duration::from_secs(64);

/// A number that is being tried.
#[derive(Clone, Copy)]
struct Trial {
    old: usize,
    new: usize,
    /// The rates measured so far, of the old number and of the new.
    old_rates: u128,
    new_rates: u128,
    measured: u32,
}

impl Trial {
    /// Whether the new number is to be kept.
    fn is_worth(&self) -> bool {
        let (old, new) = (self.old as u128, self.new as u128);
        if new > old {
            // Three quarters of the proportional growth: new rate / old rate >= (1 + 3 * new / old) / 4.
            self.new_rates * 4 * old >= self.old_rates * (old + 3 * new)
        } else {
            self.new_rates * 10 >= self.old_rates * 9
        }
    }
}

/// A number of things at once.
pub(crate) struct Climb {
    number: usize,
    min: usize,
    max: usize,
    trial: Option<Trial>,
    next_trial: Time,
    pause: Duration,
    is_next_down: bool,
}

impl Climb {
    /// Between `min`, where it starts, and `max`.
    pub(crate) fn new(min: usize, max: usize) -> Self {
        Self {
            number: min,
            min,
            max: max.max(min),
            trial: None,
            next_trial: Time::ORIGIN,
            pause: PAUSE_MIN,
            is_next_down: false,
        }
    }

    /// The number to be used now.
    pub(crate) fn number(&self) -> usize {
        self.number
    }

    /// A rate was measured with the present number. Says whether there is another number now.
    pub(crate) fn judge(&mut self, now: Time, rate: u64) -> bool {
        let number = self.number;
        match self.trial.take() {
            None if now >= self.next_trial => self.start_trial(rate),
            None => {}
            Some(trial) => self.go_on(now, trial, u128::from(rate)),
        }
        self.number != number
    }

    fn start_trial(&mut self, rate: u64) {
        let (up, down) = ((self.number * 2).min(self.max), (self.number / 2).max(self.min));
        let is_down = (self.is_next_down && down < self.number) || up == self.number;
        self.is_next_down = !self.is_next_down;
        self.try_number(if is_down { down } else { up }, u128::from(rate));
    }

    fn try_number(&mut self, new: usize, old_rates: u128) {
        if new != self.number {
            self.trial = Some(Trial { old: self.number, new, old_rates, new_rates: 0, measured: 1 });
            self.number = new;
        }
    }

    fn go_on(&mut self, now: Time, mut trial: Trial, rate: u128) {
        trial.measured += 1;
        match trial.measured {
            2 => trial.new_rates += rate,
            3 => {
                trial.new_rates += rate;
                self.number = trial.old;
            }
            _ => {
                trial.old_rates += rate;
                return self.decide(now, trial);
            }
        }
        self.trial = Some(trial);
    }

    fn decide(&mut self, now: Time, trial: Trial) {
        if trial.is_worth() {
            self.number = trial.new;
            self.pause = PAUSE_MIN;
            // What was worth it may be worth more.
            self.is_next_down = trial.new < trial.old;
        } else {
            self.next_trial = now + self.pause;
            self.pause = (self.pause * 4).min(PAUSE_MAX);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets time pass on a link of `link` bytes a second, shared by transfers of `each`; the number that comes of it.
    fn settled(link: u64, each: u64) -> usize {
        let mut climb = Climb::new(3, 64);
        for second in 0..300 {
            let rate = link.min(each * climb.number() as u64);
            climb.judge(Time::after_origin(Duration::from_secs(second)), rate);
        }
        climb.number()
    }

    #[test]
    fn few_where_they_share_and_many_where_each_is_slow() {
        assert!(settled(10_000_000, 10_000_000) <= 5);
        assert!((40..=64).contains(&settled(125_000_000, 2_500_000)));
    }

    #[test]
    fn the_number_falls_again_when_they_come_to_share() {
        let mut climb = Climb::new(3, 64);
        let run = |climb: &mut Climb, from: u64, link: u64| {
            for second in from..from + 1000 {
                let rate = link.min(1_000_000 * climb.number() as u64);
                climb.judge(Time::after_origin(Duration::from_secs(second)), rate);
            }
        };
        run(&mut climb, 0, 50_000_000);
        assert!(climb.number() >= 40);
        run(&mut climb, 1000, 3_000_000);
        assert!(climb.number() <= 8, "{}", climb.number());
    }
}
