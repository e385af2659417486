//! Transfers: bytes that share the links.
//!
//! A transfer is cut into segments that are stored and forwarded: a sender's uplink takes one segment of each of its
//! transfers in turn; a receiver's downlink takes segments in the order in which they come. A transfer has at most
//! [`WINDOW_BYTES`] on the way. So senders share a downlink and transfers share an uplink about equally,
//! what one cannot use the others get, and nothing is lost: what TCP comes to over seconds, without its slow start and
//! its sawtooth.

use crate::host::{Event, Host, HostId};
use crate::link::time_ns;
use crate::transfers::Transfer;
use crate::world::{Happening, World};

/// Bytes of one transfer on the way, whatever the size of a segment: some 40 ms of a link of 100 Mbit/s, which is what
/// the buffers on the way hold for a connection of TCP. With half as much, links stand idle for 3 percent of the time.
const WINDOW_BYTES: u32 = 512 << 10;
/// One segment on the uplink and one on the downlink, or neither would ever be busy without a pause.
const WINDOW_SEGMENTS_MIN: u32 = 2;

/// How many segments of this size a transfer may have on the way.
fn window(segment_bytes: u32) -> u32 {
    (WINDOW_BYTES / segment_bytes).max(WINDOW_SEGMENTS_MIN)
}

impl<H: Host> World<H> {
    pub(crate) fn start_transfer(&mut self, from: HostId, to: HostId, tag: u64, bytes: u64) {
        let is_stopped = false;
        let transfer =
            Transfer { from, to, tag, left_bytes: bytes, on_way_segments: 0, is_queued: false, is_stopped };
        let number = self.transfers.start(transfer);
        self.queue_segment(number);
    }

    pub(crate) fn stop_transfer(&mut self, from: HostId, to: HostId, tag: u64) {
        if let Some(number) = self.transfers.stop((from, to, tag)) {
            self.inject(from, Event::Sent { to, tag });
            self.transfers.forget_if_over(number);
        }
    }

    /// Puts a transfer in the uplink's row, if it has something to send and room for it on the way.
    fn queue_segment(&mut self, number: u32) {
        let transfer = &mut self.transfers.all[number as usize];
        let is_ready = transfer.left_bytes > 0 && transfer.on_way_segments < window(self.segment_bytes);
        if is_ready && !transfer.is_queued {
            transfer.is_queued = true;
            let from = transfer.from;
            self.places[from.position()].ready.push_back(number);
            self.use_uplink(from);
        }
    }

    fn use_uplink(&mut self, host: HostId) {
        let place = &mut self.places[host.position()];
        while !place.is_uplink_busy
            && let Some(number) = place.ready.pop_front()
        {
            let transfer = &mut self.transfers.all[number as usize];
            transfer.is_queued = false;
            if transfer.left_bytes == 0 {
                self.transfers.forget_if_over(number);
                continue;
            }
            let bytes = transfer.left_bytes.min(u64::from(self.segment_bytes)) as u32;
            transfer.left_bytes -= u64::from(bytes);
            transfer.on_way_segments += 1;
            place.is_uplink_busy = true;
            let done_ns = self.now_ns + time_ns(bytes, place.link.up_bytes_per_s);
            self.queue.push(done_ns, Happening::UplinkDone { host, transfer: number, bytes });
        }
    }

    pub(crate) fn uplink_done(&mut self, host: HostId, number: u32, bytes: u32) -> bool {
        let place = &mut self.places[host.position()];
        place.is_uplink_busy = false;
        place.traffic.transfer_bytes += u64::from(bytes);
        let transfer = &self.transfers.all[number as usize];
        let (to, tag) = (transfer.to, transfer.tag);
        let is_last = transfer.left_bytes == 0 && !transfer.is_stopped;
        let arrives_ns = self.now_ns + self.latency_ns(host, to);
        self.queue.push(arrives_ns, Happening::AtDownlink { transfer: number, bytes });
        if is_last {
            self.inject(host, Event::Sent { to, tag });
        }
        self.queue_segment(number);
        self.use_uplink(host);
        false
    }

    pub(crate) fn at_downlink(&mut self, number: u32, bytes: u32) -> bool {
        let transfer = &self.transfers.all[number as usize];
        let (from, to) = (transfer.from, transfer.to);
        if !self.can_reach(from, to) {
            self.held.push(Happening::AtDownlink { transfer: number, bytes });
            return false;
        }
        // Its first bytes have come while the last ones still left: a segment is not stored on the way.
        let first_ns =
            self.now_ns.saturating_sub(time_ns(bytes, self.places[from.position()].link.up_bytes_per_s));
        let place = &mut self.places[to.position()];
        let start_ns = place.downlink_free_ns.max(first_ns);
        place.downlink_free_ns = (start_ns + time_ns(bytes, place.link.down_bytes_per_s)).max(self.now_ns);
        self.queue.push(place.downlink_free_ns, Happening::Through { transfer: number, bytes });
        false
    }

    pub(crate) fn through(&mut self, number: u32, bytes: u32) -> bool {
        let transfer = &mut self.transfers.all[number as usize];
        transfer.on_way_segments -= 1;
        let (from, to, tag) = (transfer.from, transfer.to, transfer.tag);
        let is_last = transfer.left_bytes == 0 && transfer.on_way_segments == 0 && !transfer.is_stopped;
        self.queue_segment(number);
        self.transfers.forget_if_over(number);
        self.deliver(to, Event::Arrived { from, tag, bytes, is_last })
    }
}
