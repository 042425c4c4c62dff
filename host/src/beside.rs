//! Two things at once, for a moment.

use std::{
    panic::resume_unwind,
    sync::{Mutex, PoisonError},
    thread,
};

/// Does both, one of them on a thread of its own: a pool would have to be woken twice, or made first.
pub(crate) fn beside<A, B: Send>(here: impl FnOnce() -> A, there: impl FnOnce() -> B + Send) -> (A, B) {
    let there = Mutex::new(Some(there));
    let take = || there.lock().unwrap_or_else(PoisonError::into_inner).take().map(|there| there());
    thread::scope(|scope| {
        let begun = thread::Builder::new().name("beside".to_owned()).spawn_scoped(scope, take);
        let done = here();
        let other = begun.ok().and_then(|begun| begun.join().unwrap_or_else(|panic| resume_unwind(panic)));
        // Where no thread is to be had it is done here.
        (done, other.or_else(take).expect("one of the two has taken it"))
    })
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::beside;

    #[test]
    fn of_two_things_done_side_by_side_both_come_to_an_end_and_a_panic_of_either_is_heard() {
        assert_eq!(beside(|| 1, || 2), (1, 2));
        let heard = |here: bool, there: bool| {
            let fail = |fails: bool| assert!(!fails, "made to fail");
            let both = || beside(|| fail(here), || fail(there));
            catch_unwind(AssertUnwindSafe(both)).is_err()
        };
        assert!(!heard(false, false));
        assert!(heard(true, false) && heard(false, true) && heard(true, true));
    }
}
