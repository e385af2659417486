//! Parts of a long row of things, each small enough for one request, or for one turn.

use serde::Serialize;

use crate::limits::BATCH_BYTES_AIM;

/// The things in their order, as many together as come to about [`BATCH_BYTES_AIM`] bytes of JSON; one that is larger is
/// alone.
pub(crate) fn batches<T: Serialize>(things: impl Iterator<Item = T>) -> impl Iterator<Item = Vec<T>> {
    split(things, bytes_of, BATCH_BYTES_AIM)
}

/// The things in their order, as many together as weigh `weight_max`; one that is heavier is alone.
pub(crate) fn split<T>(
    things: impl Iterator<Item = T>,
    weigh: impl Fn(&T) -> usize,
    weight_max: usize,
) -> impl Iterator<Item = Vec<T>> {
    let mut things = things.map(move |thing| (weigh(&thing), thing)).peekable();
    std::iter::from_fn(move || {
        let (mut weight, first) = things.next()?;
        let mut part = vec![first];
        while let Some((more, thing)) = things.next_if(|(more, _)| weight.saturating_add(*more) <= weight_max)
        {
            weight += more;
            part.push(thing);
        }
        Some(part)
    })
}

fn bytes_of(thing: &impl Serialize) -> usize {
    struct Count(usize);

    impl std::io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    let mut count = Count(0);
    // A thing that cannot be written is found out when its request is made.
    let _ = serde_json::to_writer(&mut count, thing);
    count.0 + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_keep_order_and_stay_small() {
        let sizes = [10, BATCH_BYTES_AIM, 20, BATCH_BYTES_AIM / 2, BATCH_BYTES_AIM / 2 - 30, 100];
        let all: Vec<Vec<String>> = batches(sizes.iter().map(|&size| "x".repeat(size))).collect();
        let lens: Vec<Vec<usize>> = all.iter().map(|batch| batch.iter().map(String::len).collect()).collect();
        assert_eq!(lens, [&sizes[..1], &sizes[1..2], &sizes[2..5], &sizes[5..]]);
        assert_eq!(batches(std::iter::empty::<u8>()).count(), 0);
    }
}
