//! The transfers of a world: which run, how far each is, and which numbers are free.

use std::collections::HashMap;

use crate::host::HostId;

/// A transfer on its way.
pub(crate) struct Transfer {
    pub(crate) from: HostId,
    pub(crate) to: HostId,
    pub(crate) tag: u64,
    /// Not yet handed to the uplink.
    pub(crate) left_bytes: u64,
    /// At the uplink or beyond it.
    pub(crate) on_way_segments: u32,
    /// Whether it stands in the uplink's row.
    pub(crate) is_queued: bool,
    /// Whether it was given up before its last byte left.
    pub(crate) is_stopped: bool,
}

impl Transfer {
    pub(crate) fn is_over(&self) -> bool {
        self.left_bytes == 0 && self.on_way_segments == 0 && !self.is_queued
    }
}

/// All transfers, numbered; a number is used again when its transfer is over.
#[derive(Default)]
pub(crate) struct Transfers {
    pub(crate) all: Vec<Transfer>,
    unused: Vec<u32>,
    running: HashMap<(HostId, HostId, u64), u32>,
}

impl Transfers {
    pub(crate) fn start(&mut self, transfer: Transfer) -> u32 {
        let name = (transfer.from, transfer.to, transfer.tag);
        let number = self.unused.pop().unwrap_or(self.all.len() as u32);
        match self.all.get_mut(number as usize) {
            Some(unused) => *unused = transfer,
            None => self.all.push(transfer),
        }
        self.running.insert(name, number);
        number
    }

    /// Stops a transfer; its number, if there was something to stop.
    pub(crate) fn stop(&mut self, name: (HostId, HostId, u64)) -> Option<u32> {
        let &number = self.running.get(&name)?;
        let transfer = &mut self.all[number as usize];
        if transfer.left_bytes == 0 {
            return None;
        }
        (transfer.left_bytes, transfer.is_stopped) = (0, true);
        self.running.remove(&name);
        Some(number)
    }

    /// Stops all transfers from and to a host.
    pub(crate) fn crash(&mut self, host: HostId) {
        let names = self.running.keys().copied().filter(|(from, to, _)| *from == host || *to == host);
        for name in names.collect::<Vec<_>>() {
            if let Some(number) = self.stop(name) {
                self.forget_if_over(number);
            }
        }
    }

    pub(crate) fn forget_if_over(&mut self, number: u32) {
        let transfer = &self.all[number as usize];
        if transfer.is_over() {
            let name = (transfer.from, transfer.to, transfer.tag);
            if self.running.get(&name) == Some(&number) {
                self.running.remove(&name);
            }
            self.unused.push(number);
        }
    }
}
