//! A few things kept open, the least recently used let go: file descriptors are scarce.

/// At most `max` values. The row is short, and what is asked for is mostly at its front, so a search beats a map.
#[derive(Debug)]
pub(crate) struct Lru<K, V> {
    row: Vec<(K, V)>,
    max: usize,
}

impl<K, V: Clone> Lru<K, V> {
    pub(crate) fn new(max: usize) -> Self {
        Self { row: Vec::new(), max }
    }

    pub(crate) fn take_up(&mut self, is_it: impl Fn(&K) -> bool) -> Option<V> {
        let at = self.row.iter().position(|(key, _)| is_it(key))?;
        self.row[..=at].rotate_right(1);
        self.row.first().map(|(_, value)| value.clone())
    }

    pub(crate) fn put(&mut self, key: K, value: V) {
        self.row.truncate(self.max.saturating_sub(1));
        self.row.insert(0, (key, value));
    }

    pub(crate) fn remove(&mut self, is_it: impl Fn(&K) -> bool) {
        self.row.retain(|(key, _)| !is_it(key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_goes_first() {
        let mut lru = Lru::new(2);
        lru.put(1, 'a');
        lru.put(2, 'b');
        assert_eq!(lru.take_up(|&key| key == 1), Some('a'));
        lru.put(3, 'c');
        assert_eq!(lru.take_up(|&key| key == 2), None);
        assert_eq!(lru.take_up(|&key| key == 1), Some('a'));
        lru.remove(|&key| key == 1);
        assert_eq!(lru.take_up(|&key| key == 1), None);
        assert_eq!(lru.take_up(|&key| key == 3), Some('c'));
    }
}
