//! Which failures may pass, and how long to wait before the next attempt.

use std::{
    collections::HashMap,
    hash::{BuildHasher, Hasher, RandomState},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::RetryPolicy;

/// A server that asks for more patience than this is not waited for.
pub(super) const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(60);

/// A status that may be another the next time.
pub(super) fn may_pass(status: u16) -> bool {
    matches!(status, 408 | 425 | 429) || (status >= 500 && !matches!(status, 501 | 505))
}

impl RetryPolicy {
    /// The wait before attempt `attempt + 1`, between half and all of what the policy says.
    pub(super) fn wait(&self, attempt: u32) -> Duration {
        let full = self.min.as_secs_f64() * self.factor.powi(i32::try_from(attempt.min(16)).unwrap_or(16) - 1);
        let full = full.min(self.max.as_secs_f64());
        let random = RandomState::new().build_hasher().finish() % 1000;
        #[expect(clippy::cast_precision_loss, reason = "it is below 1000")]
        let share = 0.5 + random as f64 / 2000.0;
        Duration::from_secs_f64(full * share)
    }
}

/// `Retry-After`: seconds, or a date, which is counted from the answer's own `Date`, so that no clock is needed.
pub(super) fn retry_after(value: Option<&str>, date: Option<&str>) -> Option<Duration> {
    let value = value?.trim();
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let (then, now) = (http_date(value)?, http_date(date?)?);
    Some(Duration::from_secs(then.saturating_sub(now)))
}

/// `Sun, 06 Nov 1994 08:49:37 GMT` in seconds since 1970.
fn http_date(text: &str) -> Option<u64> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut parts = text.trim().split([' ', ',', ':']).filter(|part| !part.is_empty()).skip(1);
    let number = |part: Option<&str>| part?.parse::<u64>().ok();
    let day = number(parts.next())?;
    let named = parts.next()?;
    let month = MONTHS.iter().position(|name| *name == named)? as u64 + 1;
    let year = number(parts.next())?;
    if !(1970..10_000).contains(&year) || day > 31 {
        return None;
    }
    let (hours, minutes, seconds) = (number(parts.next())?, number(parts.next())?, number(parts.next())?);
    // Days from civil, with years that start in March.
    let (year, month) = if month <= 2 { (year.checked_sub(1)?, month + 9) } else { (year, month - 3) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day;
    let of_day = (hours < 24 && minutes < 60 && seconds <= 60).then(|| hours * 3600 + minutes * 60 + seconds)?;
    Some(days.checked_sub(719_469)? * 86_400 + of_day)
}

/// Hosts that asked for a pause: other requests to them wait too.
#[derive(Debug, Default)]
pub(super) struct Pauses(Mutex<HashMap<String, Instant>>);

impl Pauses {
    /// Nobody asks this host before the pause is over.
    pub(super) fn set(&self, host: &str, pause: Duration) {
        let until = Instant::now() + pause;
        let mut pauses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let held = pauses.entry(host.to_owned()).or_insert(until);
        *held = until.max(*held);
    }

    /// How long to wait for this host.
    pub(super) fn left(&self, host: &str) -> Option<Duration> {
        let pauses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pauses.get(host).map(|until| until.saturating_duration_since(Instant::now())).filter(|left| !left.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_read_as_seconds_and_as_a_date() {
        assert_eq!(retry_after(Some("2"), None), Some(Duration::from_secs(2)));
        let (date, now) = ("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:30 GMT");
        assert_eq!(retry_after(Some(date), Some(now)), Some(Duration::from_secs(7)));
        assert_eq!(http_date("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(http_date(date), Some(784_111_777));
        assert_eq!(retry_after(Some("soon"), Some(now)), None);
        let huge = u64::MAX;
        for odd in [
            format!("Sun, 06 Nov {huge} 08:49:37 GMT"),
            format!("Sun, {huge} Nov 1994 08:49:37 GMT"),
            format!("Sun, 06 Nov 1994 {huge}:49:37 GMT"),
            format!("Sun, 06 Nov 1994 08:49:{huge} GMT"),
            "Sun, 06 Nov 0 08:49:37 GMT".to_owned(),
        ] {
            assert_eq!(http_date(&odd), None, "{odd}");
        }
    }

    #[test]
    fn waits_grow_and_have_an_end() {
        let policy =
            RetryPolicy { retries: 3, factor: 10.0, min: Duration::from_millis(100), max: Duration::from_secs(3) };
        for (attempt, full) in [(1, 100), (2, 1000), (3, 3000)] {
            let wait = policy.wait(attempt).as_millis();
            assert!((full / 2..=full).contains(&wait), "{attempt}: {wait}");
        }
    }
}
