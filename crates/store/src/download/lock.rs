//! How the threads of a download take its locks.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A lock that a panicking thread left is taken over: every change under it is a single step.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
