//! The Lease by a clock that stands still unless it is told, on a stand-in for the API server.

mod server;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use self::server::Server;
use super::{Attempt, Claim, Election, Leadership, Renewed, Timing};
use crate::config::LeaseName;

const TIMING: Timing = Timing {
    duration: Duration::from_secs(15),
    renew_deadline: Duration::from_secs(10),
    retry: Duration::from_millis(10),
};

/// A clock that a test turns. Clones share it.
#[derive(Clone, Default)]
struct Clock(Arc<AtomicU64>);

impl Clock {
    fn turn(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }

    fn claim(&self) -> Claim {
        let Self(seconds) = self.clone();
        // It began long ago.
        Claim::by(move || Duration::from_secs(1000 + seconds.load(Ordering::SeqCst)))
    }
}

/// A process that wants the Lease, with its clock.
fn process(server: &Server) -> (Election, Clock) {
    let clock = Clock::default();
    let name: LeaseName = "identity/leader".parse().expect("a name");
    (Election::new(server.client(), &name, TIMING, clock.claim()), clock)
}

/// Whether it gets the Lease now.
async fn wins(election: &mut Election) -> bool {
    matches!(election.attempt().await.expect("an answer"), Attempt::Won(_))
}

async fn leading(server: &Server) -> (Leadership, Clock) {
    let (election, clock) = process(server);
    (election.win(|| panic!("nobody else is there")).await, clock)
}

async fn renew(leadership: &mut Leadership) -> Renewed {
    leadership.renew(Duration::from_secs(30)).await.expect("an answer")
}

#[test]
fn a_claim_ends_by_its_clock_alone() {
    let clock = Clock::default();
    let claim = clock.claim();
    assert!(!claim.holds(), "it begins as ended");
    claim.extend(claim.now() + Duration::from_secs(10));
    clock.turn(9);
    assert!(claim.clone().holds());
    clock.turn(1);
    assert!(!claim.holds());
}

#[test]
fn the_clock_of_claims_goes_on() {
    let claim = Claim::default();
    let before = claim.now();
    assert!(!before.is_zero());
    std::thread::sleep(Duration::from_millis(2));
    assert!(claim.now() >= before + Duration::from_millis(2));
}

#[tokio::test]
async fn the_first_makes_the_lease_and_may_write() {
    let server = Server::start().await;
    let (leadership, clock) = leading(&server).await;
    let spec = server.lease().expect("a Lease").spec.expect("a spec");
    assert_eq!(spec.holder_identity.as_ref(), Some(&leadership.election.identity));
    assert_eq!((spec.lease_duration_seconds, spec.lease_transitions), (Some(15), Some(1)));
    assert!(spec.acquire_time.is_some() && spec.acquire_time == spec.renew_time);
    let claim = &leadership.election.claim;
    clock.turn(9);
    assert!(claim.holds());
    clock.turn(1);
    assert!(!claim.holds());
}

#[tokio::test]
async fn another_takes_it_only_after_it_stood_still_for_its_duration() {
    let server = Server::start().await;
    let (mut leadership, _) = leading(&server).await;
    let (mut other, clock) = process(&server);
    for _ in 0..5 {
        assert!(!wins(&mut other).await && !other.claim.holds());
        // As of then it is an old Lease, and it is renewed.
        clock.turn(15);
        assert!(!wins(&mut other).await);
        assert!(matches!(renew(&mut leadership).await, Renewed::Yes));
    }
    assert!(!wins(&mut other).await);
    clock.turn(16);
    assert!(wins(&mut other).await && other.claim.holds());
    let spec = server.lease().expect("a Lease").spec.expect("a spec");
    assert_eq!((spec.holder_identity.as_ref(), spec.lease_transitions), (Some(&other.identity), Some(2)));
    let Renewed::Lost(holder) = renew(&mut leadership).await else { panic!("it took the Lease back") };
    assert_eq!(holder, other.identity);
}

#[tokio::test]
async fn how_long_it_lasts_is_for_its_holder_to_say() {
    let server = Server::start().await;
    let (_leadership, _) = leading(&server).await;
    server.change(|spec| spec.lease_duration_seconds = Some(60));
    let (mut other, clock) = process(&server);
    assert!(!wins(&mut other).await);
    clock.turn(60);
    assert!(!wins(&mut other).await);
    clock.turn(1);
    assert!(wins(&mut other).await);
}

#[tokio::test]
async fn of_two_who_take_it_at_once_one_gets_it() {
    let server = Server::start().await;
    let (leadership, _) = leading(&server).await;
    leadership.release().await;
    let (mut other, _) = process(&server);
    // Between its look and its request.
    server.before_the_next_change(|spec| spec.holder_identity = Some("quicker".to_owned()));
    assert!(!wins(&mut other).await && !other.claim.holds());
    let spec = server.lease().expect("a Lease").spec.expect("a spec");
    assert_eq!(spec.holder_identity.as_deref(), Some("quicker"));
}

#[tokio::test]
async fn a_claim_counts_from_the_beginning_of_the_renewal() {
    let server = Server::start().await;
    let (mut leadership, clock) = leading(&server).await;
    clock.turn(5);
    let slow = clock.clone();
    server.before_the_next_change(move |_| slow.turn(3));
    // The change that it makes is none, but the version is another.
    assert!(matches!(renew(&mut leadership).await, Renewed::Again));
    assert_eq!(leadership.election.claim.left(), Duration::from_secs(2), "nothing was renewed");
    let slow = clock.clone();
    server.while_the_next_answer(move || slow.turn(4));
    assert!(matches!(renew(&mut leadership).await, Renewed::Yes));
    assert_eq!(leadership.election.claim.left(), Duration::from_secs(6));
}

#[tokio::test]
async fn an_answer_that_is_missed_loses_nothing() {
    let server = Server::start().await;
    let (mut leadership, _) = leading(&server).await;
    for _ in 0..2 {
        server.spoil_the_next_answer();
        assert!(leadership.renew(Duration::from_secs(30)).await.is_err());
        assert!(matches!(renew(&mut leadership).await, Renewed::Again));
        assert!(matches!(renew(&mut leadership).await, Renewed::Yes));
    }
    server.spoil_the_next_answer();
    assert!(leadership.renew(Duration::from_secs(30)).await.is_err());
    leadership.release().await;
    assert_eq!(server.lease().expect("a Lease").spec.expect("a spec").holder_identity, None);
}

#[tokio::test]
async fn who_gives_it_back_writes_no_more_and_another_need_not_wait() {
    let server = Server::start().await;
    let (leadership, _) = leading(&server).await;
    let (mut other, _) = process(&server);
    assert!(!wins(&mut other).await);
    let claim = leadership.election.claim.clone();
    leadership.release().await;
    assert!(!claim.holds());
    assert!(wins(&mut other).await);
    assert_eq!(server.lease().expect("a Lease").spec.expect("a spec").lease_transitions, Some(2));
}

#[tokio::test]
async fn another_ones_lease_is_not_given_back() {
    let server = Server::start().await;
    let (leadership, _) = leading(&server).await;
    server.change(|spec| spec.holder_identity = Some("other".to_owned()));
    leadership.release().await;
    let spec = server.lease().expect("a Lease").spec.expect("a spec");
    assert_eq!(spec.holder_identity.as_deref(), Some("other"));
}

#[tokio::test]
async fn keeping_it_ends_with_one_line_and_the_claim() {
    let server = Server::start().await;
    let (mut leadership, clock) = leading(&server).await;
    // The process stood still for long: no request can make that good.
    clock.turn(60);
    let lost = leadership.keep().await.to_string();
    assert_eq!(lost, "lost the Lease identity/leader: it was not renewed for 10 s");

    let (mut other, clock) = process(&server);
    assert!(!wins(&mut other).await);
    clock.turn(16);
    let mut leadership = other.win(|| panic!("it has lapsed")).await;
    server.change(|spec| spec.holder_identity = Some("other".to_owned()));
    let lost = leadership.keep().await.to_string();
    assert_eq!(lost, "lost the Lease identity/leader: other has it");
    assert!(!leadership.election.claim.holds());
}

#[tokio::test]
async fn a_lease_that_is_deleted_is_lost() {
    let server = Server::start().await;
    let (mut leadership, _) = leading(&server).await;
    server.delete();
    let lost = leadership.keep().await.to_string();
    assert_eq!(lost, "lost the Lease identity/leader: nobody has it");
}
