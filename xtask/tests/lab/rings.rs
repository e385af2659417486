//! Rings whose members have a host each: they form, keep files and heal as over loopback, and withstand what loopback cannot
//! show: machines that fall silent, a network in two halves, links of a rate of their own.

mod circle;

mod crowd;
mod discovery;
mod life;
mod parting;
