//! A list that fits in its frame.

use alloc::vec::Vec;
use core::ops::Deref;

use crate::field::{Field, FieldError, Fields};

/// `MIN` to `MAX` values.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct List<T, const MIN: usize, const MAX: usize>(Vec<T>);

impl<T, const MIN: usize, const MAX: usize> List<T, MIN, MAX> {
    /// Checks how many there are.
    pub fn new(values: Vec<T>) -> Option<Self> {
        (MIN..=MAX).contains(&values.len()).then_some(Self(values))
    }

    /// The values.
    pub fn into_vec(self) -> Vec<T> {
        self.0
    }
}

impl<T, const MAX: usize> List<T, 1, MAX> {
    /// As few lists as hold all values, in order; none for no values.
    pub fn split(values: impl IntoIterator<Item = T>) -> impl Iterator<Item = Self> {
        let mut values = values.into_iter();
        core::iter::from_fn(move || Self::new(values.by_ref().take(MAX).collect()))
    }
}

impl<T, const MIN: usize, const MAX: usize> Deref for List<T, MIN, MAX> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T, const MIN: usize, const MAX: usize> IntoIterator for List<T, MIN, MAX> {
    type Item = T;
    type IntoIter = alloc::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<T: Field, const MIN: usize, const MAX: usize> Field for List<T, MIN, MAX> {
    const LEN_MIN: usize = 2 + MIN * T::LEN_MIN;
    const LEN_MAX: usize = {
        // The count has 16 bits.
        assert!(MAX <= u16::MAX as usize);
        2 + MAX * T::LEN_MAX
    };

    fn write(&self, out: &mut Vec<u8>) {
        (self.0.len() as u16).write(out);
        self.0.iter().for_each(|value| value.write(out));
    }

    fn read(fields: &mut Fields<'_>) -> Result<Self, FieldError> {
        let count = u16::read(fields)?;
        if !(MIN..=MAX).contains(&count.into()) {
            return Err(fields.value("a count within the limits of the list", count));
        }
        let mut values = Vec::with_capacity(fields.room_for(count.into(), T::LEN_MIN));
        for _ in 0..count {
            values.push(T::read(fields)?);
        }
        Ok(Self(values))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn a_split_keeps_all_values_in_order() {
        for count in [0, 1, 9, 10, 11, 25] {
            let lists: Vec<_> = List::<u32, 1, 10>::split(0..count).collect();
            assert_eq!(lists.len(), count.div_ceil(10) as usize);
            assert!(lists.into_iter().flatten().eq(0..count));
        }
    }

    #[test]
    fn lists_out_of_their_limits_are_refused() {
        assert!(List::<u8, 1, 2>::new(vec![]).is_none());
        assert!(List::<u8, 1, 2>::new(vec![0; 3]).is_none());
        assert!(List::<u8, 1, 2>::new(vec![0; 2]).is_some());
    }
}
