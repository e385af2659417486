//! What a shelf holds whole, counted once: so a question about an arc costs two searches, whoever asks and how often.
//!
//! Law: it is what the shelf holds, or it is not there. It is made anew as a whole, since what changes a shelf comes in
//! bursts, and questions come after them.

use alloc::vec::Vec;

use crate::message::PRINTS_MAX;
use crate::position::{Arc, Position};
use crate::record::Print;

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Ledger {
    /// In the order of the circle.
    rows: Vec<(Position, Print)>,
    /// What all rows before each come to, and at the end all rows.
    sums: Vec<u128>,
}

impl Ledger {
    /// Of whole records, in the order of the circle.
    pub(crate) fn of(rows: Vec<(Position, Print)>) -> Self {
        let mut sum = 0u128;
        let mut sums = Vec::with_capacity(rows.len() + 1);
        sums.push(sum);
        for (_, print) in &rows {
            sum = sum.wrapping_add(print.0.rotate_left(1)).wrapping_add(1);
            sums.push(sum);
        }
        Self { rows, sums }
    }

    /// A number that two peers share, all but certainly, only if they hold the same on an arc.
    pub(crate) fn digest(&self, arc: Arc) -> u128 {
        let sum = |row: usize| self.sums.get(row).copied().unwrap_or_default();
        let (after, until) = (self.behind(arc.after), self.behind(arc.until));
        let all = if arc.after >= arc.until { sum(self.rows.len()) } else { 0 };
        all.wrapping_add(sum(until)).wrapping_sub(sum(after))
    }

    /// What is held on the first part of an arc that one message can tell, and where that part ends.
    pub(crate) fn holdings(&self, arc: Arc) -> (Position, Vec<Print>) {
        let mut holdings = Vec::new();
        let mut last = arc.after;
        for &(position, print) in self.on(arc) {
            // Never within one position; a position with more than a message holds is cut all the same.
            if holdings.len() >= PRINTS_MAX / 2 && position != last || holdings.len() >= PRINTS_MAX {
                return (last, holdings);
            }
            last = position;
            holdings.push(print);
        }
        (arc.until, holdings)
    }

    fn on(&self, arc: Arc) -> impl Iterator<Item = &(Position, Print)> {
        let (after, until) = (self.behind(arc.after), self.behind(arc.until));
        let (first, second) = if arc.after >= arc.until {
            (self.rows.get(after..), self.rows.get(..until))
        } else {
            (self.rows.get(after..until), None)
        };
        first.into_iter().chain(second).flatten()
    }

    /// The first row behind a position.
    fn behind(&self, position: Position) -> usize {
        self.rows.partition_point(|(at, _)| *at <= position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::position::{Key, Space};

    /// Would fail if an arc that goes past zero, ends on a record, or is the whole circle were counted otherwise than
    /// row by row.
    #[test]
    fn an_arc_is_counted_as_row_by_row() {
        let space = Space::new(8).unwrap();
        let at = |number: u64| space.place(&Key::from_number(number));
        let rows: Vec<(Position, Print)> = [3, 3, 70, 71, 200, 255]
            .into_iter()
            .zip(1..)
            .map(|(at_, print)| (at(at_), Print(print)))
            .collect();
        let ledger = Ledger::of(rows.clone());
        for (after, until) in
            (0..=255).step_by(5).flat_map(|after| (0..=255).map(move |until| (after, until)))
        {
            let arc = Arc { after: at(after), until: at(until) };
            let on: Vec<(Position, Print)> =
                rows.iter().copied().filter(|(at, _)| arc.contains(*at)).collect();
            let whole = Arc { after: at(0), until: at(0) };
            assert_eq!(ledger.digest(arc), Ledger::of(on.clone()).digest(whole), "{after} {until}");
            let (end, mut held) = ledger.holdings(arc);
            held.sort();
            assert_eq!((end, held), (arc.until, on.into_iter().map(|(_, print)| print).collect()));
        }
    }
}
