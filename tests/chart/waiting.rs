//! Waiting for conditions.

use std::time::{Duration, Instant};

/// Far more than anything here takes, even on a machine that does much else.
const DEADLINE: Duration = Duration::from_secs(90);

/// Asks again and again until the answer is `wanted`; returns the last answer, which is another when it never is.
pub(crate) async fn answer<T: PartialEq>(wanted: &T, mut ask: impl AsyncFnMut() -> T) -> T {
    let started = Instant::now();
    loop {
        let answer = ask().await;
        if answer == *wanted || started.elapsed() > DEADLINE {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until `condition` holds; panics when it never does.
pub(crate) async fn until(what: &str, condition: impl AsyncFnMut() -> bool) {
    assert!(answer(&true, condition).await, "in vain waited {} s until {what}", DEADLINE.as_secs());
}
